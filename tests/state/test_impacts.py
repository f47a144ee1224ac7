"""Impacts by the hour, over SQLite files and over PostgreSQL."""

from __future__ import annotations

import pytest

from causeway.state import ImpactMark, open_state
from causeway.state.impacts import KEPT_NS
from causeway.window import HOUR_NS


@pytest.fixture
def state(place):
    state = open_state(place)
    yield state
    state.close()


def test_an_hour_is_kept_as_a_whole(state):
    """A second look at an hour replaces all of the first; hours without services are known as looked at."""
    state.add_impacts(2 * HOUR_NS, {"web": 70.0, "cart": 30.5})
    state.add_impacts(3 * HOUR_NS, {})
    state.add_impacts(2 * HOUR_NS, {"web": 71.0})
    assert state.impact_hours(0, 10 * HOUR_NS) == {2 * HOUR_NS, 3 * HOUR_NS}
    assert state.impact_history(0, 10 * HOUR_NS) == [ImpactMark(2 * HOUR_NS, "web", 71.0)]
    assert state.impact_hours(3 * HOUR_NS, 3 * HOUR_NS) == set()
    assert state.impact_history(2 * HOUR_NS, 3 * HOUR_NS, service="cart") == []


def test_what_is_old_is_forgotten(state):
    """Five weeks are kept."""
    state.add_impacts(HOUR_NS, {"web": 1.0})
    state.add_impacts(HOUR_NS + KEPT_NS, {"web": 2.0})
    assert len(state.impact_history(0, 1 << 62)) == 2
    state.add_impacts(2 * HOUR_NS + KEPT_NS, {"web": 3.0})
    assert [mark.impact for mark in state.impact_history(0, 1 << 62)] == [2.0, 3.0]
