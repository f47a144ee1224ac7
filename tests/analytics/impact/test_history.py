"""Impact hour by hour: the job over the simulated shop, and what it leaves in the state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analytics.impact import history
from analytics.impact.history import SETTLED_NS, history_json, history_of, recent_history
from causeway import logs
from causeway.deployment import Deployment
from causeway.jobs import LAG_NS, JobContext
from causeway.state import State, open_state
from causeway.window import HOUR_NS, MINUTE_NS, Window
from tests.table_store import TableStore
from tests.worlds import EPOCH_NS, Shop, shop_store

# Whole hours of Unix time: the shop is open for three hours from a little before FIRST on.
FIRST = EPOCH_NS // HOUR_NS * HOUR_NS
LATE_NS = LAG_NS + SETTLED_NS


@dataclass
class Keeper:
    store: TableStore
    state: State
    folder: Path
    leads: bool = True
    memory: dict[str, object] = field(default_factory=dict)

    def at(self, now_ns: int) -> float:
        deployment = Deployment(self.folder)
        log = logs.get("test")
        return history.job(
            JobContext(self.store, self.state, {}, now_ns, deployment, log, self.memory, lambda: self.leads)
        )

    def kept(self) -> set[int]:
        return {(hour - FIRST) // HOUR_NS for hour in self.state.impact_hours(0, 1 << 62)}


@pytest.fixture(scope="module")
def store() -> TableStore:
    return shop_store(Shop(minutes=(120, 60), rate=1.0))


@pytest.fixture
def keeper(tmp_path: Path, store: TableStore) -> Iterator[Keeper]:
    state = open_state(tmp_path)
    yield Keeper(store, state, tmp_path)
    state.close()


def test_every_full_hour_is_kept_once(keeper: Keeper) -> None:
    """The newest first, one at each look; then nothing until the next hour is over and settled."""
    begun = (min(keeper.store.table("rollup_coverage")["slot_ns"].to_pylist()) - FIRST) // HOUR_NS
    now = FIRST + 2 * HOUR_NS + LATE_NS
    assert keeper.at(now) == history.PAUSE_S and keeper.kept() == {1}
    for _ in range(3):
        wait_s = keeper.at(now)
    assert keeper.kept() == set(range(begun, 2)) and wait_s == pytest.approx(3600.0)
    assert keeper.at(now + 50 * MINUTE_NS) == pytest.approx(600.0) and max(keeper.kept()) == 1
    keeper.at(now + HOUR_NS)
    assert max(keeper.kept()) == 2


def test_what_is_kept_is_what_the_hour_scores(keeper: Keeper) -> None:
    """Highest is who takes the requests in; an hour that was not looked at is a hole."""
    keeper.at(FIRST + 2 * HOUR_NS + LATE_NS)
    found = recent_history(keeper.state, FIRST + 2 * HOUR_NS)
    assert found.hours_ns[-1] == FIRST + HOUR_NS and len(found.hours_ns) == 1
    last = {name: series[-1] for name, series in found.impacts.items()}
    assert max(last, key=lambda name: last[name] or 0.0) == "frontend"
    assert last == pytest.approx(history.hourly_impacts(keeper.store, FIRST + HOUR_NS))
    keeper.state.add_impacts(FIRST - 2 * HOUR_NS, {"cart": 5.0})
    longer = recent_history(keeper.state, FIRST + 2 * HOUR_NS)
    assert longer.of("cart")[:3] == (5.0, None, None) and longer.of("frontend")[:3] == (None, None, None)
    assert found.of("nobody") == (None,)
    document = history_json(history_of(keeper.state, Window(FIRST, FIRST + 2 * HOUR_NS), "cart"))
    assert list(document["services"]) == ["cart"] and document["services"]["cart"][0] is None


def test_who_does_not_lead_keeps_nothing(keeper: Keeper) -> None:
    """Leadership may be lost while an hour is scored."""
    keeper.leads = False
    keeper.at(FIRST + 2 * HOUR_NS + LATE_NS)
    assert keeper.kept() == set()


def test_hours_without_requests_are_looked_at_once(keeper: Keeper) -> None:
    """After a pause the hours in between are made up for, as far back as a day; empty ones stay empty."""
    now = FIRST + 40 * HOUR_NS + LATE_NS
    looks = 0
    while keeper.at(now) == history.PAUSE_S:
        looks += 1
        assert looks < 30
    assert keeper.kept() == set(range(16, 40))
    assert recent_history(keeper.state, now) == history.NO_HISTORY


def test_nothing_stored_is_nothing_to_keep(keeper: Keeper) -> None:
    """An empty store is asked again soon."""
    keeper.store = TableStore()
    assert keeper.at(FIRST + 2 * HOUR_NS + LATE_NS) == 60.0 and keeper.kept() == set()
