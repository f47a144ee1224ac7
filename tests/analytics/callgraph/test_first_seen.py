"""Since when each edge is known."""

from __future__ import annotations

import pandas as pd
import pytest

from analytics.callgraph.first_seen import Sightings, sightings
from analytics.callgraph.level import Level
from causeway.window import DAY_NS, HOUR_NS, MINUTE_NS
from tests.analytics.callgraph.made_calls import START, calls_store, steady
from tests.table_store import TableStore

UNTIL = START + DAY_NS


def seen(store: TableStore, *wanted: str, look_back_ns: int = 7 * DAY_NS) -> Sightings:
    keys = pd.MultiIndex.from_tuples([("web", name, "sync") for name in wanted], names=["caller", "callee", "kind"])
    return sightings(store, Level.SERVICE, UNTIL, keys, look_back_ns=look_back_ns)


@pytest.mark.parametrize("minute", [1, 59, 60, 777, 1439])
def test_first_and_last_calls_are_found_to_the_slot(minute: int) -> None:
    """However long ago within the look back, the time of a wanted edge is that of its ten seconds."""
    store = calls_store([*steady("web", "api", range(1440)), *steady("web", "late", range(minute, 1440, 7))])
    row = seen(store, "late").frame.loc[("web", "late", "sync")]
    assert row["first_seen_ns"] == START + minute * MINUTE_NS and row["within_ns"] <= 10 * 10**9
    last = range(minute, 1440, 7)[-1]
    assert row["last_seen_ns"] == START + last * MINUTE_NS
    assert not row["first_seen_earlier"]


def test_edges_as_old_as_the_data_were_there_earlier() -> None:
    """Of an edge that is there from the beginning it is only known that it is at least as old."""
    found = seen(calls_store([*steady("web", "api", range(1440)), *steady("web", "late", range(600, 660))]), "late")
    assert found.frame["first_seen_earlier"].to_dict() == {
        ("web", "api", "sync"): True,
        ("web", "late", "sync"): False,
    }
    assert found.looked.start_ns <= START


def test_the_look_back_is_bounded() -> None:
    """What is older than the look back counts as earlier than it."""
    found = seen(calls_store(steady("web", "api", range(1440))), "api", look_back_ns=2 * HOUR_NS)
    row = found.frame.loc[("web", "api", "sync")]
    assert row["first_seen_earlier"] and 0 <= row["first_seen_ns"] - (UNTIL - 2 * HOUR_NS) < MINUTE_NS
    assert found.looked.start_ns >= UNTIL - 2 * HOUR_NS


def test_young_data_is_looked_at_closely() -> None:
    """In a store of half an hour, an edge that came after five minutes is not as old as the data."""
    late = range(1410, 1440)
    found = seen(calls_store([*steady("web", "api", late), *steady("web", "new", late[5:])]), "new")
    row = found.frame.loc[("web", "new", "sync")]
    assert row["first_seen_ns"] == START + late[5] * MINUTE_NS and not row["first_seen_earlier"]


def test_no_calls_are_no_sightings() -> None:
    """An empty store has seen nothing, over the time asked for."""
    found = seen(TableStore(), "api", look_back_ns=HOUR_NS)
    assert found.frame.empty and found.looked.end_ns >= UNTIL
