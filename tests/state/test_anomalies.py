"""Anomaly events, over SQLite files and over PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from causeway.state import AnomalyRow, open_state


@pytest.fixture
def state(place):
    state = open_state(place)
    yield state
    state.close()


EARLY = AnomalyRow(100, 200, "cart", 3.5, {"alarms": [1]})
LATE = AnomalyRow(300, 400, "front", 1.5, {"alarms": []})


def test_events_of_a_window(state):
    """Those with a part in it, the highest score first, under the numbers that were given; ends are half-open."""
    early, late = state.put_anomalies([EARLY, LATE], {"until_ns": 7})
    assert state.anomaly_rows(0, 1000) == [replace(EARLY, id=early), replace(LATE, id=late)]
    assert state.anomaly_rows(200, 300) == [replace(EARLY, id=early)]
    assert state.anomaly_rows(201, 300) == []
    assert state.anomaly_rows(0, 1000, limit=1) == [replace(EARLY, id=early)]
    assert state.anomaly_row(early) == replace(EARLY, id=early) and state.anomaly_row(99) is None


def test_an_event_is_replaced_and_deleted(state):
    """One with a number takes its place; those that became part of another, and old ones, go."""
    early, late = state.put_anomalies([EARLY, LATE], {})
    assert state.put_anomalies([replace(EARLY, id=early, last_ns=250)], {}, gone=[late]) == [early]
    assert state.anomaly_rows(0, 1000) == [replace(EARLY, id=early, last_ns=250)]
    state.put_anomalies([], {}, before_ns=251)
    assert state.anomaly_rows(0, 1000) == []


def test_the_last_progress_is_kept(state):
    """None before the job ever ran."""
    assert state.anomaly_progress() is None
    state.put_anomalies([], {"until_ns": 1})
    state.put_anomalies([], {"until_ns": 2, "learned": {"series": 3}})
    assert state.anomaly_progress() == {"until_ns": 2, "learned": {"series": 3}}
