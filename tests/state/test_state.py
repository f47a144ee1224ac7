"""The state: the same rules over SQLite files and over PostgreSQL."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from causeway.errors import ConfigError, StoreError
from causeway.findings import (
    Diagnosis,
    DiagnosisVerdict,
    Finding,
    Message,
    PatrolReport,
    Verdict,
)
from causeway.state import Delivery, open_state
from causeway.state.patrols import RUNS_MAX
from causeway.window import Window

WINDOW = Window(1_000, 2_000)
DIAGNOSIS = Diagnosis(WINDOW, Window(0, 1_000), DiagnosisVerdict.NO_CLEAR_CAUSE, 1_500, ())


@pytest.fixture
def state(place):
    state = open_state(place)
    yield state
    state.close()


def opened(state, entity="web", **changes):
    given = {
        "entity": entity,
        "verdict": Verdict.WARNING,
        "summary": Message("alert.x", {"n": 1}),
        "diagnosis": DIAGNOSIS,
        "now_ns": 100,
    }
    return state.open_incident(**{**given, **changes})


def report(generated_ns=5, score=90.0):
    finding = Finding("latency", "web", Verdict.WARNING, Message("patrol.x"), 2.0, "ms", 1.0)
    return PatrolReport(WINDOW, score, Verdict.WARNING, (finding,), generated_ns, {"WARNING": 1})


def test_incident_lives_through_its_states(state):
    """Numbers count up; an update replaces what is given and keeps the rest; resolving is final."""
    first, second = opened(state, opened_ns=50), opened(state, "cart")
    assert (first.id, second.id) == (1, 2)
    changed = state.update_incident(1, now_ns=200, verdict=Verdict.CRITICAL, impact=70.0)
    assert (changed.verdict, changed.opened_ns, changed.updated_ns, changed.summary) == (
        Verdict.CRITICAL,
        50,
        200,
        first.summary,
    )
    over = state.resolve_incident(1, now_ns=300)
    assert over.resolved_ns == 300 and state.resolve_incident(1, now_ns=400) == over
    assert [incident.id for incident in state.incidents(open_only=True)] == [2]
    assert state.incident(1) == over and state.incident(9) is None


def test_incidents_are_listed_newest_first_and_since(state):
    """The list is by opening, newest first, capped, and may be narrowed to what changed."""
    for moment in (100, 300, 200):
        opened(state, now_ns=moment)
    assert [incident.opened_ns for incident in state.incidents()] == [300, 200, 100]
    assert len(state.incidents(limit=2)) == 2
    assert [incident.opened_ns for incident in state.incidents(changed_since_ns=200)] == [300, 200]
    assert state.incidents_changed_ns() == 300


def test_change_of_an_unknown_incident_is_an_error(state):
    """Nothing is made up."""
    with pytest.raises(StoreError, match="no incident 7"):
        state.resolve_incident(7, now_ns=1)
    assert state.incidents() == [] and state.incidents_changed_ns() is None


def test_patrol_runs_come_back_whole(state):
    """A run keeps its report, files and schedule; the history has them without findings."""
    first = state.add_patrol_run(report(5), {"html": "reports/a/patrol.html"}, "a")
    state.add_patrol_run(report(6, None), None, "b")
    third = state.add_patrol_run(report(7), None, "a")
    assert state.patrol_run(first.id) == first
    assert [run.report.generated_ns for run in state.patrol_runs(2)] == [7, 6]
    assert state.patrol_runs(5, schedule="a") == [third, first]
    assert state.previous_patrol_run(third) == first and state.previous_patrol_run(first) is None
    assert [(mark.score, mark.counts) for mark in state.patrol_history()][1] == (None, {"WARNING": 1})


def test_old_patrol_runs_are_forgotten(state, monkeypatch):
    """Only the newest RUNS_MAX are kept."""
    assert RUNS_MAX >= 96  # at least a day of quarters of an hour
    monkeypatch.setattr("causeway.state.patrols.RUNS_MAX", 3)
    for moment in range(5):
        state.add_patrol_run(report(moment))
    assert [run.report.generated_ns for run in state.patrol_runs()] == [4, 3, 2]


def test_schedules_remember_their_last_run(state):
    """A schedule that never ran has no last run; noting replaces."""
    assert state.last_run("x") is None
    for moment in (5, 9):
        state.note_run("x", moment)
    assert state.last_run("x") == 9


def test_outbox_takes_a_key_once(state):
    """The same key for the same forwarder is one message; another forwarder has its own."""
    assert state.enqueue("am", "1/firing", {"n": 1}, now_ns=10)
    assert not state.enqueue("am", "1/firing", {"n": 2}, now_ns=11)
    assert state.enqueue("mail", "1/firing", {"n": 3}, now_ns=12)
    assert [row.payload for row in state.due(12)] == [{"n": 1}, {"n": 3}]
    assert state.due(9) == []


def test_outbox_row_goes_through_its_states(state):
    """Failed is due later, delivered again is due again, dead and superseded are never due."""
    for key in ("a", "b", "c"):
        state.enqueue("am", key, {}, now_ns=10)
    first, second, third = state.due(10)
    state.mark_failed(first.id, error="down", retry_ns=50, now_ns=11)
    assert [row.id for row in state.due(49)] == [second.id, third.id]
    row = state.due(50)[0]
    assert (row.attempts, row.error) == (1, "down")
    state.mark_delivered(first.id, now_ns=51, again_ns=100)
    row = state.due(100)[0]
    assert (row.attempts, row.deliveries, row.error) == (0, 1, None)
    state.mark_delivered(first.id, now_ns=101)
    state.mark_dead(second.id, error="bad", now_ns=102)
    state.mark_superseded(third.id, now_ns=102)
    assert state.due(10**18) == []
    assert state.outbox_counts() == {"am": {"delivered": 1, "dead": 1, "superseded": 1}}
    assert state.outbox_rows(delivery=Delivery.DEAD)[0].error == "bad"


def test_a_due_row_is_claimed_by_one_only(state):
    """Of all who want to deliver a row one may; when nothing becomes of it, it is due again."""
    state.enqueue("am", "a", {}, now_ns=10)
    row = state.due(10)[0]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: state.claim(row.id, now_ns=10, until_ns=40), range(8)))
    assert sorted(claims) == [False] * 7 + [True]
    assert state.due(39) == [] and [again.id for again in state.due(40)] == [row.id]
    state.mark_delivered(row.id, now_ns=41)
    assert not state.claim(row.id, now_ns=50, until_ns=60)


def test_changes_at_once_lose_nothing(state):
    """Each of several writers changes what the others leave: no update is lost, no key enters twice."""
    opened(state)
    changes = [{"impact": 7.0}, {"verdict": Verdict.CRITICAL}, {"summary": Message("alert.y")}] * 4
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda change: state.update_incident(1, now_ns=200, **change), changes))
        new = list(pool.map(lambda n: state.enqueue("am", "k", {"n": n}, now_ns=n), range(12)))
        list(pool.map(lambda n: state.note_run("x", n), range(12)))
    changed = state.incident(1)
    assert (changed.impact, changed.verdict, changed.summary) == (7.0, Verdict.CRITICAL, Message("alert.y"))
    assert new.count(True) == 1 and len(state.outbox_rows()) == 1


def test_pruning_the_outbox_never_forgets_what_is_pending(state, monkeypatch):
    """Only finished rows beyond the limit go, the oldest first."""
    monkeypatch.setattr("causeway.state.outbox.FINISHED_MAX", 2)
    for place in range(5):
        state.enqueue("am", str(place), {}, now_ns=place)
    for row in state.due(10)[1:]:
        state.mark_delivered(row.id, now_ns=10)
    assert state.prune_outbox() == 2
    assert [row.key for row in state.outbox_rows()] == ["4", "3", "0"]


def test_silences_hold_between_their_instants(state):
    """A silence is in force in [start, end); it can be ended early; it cannot end before it starts."""
    silence = state.silence("web", starts_ns=10, ends_ns=20, comment="works", author="li")
    assert state.silences(10) == [silence] and state.silences(20) == []
    state.end_silence(silence.id, now_ns=15)
    assert state.silences(15) == []
    with pytest.raises(ConfigError, match="before it starts"):
        state.silence("web", starts_ns=5, ends_ns=5)


WRITER = """
import sys
from causeway.state import open_state
state = open_state(sys.argv[1])
for place in range(40):
    state.enqueue(sys.argv[2], str(place), {"n": place}, now_ns=place)
    state.note_run("shared", place)
