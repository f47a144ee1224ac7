"""The watch over a simulated shop, looked at every quarter of a minute as the runner would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics import watch
from analytics.watch_check import CLOSING, OPENING, look, usual
from causeway import logs
from causeway.deployment import Deployment
from causeway.errors import ConfigError
from causeway.findings import DiagnosisVerdict, Verdict
from causeway.jobs import LAG_NS, JobContext
from causeway.state import State, open_state
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.table_store import TableStore
from tests.worlds import Fault, Shop, shop_store, usual_fault

# Diagnoses without a suspicion are tested by themselves; elsewhere they only cost time.
SUSPICION_ONLY = {"watch": {"full_every_s": 0.0}}


@dataclass
class Watched:
    """A shop's telemetry, a state, and the time."""

    store: TableStore
    state: State
    folder: Path
    now_ns: int
    config: dict[str, Any] = field(default_factory=lambda: dict(SUSPICION_ONLY))
    memory: dict[str, Any] = field(default_factory=dict)

    def until(self, end_ns: int) -> None:
        """Look as often as the job asks for."""
        while self.now_ns < end_ns:
            context = JobContext(
                self.store, self.state, self.config, self.now_ns, Deployment(self.folder), logs.get("test"), self.memory
            )
            self.now_ns += int(watch.job(context) * SECOND_NS)

    def told(self) -> list[tuple[str, bool]]:
        """(cause or nothing, is over) of each incident, oldest first."""
        return [
            (one.diagnosis.hypotheses[0].entity if one.diagnosis.hypotheses else "", one.resolved_ns is not None)
            for one in reversed(self.state.incidents())
        ]


@pytest.fixture
def watched(tmp_path):
    made: list[Watched] = []

    def make(*faults: Fault | str, minutes: tuple[int, int] = (75, 15), seed: int = 0, **options: Any):
        chosen = tuple(usual_fault(fault) if isinstance(fault, str) else fault for fault in faults)
        shop = Shop(seed=seed, faults=chosen, minutes=minutes)
        state = open_state(tmp_path / f"{len(made)}")
        made.append(Watched(shop_store(shop), state, tmp_path, shop.window.start_ns, **options))
        return made[-1], shop

    yield make
    for one in made:
        one.state.close()


@pytest.mark.parametrize("fault", ["latency", "slow_db", "errors", "crash", "release"])
def test_incident_names_what_is_broken(watched, fault):
    """Within two minutes of a fault there is one incident at the entry point, with the right cause and onset."""
    here, shop = watched(fault, minutes=(75, 6))
    onset_ns = shop.onset_ns(shop.faults[0])
    here.until(onset_ns + 2 * MINUTE_NS)
    assert here.told() == [(shop.faults[0].entity, False)]
    incident = here.state.incident(1)
    assert incident.entity == "frontend" and incident.impact > 0
    assert abs(incident.opened_ns - onset_ns) <= MINUTE_NS / 2
    assert incident.diagnosis.symptoms and incident.diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND


@pytest.mark.parametrize("seed", range(3))
def test_quiet_shop_has_no_incident(watched, seed):
    """A quarter of an hour of noise opens nothing."""
    here, shop = watched(seed=seed)
    here.until(shop.window.end_ns)
    assert here.told() == []


def test_incident_is_followed_and_resolved(watched):
    """It stays one incident while the fault lasts, keeps its first onset, and ends when all is as usual."""
    here, shop = watched("errors", minutes=(75, 8))
    here.until(shop.window.end_ns)
    first = here.state.incident(1)
    assert here.told() == [("orders", False)] and first.verdict is Verdict.CRITICAL
    # The shop recovers: the quiet minutes from before the fault, as if they came now.
    shift_ns = shop.window.end_ns - shop.window.start_ns + 20 * MINUTE_NS
    here.store = shop_store(Shop(seed=1, minutes=(75, 40), start_ns=shop.start_ns + shift_ns))
    here.state.update_incident(1, now_ns=here.now_ns)
    here.now_ns = shop.window.start_ns + shift_ns + 10 * MINUTE_NS
    here.store = _Both(shop_store(Shop(faults=shop.faults, minutes=(75, 8))), here.store)
    here.until(here.now_ns + 3 * MINUTE_NS)
    last = here.state.incident(1)
    assert here.told() == [("orders", True)]
    assert last.opened_ns == first.opened_ns and last.diagnosis.onset_ns == first.diagnosis.onset_ns


