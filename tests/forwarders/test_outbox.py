"""The outbox job against a target in memory, with a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from causeway.errors import DeliveryFailed
from causeway.findings import Verdict
from causeway.state import Delivery, open_state
from causeway.window import DAY_NS, SECOND_NS
from forwarders import outbox
from forwarders.contract import Alert, AlertStatus, Common
from forwarders.targets import Target
from tests.forwarders.incidents import START_NS, context, opened


@dataclass
class Sink:
    """A target that keeps what it took, and can be away or refuse alerts."""

    repeat_s: float | None = 60.0
    away: bool = False
    refused: tuple[str, ...] = ()
    taken: list[Alert] = field(default_factory=list)
    asked: int = 0

    def deliver(self, alert: Alert, *, now_ns: int) -> None:
        assert now_ns >= START_NS
        self.asked += 1
        if self.away:
            raise DeliveryFailed("away")
        if alert.key in self.refused:
            raise DeliveryFailed("refused", permanent=True)
        self.taken.append(alert)

    def close(self) -> None:
        pass

    def said(self) -> list[tuple[str, str, str]]:
        return [(alert.key, alert.status.value, alert.verdict.value) for alert in self.taken]


class World:
    """A state, a sink and a clock."""

    def __init__(self, folder, **sink):
        self.folder = folder
        self.state = open_state(folder)
        self.sink = Sink(**sink)
        self.now_ns = START_NS
        self.memory: dict = {}
        self.restart()

    def restart(self):
        """A new process: what it remembered is gone, the state remains."""
        target = Target("sink", "sink", self.sink)
        self.memory = {"forward": outbox._Memory((target,), Common())}

    def run(self, seconds: float = 0.0):
        self.now_ns += int(seconds * SECOND_NS)
        given = context(self.state, {}, now_ns=self.now_ns, folder=self.folder, memory=self.memory)
        return outbox.job(given)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.run()  # the target is known before anything happens
    yield world
    world.state.close()


def test_incident_fires_repeats_and_resolves(world):
    """It is told at once, again every minute while it lasts, and its end once."""
    number = opened(world.state)
    for seconds in (1, 30, 30, 61):
        world.run(seconds)
    world.state.resolve_incident(number, now_ns=world.now_ns)
    for seconds in (1, 61, 61):
        world.run(seconds)
    assert world.sink.said() == [("INC-1", "firing", "CRITICAL")] * 3 + [("INC-1", "resolved", "CRITICAL")]
    assert world.sink.taken[-1].ends_ns == world.state.incident(number).resolved_ns


def test_target_that_wants_it_once_hears_it_once(tmp_path):
    """Without a repetition the firing alert is delivered one time."""
    world = World(tmp_path, repeat_s=None)
    world.run()
    opened(world.state)
    for seconds in (1, 61, 61):
        world.run(seconds)
    assert world.sink.said() == [("INC-1", "firing", "CRITICAL")]
    world.state.close()


def test_outage_loses_nothing_and_keeps_order(world):
    """What began and ended while the target was away is told afterwards, the beginning first."""
    world.sink.away = True
    first = opened(world.state)
    world.run(1)
    world.state.resolve_incident(first, now_ns=world.now_ns)
    second = opened(world.state, now_ns=world.now_ns, entity="cart")
    for _ in range(20):
        world.run(30)
    assert world.sink.taken == []
    world.sink.away = False
    for _ in range(20):
        world.run(30)
    told = world.sink.said()
    assert [one for one in told if one[0] == "INC-1"] == [
        ("INC-1", "firing", "CRITICAL"),
        ("INC-1", "resolved", "CRITICAL"),
    ]
    assert second == 2 and {one for one in told if one[0] == "INC-2"} == {("INC-2", "firing", "CRITICAL")}


def test_restart_delivers_what_waits_and_nothing_twice(world):
    """The outbox outlives the process: waiting rows go out, those delivered do not."""
    world.sink.away = True
    opened(world.state)
    world.run(1)
    world.restart()
    world.sink.away = False
    world.run(30)
    world.restart()
    world.run(1)
    assert world.sink.said() == [("INC-1", "firing", "CRITICAL")]


def test_crash_between_delivery_and_note_tells_it_again(world, monkeypatch):
    """At least once: what was taken but not noted is sent again, when the claim on it runs out."""
    opened(world.state)

    def dies(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(world.state), "mark_delivered", dies)
        with pytest.raises(KeyboardInterrupt):
            world.run(1)
    world.restart()
    world.run(1)
    assert len(world.sink.taken) == 1
    world.run(outbox.CLAIM_NS / SECOND_NS)
    assert len(world.sink.taken) == 2


def test_refused_alert_is_dead_and_holds_up_no_other(world):
    """A permanent failure concerns that alert alone; it is kept, with the reason."""
    world.sink.refused = ("INC-1",)
    opened(world.state)
    opened(world.state, entity="cart")
    world.run(1)
    assert world.sink.said() == [("INC-2", "firing", "CRITICAL")]
    dead = world.state.outbox_rows(delivery=Delivery.DEAD)
    assert [(row.key, row.error) for row in dead] == [("INC-1/firing/CRITICAL", "refused")]


def test_target_that_is_away_is_asked_ever_more_seldom(world):
    """One question for all rows, and pauses that grow to at most five minutes."""
    world.sink.away = True
    for name in ("a", "b", "c"):
        opened(world.state, entity=name)
    world.run(1)
    assert world.sink.asked == 1
    for _ in range(720):
        world.run(5)
    # In an hour: about ten while the pauses double, then at most one every two and a half minutes.
    assert 12 <= world.sink.asked <= 40


def test_worse_verdict_takes_the_place_of_the_first(world):
    """An escalation is a new alert that names what it supersedes; the old row is not sent any more."""
    number = opened(world.state, verdict=Verdict.WARNING)
    world.run(1)
    world.state.update_incident(number, now_ns=world.now_ns + 1, verdict=Verdict.CRITICAL)
    for seconds in (1, 61):
        world.run(seconds)
    assert world.sink.said() == [("INC-1", "firing", "WARNING")] + [("INC-1", "firing", "CRITICAL")] * 2
    assert world.sink.taken[-1].superseded == (Verdict.WARNING,)


def test_repetition_says_what_is_known_now(world):
    """A better diagnosis is in the next repetition, without a new row."""
    number = opened(world.state)
    world.run(1)
    world.state.update_incident(number, now_ns=world.now_ns + 1, impact=77.0)
    world.run(61)
    assert [alert.impact for alert in world.sink.taken] == [42.0, 77.0]
    assert len(world.state.outbox_rows()) == 1


def test_new_target_hears_of_what_lasts_only(tmp_path):
    """History is not told to a target that was just configured."""
    world = World(tmp_path)
    over = opened(world.state)
    world.state.resolve_incident(over, now_ns=START_NS + 1)
    opened(world.state, entity="cart")
    world.run(1)
    assert world.sink.said() == [("INC-2", "firing", "CRITICAL")]
    world.state.close()


def test_silenced_entity_is_told_when_the_silence_ends(world):
    """A silence holds the alert back; if it still lasts afterwards, it is told."""
    world.state.silence("frontend", starts_ns=START_NS, ends_ns=START_NS + 100 * SECOND_NS)
    opened(world.state)
    world.run(50)
    assert world.sink.taken == []
    world.run(60)
    assert world.sink.said() == [("INC-1", "firing", "CRITICAL")]


def test_after_a_week_it_is_given_up(world):
    """A target that never comes back leaves a dead row, not an endless one."""
    world.sink.away = True
    opened(world.state)
    world.run(1)
    world.run(8 * DAY_NS / SECOND_NS)
    assert [row.delivery for row in world.state.outbox_rows()] == [Delivery.DEAD]


def test_without_targets_it_hardly_runs(tmp_path):
    """Nothing configured: nothing is put in, and the job asks to be left alone for a minute."""
    state = open_state(tmp_path)
    opened(state)
    assert outbox.job(context(state, {}, now_ns=START_NS, folder=tmp_path, memory={})) == outbox.IDLE_S
    assert state.outbox_rows() == []
    state.close()


def test_alert_status_is_part_of_the_key(world):
    """Each state of an incident is one row per target: looking again puts in nothing."""
    number = opened(world.state)
    for _ in range(3):
        world.run(1)
    world.state.resolve_incident(number, now_ns=world.now_ns)
    world.run(1)
    keys = sorted(row.key for row in world.state.outbox_rows())
    assert keys == [f"INC-1/{status.value}/CRITICAL" for status in AlertStatus]