"""


def test_several_processes_share_one_state(place):
    """Writers in other processes wait for each other instead of failing, and nothing is lost."""

    def write(name):
        return subprocess.run(
            [sys.executable, "-c", WRITER, str(place), name], capture_output=True, text=True, timeout=120
        )

    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(write, ("a", "b", "c")))
    assert [process.returncode for process in ended] == [0, 0, 0], ended[0].stderr
    state = open_state(place)
    assert state.outbox_counts() == {name: {"pending": 40} for name in ("a", "b", "c")}
    state.close()


def test_a_minute_is_leased_to_one_owner_at_a_time(state):
    """Those held by another are left out until their time is over; the order given is kept."""
    lease = lambda owner, now, minutes, limit=9: state.lease_minutes(  # noqa: E731
        "es", minutes, owner=owner, now_ns=now, until_ns=now + 10, limit=limit
    )
    assert lease("a", 0, [3, 2, 1], limit=2) == [3, 2]
    assert lease("b", 5, [3, 2, 1]) == [1]
    assert lease("b", 10, [2, 3]) == [2, 3]
    assert state.lease_minutes("other", [3], owner="c", now_ns=0, until_ns=9, limit=1) == [3]
    state.release_minutes("es", [2, 3], owner="a")  # no longer its own
    assert [(row.minute_ns, row.owner) for row in state.rollup_leases("es")] == [(1, "b"), (2, "b"), (3, "b")]


def test_a_minute_marked_while_it_is_computed_waits_again(state):
    """Marks are never lost: not of a minute at rest, not of one being computed, not when its owner dies."""
    state.lease_minutes("es", [1, 2], owner="a", now_ns=0, until_ns=10, limit=9)
    assert state.rollup_waiting("es", now_ns=5) == []
    state.mark_minutes("es", [2, 7])
    assert state.rollup_waiting("es", now_ns=5) == [7]
    state.release_minutes("es", [1, 2], owner="a")
    assert state.rollup_waiting("es", now_ns=5) == [7, 2]
    assert state.lease_minutes("es", [7, 2], owner="b", now_ns=6, until_ns=16, limit=9) == [7, 2]
    state.release_minutes("es", [7], owner="b", done=False)
    assert state.rollup_waiting("es", now_ns=15) == [7]
    state.extend_minutes("es", [2], owner="b", until_ns=30)
    assert state.rollup_waiting("es", now_ns=20) == [7]
    assert state.rollup_waiting("es", now_ns=30) == [7, 2]


def test_location_may_be_folder_file_or_url(tmp_path):
    """The same state is reached through its folder, its file and its URL."""
    folder = open_state(tmp_path)
    folder.note_run("x", 3)
    for location in (tmp_path / "state.sqlite", f"sqlite:///{tmp_path}/state.sqlite", str(tmp_path)):
        other = open_state(location)
        assert other.last_run("x") == 3
        other.close()
    folder.close()


def test_errors_name_the_place(tmp_path):
    """A broken file, a newer version and an unknown kind of database say what is wrong, without passwords."""
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is not a database, it is a text" * 100)
    with pytest.raises(StoreError, match=r"broken\.sqlite"):
        open_state(broken)
    with pytest.raises(ConfigError, match="driver") as caught:
        open_state("nosuchsql://me:secret@db/causeway")
    assert "secret" not in str(caught.value)


def test_state_of_a_newer_version_is_refused(place):
    """An old program does not write into a newer state."""
    state = open_state(place)
    with state._database.writing() as connection:
        connection.exec_driver_sql("UPDATE settings SET value = '99' WHERE name = 'version'")
    state.close()
    with pytest.raises(StoreError, match="newer"):
        open_state(place)