class _Both(TableStore):
    """Two stores, one after the other in time, seen as one."""

    def __init__(self, earlier: TableStore, later: TableStore) -> None:
        import pyarrow as pa

        names = set(earlier.tables) | set(later.tables)
        joined = {}
        for name in names:
            parts = [store.tables[name] for store in (earlier, later) if name in store.tables]
            joined[name] = pa.concat_tables(parts) if name != "series" else parts[0]
        super().__init__(joined)


def test_without_requests_an_incident_stays_open(watched):
    """No data is unknown, not quiet: nobody can tell that it is over."""
    here, shop = watched("errors", minutes=(75, 6))
    here.until(shop.window.end_ns)
    here.now_ns = shop.window.end_ns + 30 * MINUTE_NS
    here.until(here.now_ns + 5 * MINUTE_NS)
    assert here.told() == [("orders", False)]


def test_incident_that_became_usual_ends(watched):
    """After `max_age_s` the new level is what is usual; the incident does not stay for ever."""
    here, shop = watched("errors", minutes=(75, 6), config={"watch": {"full_every_s": 0.0, "max_age_s": 600.0}})
    here.until(shop.window.end_ns)
    here.now_ns = shop.window.end_ns + 20 * MINUTE_NS
    here.until(here.now_ns + MINUTE_NS)
    assert next(over for _, over in here.told())


def test_restarted_process_goes_on_with_the_incident(watched):
    """What it remembers may be lost: the open incident is in the state, and no second one is opened."""
    here, shop = watched("latency", minutes=(75, 6))
    here.until(shop.onset_ns(shop.faults[0]) + 2 * MINUTE_NS)
    here.memory.clear()
    here.until(shop.window.end_ns)
    assert here.told() == [("payment", False)]


def test_leak_that_nobody_feels_yet_is_found_without_suspicion(watched):
    """A diagnosis runs now and then without any symptom; what it finds twice becomes a warning."""
    fault = Fault("cpu", "mailer", size=1.0)
    here, shop = watched(fault, minutes=(75, 15), config={"watch": {"full_every_s": 120.0}})
    here.until(shop.window.end_ns)
    assert [cause for cause, _ in here.told()] == ["mailer"]
    incident = here.state.incident(1)
    assert incident.verdict is Verdict.WARNING and incident.entity == "mailer" and not incident.diagnosis.symptoms


def test_watch_can_be_switched_off(watched):
    """Disabled, it opens nothing whatever happens."""
    here, shop = watched("errors", minutes=(75, 5), config={"watch": {"enabled": False}})
    here.until(shop.window.end_ns)
    assert here.told() == []


def test_without_history_it_waits(watched):
    """A new installation has nothing to compare with, and says nothing."""
    here, shop = watched("errors", minutes=(2, 6))
    here.until(shop.window.end_ns)
    assert here.told() == []


def test_wrong_settings_are_named():
    """A typo in [watch] is an error at the start."""
    with pytest.raises(ConfigError, match="evry_s"):
        watch.check({"watch": {"evry_s": 1.0}})
    with pytest.raises(ConfigError, match="positive"):
        watch.check({"watch": {"every_s": 0.0}})


def test_quiet_looks_are_rarely_suspicious():
    """The cheap look raises few false suspicions, and the bar to close is below the bar to open."""
    shop = Shop(minutes=(75, 15))
    store = shop_store(shop)
    before = usual(store, Window(shop.window.start_ns - 60 * MINUTE_NS, shop.window.start_ns))
    ends = range(shop.window.start_ns + 2 * MINUTE_NS, shop.window.end_ns, 15 * SECOND_NS)
    opening = [bool(look(store, Window(end - 90 * SECOND_NS, end), before).suspects) for end in ends]
    closing = [bool(look(store, Window(end - 120 * SECOND_NS, end), before, CLOSING).suspects) for end in ends]
    assert sum(opening) <= 0.25 * len(opening)
    assert sum(closing) < len(closing)
    assert CLOSING.slower_min < OPENING.slower_min and CLOSING.failing_min < OPENING.failing_min


def test_look_at_nothing_is_nothing():
    """No requests: no suspects, and the caller can tell that nothing was seen."""
    empty = TableStore()
    window = Window(0, MINUTE_NS)
    before = usual(empty, window)
    assert not before.known
    assert look(empty, window, before) == look(empty, window, before) and look(empty, window, before).calls == 0
    assert LAG_NS == 10 * SECOND_NS
