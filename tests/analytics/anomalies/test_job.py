"""The job: what it keeps minute by minute, over restarts, and where it must not write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from analytics.anomalies import job as judging
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.job import SETTLED_NS
from analytics.anomalies.keeping import FILE_NAME
from analytics.anomalies.kept import kept_events, progress_of
from analytics.anomalies.replay import replayed
from causeway import logs
from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.jobs import LAG_NS, JobContext
from causeway.state import State, open_state
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS
from tests.analytics.anomalies.long_store import Days, Fault, long_store
from tests.table_store import TableStore

FAULT_MINUTE = 2900
DAYS = Days(
    faults=(
        Fault("cart", FAULT_MINUTE, slower=4.0),
        Fault("front", FAULT_MINUTE + 3, slower=2.5),
        Fault("alone", FAULT_MINUTE + 60, failing=0.4),
    )
)
LATE_NS = LAG_NS + SETTLED_NS


@dataclass
class Keeper:
    store: Reader
    state: State
    folder: Path
    leads: bool = True
    config: dict[str, object] = field(default_factory=dict)
    memory: dict[str, object] = field(default_factory=dict)

    def at(self, minute: int) -> float:
        """Run at that minute's end until nothing is left to do."""
        for _ in range(1000):
            wait_s = self.turn(minute)
            if wait_s > judging.PAUSE_S:
                return wait_s
        raise AssertionError("the job never comes to rest")

    def turn(self, minute: int) -> float:
        context = JobContext(
            self.store,
            self.state,
            self.config,
            DAYS.at(minute) + LATE_NS,
            Deployment(self.folder),
            logs.get("test"),
            self.memory,
            lambda: self.leads,
        )
        return judging.job(context)

    def restart(self) -> None:
        self.memory = {}

    def found(self, start: int = 2880) -> FoundEvents:
        found = kept_events(self.state, DAYS.window(start))
        assert found is not None
        return found


@pytest.fixture(scope="module")
def store() -> TableStore:
    return long_store(DAYS)


@pytest.fixture
def keeper(tmp_path: Path, store: TableStore) -> Iterator[Keeper]:
    state = open_state(tmp_path)
    yield Keeper(store, state, tmp_path)
    state.close()


def _plain(events: tuple[FoundEvent, ...]) -> list[FoundEvent]:
    return [replace(event, id=None) for event in events]


def test_what_is_kept_is_what_is_worked_out_from_the_store(keeper: Keeper, store: TableStore) -> None:
    """The job's events are those of the command without a job; the same minute later there is nothing to do."""
    assert 0 < keeper.at(DAYS.minutes) <= 60.0
    worked_out = replayed(store, DAYS.window(2880))
    assert _plain(keeper.found().events) == _plain(worked_out.events) != []
    assert sorted(event.lead for event in keeper.found().events) == ["alone", "cart"]
    assert keeper.found().judged_until_ns == DAYS.end_ns
    before = keeper.found()
    keeper.at(DAYS.minutes)
    assert keeper.found() == before


def test_an_event_grows_and_keeps_its_number(keeper: Keeper) -> None:
    """A neighbour that alarms minutes later joins the event that is open, under the same number."""
    keeper.at(FAULT_MINUTE + 1)
    (first,) = keeper.found().events
    assert first.entities == ("cart",)
    keeper.at(FAULT_MINUTE + 10)
    (grown,) = keeper.found().events
    assert grown.id == first.id and set(grown.entities) == {"cart", "front"} and grown.lead == "cart"


@pytest.mark.parametrize("minute", [2000, 2881, FAULT_MINUTE + 1, FAULT_MINUTE + 4, 2965])
def test_a_restart_in_the_middle_gives_the_same_events(keeper: Keeper, store: TableStore, minute: int) -> None:
    """Whatever was saved last, events are those of one that never stopped, none is there twice."""
    keeper.at(minute)
    keeper.restart()
    keeper.at(DAYS.minutes)
    assert _plain(keeper.found().events) == _plain(replayed(store, DAYS.window(2880)).events)


def test_a_lost_file_is_learned_anew(keeper: Keeper, store: TableStore) -> None:
    """Without the file what is stored teaches the same; kept events stay as they are, later ones are found."""
    keeper.at(FAULT_MINUTE + 30)
    before = keeper.found().events
    (keeper.folder / FILE_NAME).write_bytes(b"half a file")
    keeper.restart()
    keeper.at(DAYS.minutes)
    after = keeper.found().events
    assert [event for event in after if event.lead == "cart"] == list(before)
    assert sorted(event.lead for event in after) == ["alone", "cart"]


def test_who_does_not_lead_keeps_nothing(keeper: Keeper) -> None:
    """It writes neither events nor its file; when it leads it makes up for it."""
    keeper.leads = False
    keeper.turn(DAYS.minutes)
    assert progress_of(keeper.state) is None and not (keeper.folder / FILE_NAME).exists()
    keeper.leads = True
    keeper.at(DAYS.minutes)
    assert len(keeper.found().events) == 2


def test_alarms_that_could_not_be_written_are_written_later(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that does not answer loses no event."""
    keeper.at(FAULT_MINUTE)
    with monkeypatch.context() as broken:

        def refuse(*_: object, **__: object) -> list[int]:
            raise StoreError("no answer")

        broken.setattr(keeper.state, "put_anomalies", refuse)
        with pytest.raises(StoreError):
            keeper.turn(FAULT_MINUTE + 2)
    keeper.at(FAULT_MINUTE + 2)
    assert [event.lead for event in keeper.found().events] == ["cart"]


def test_until_enough_was_seen_it_says_that_it_learns(keeper: Keeper) -> None:
    """After ten hours nothing was judged, and it is known since when it will be."""
    keeper.at(600)
    found = keeper.found(540)
    assert found.events == () and found.judged_until_ns is None
    assert found.learned.learning == found.learned.series > 0
    assert found.learned.until_ns == DAYS.at(6 * 360)


def test_an_empty_store_is_nothing_to_judge(keeper: Keeper) -> None:
    """The job waits; nobody claims that all is well."""
    keeper.store = TableStore()
    assert keeper.turn(DAYS.minutes) == 60.0
    assert kept_events(keeper.state, DAYS.window(2880)) is None


def test_old_events_are_forgotten(keeper: Keeper) -> None:
    """What ended longer ago than `keep_days` is deleted."""
    keeper.config = {"anomalies": {"keep_days": 0.02}}
    keeper.at(DAYS.minutes)
    assert all(event.last_ns > DAYS.end_ns - 30 * MINUTE_NS for event in keeper.found().events)


def test_wrong_settings_stop_the_start() -> None:
    """An unknown key and a knob of nothing are refused."""
    for table in ({"alarms": 1}, {"alarms_per_week": 0.0}):
        with pytest.raises(ConfigError, match="anomalies"):
            judging.check({"anomalies": table})


def test_switched_off_it_does_nothing(keeper: Keeper) -> None:
    """`enabled = false` reads and writes nothing."""
    keeper.config = {"anomalies": {"enabled": False}}
    assert keeper.turn(DAYS.minutes) == 60.0 and progress_of(keeper.state) is None
