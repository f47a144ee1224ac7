"""The loop of `causeway analyze`, with jobs, a store and a clock of our own."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from analytics.runner import BACK_OFF_MAX_S, WAIT_MAX_S, Runner
from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.jobs import Place as Where
from causeway.state import open_state
from causeway.window import SECOND_NS
from tests.servers.process import running
from tests.table_store import TableStore

START_NS = 1_790_000_000 * SECOND_NS


class Place:
    """A data folder with a clock; `broken` makes the store refuse to open."""

    def __init__(self, folder, jobs, config=None):
        self.now_ns = START_NS
        self.opened = 0
        self.broken = False
        self.runner = Runner(
            Deployment(folder), config or {}, jobs=jobs, open_reader=self.open, clock_ns=lambda: self.now_ns
        )

    def open(self, _folder):
        self.opened += 1
        if self.broken:
            raise StoreError("no store here")
        return TableStore()

    def pass_time(self, seconds):
        """Step whenever the runner asks for it, for so long; how often that was."""
        end_ns, steps = self.now_ns + int(seconds * SECOND_NS), 0
        while self.now_ns < end_ns:
            self.now_ns += max(1, int(self.runner.step() * SECOND_NS))
            steps += 1
        return steps


@pytest.fixture
def place(tmp_path):
    made = []

    def make(jobs, **options):
        made.append(Place(tmp_path, jobs, **options))
        return made[-1]

    yield make
    for one in made:
        one.runner.close()


def test_each_job_runs_as_often_as_it_asks(place):
    """Every job names its own pause; what it remembers is kept for it alone."""
    times: dict[str, list[int]] = {"fast": [], "slow": []}

    def job(name, seconds):
        def run(context):
            times[name].append((context.now_ns - START_NS) // SECOND_NS)
            context.memory["runs"] = context.memory.get("runs", 0) + 1
            assert context.memory["runs"] == len(times[name])
            return seconds

        return run

    here = place({"fast": job("fast", 10.0), "slow": job("slow", 25.0)})
    here.pass_time(59)
    assert times == {"fast": [0, 10, 20, 30, 40, 50], "slow": [0, 25, 50]}
    assert here.opened == 1


def test_broken_store_is_tried_again_ever_later_and_then_goes_on(place, capsys):
    """Said once, tried with growing pauses, and everything continues when it is back."""
    ran = []
    here = place({"watch": lambda context: ran.append(context.now_ns) or 5.0})
    here.broken = True
    here.pass_time(300)
    assert ran == [] and here.opened <= 5 + 300 / BACK_OFF_MAX_S + 1
    here.broken = False
    here.pass_time(40)
    assert ran
    said = capsys.readouterr()
    assert (said.out + said.err).count("store.unavailable") == 1
    assert (said.out + said.err).count("store.recovered") == 1


def test_store_that_breaks_while_it_is_read_is_opened_anew(place):
    """A job that meets a StoreError loses nothing: the store is opened again and the job runs again."""
    runs = []

    def job(_context):
        runs.append(1)
        if len(runs) == 1:
            raise StoreError("went away")
        return 10.0

    here = place({"watch": job})
    here.pass_time(8)
    assert len(runs) == 2 and here.opened == 2


def test_crash_of_one_job_does_not_stop_the_others(place, capsys):
    """The crashed job is logged with its trace and tried again, each time later; the others go on."""
    crashes, ran = [], []

    def bad(context):
        crashes.append((context.now_ns - START_NS) // SECOND_NS)
        raise ZeroDivisionError("a bug")

    here = place({"bad": bad, "good": lambda _context: ran.append(1) or 10.0})
    here.pass_time(110)
    assert crashes == [0, 15, 45, 105] and len(ran) == 11
    said = capsys.readouterr()
    assert "a bug" in said.out + said.err and "test_runner.py" in said.out + said.err


def test_wrong_setting_ends_the_process(place):
    """A ConfigError is for the person who wrote the file; carrying on would hide it."""

    def job(_context):
        raise ConfigError("watch: unknown key")

    with pytest.raises(ConfigError, match="unknown key"):
        place({"watch": job}).runner.step()


def test_real_jobs_are_found(tmp_path):
    """The entry points name watch, patrol and forward, and each runs on an empty store."""
    here = Place(tmp_path, None)
    assert 0 < here.runner.step() <= WAIT_MAX_S
    assert {slot.name for slot in here.runner._slots} >= {"watch", "patrol", "forward"}
    assert all(slot.crashes == 0 for slot in here.runner._slots)
    here.runner.close()


def test_stop_is_noticed_at_once(place):
    """`run` ends when it is told to, without waiting for the next job."""
    here = place({"slow": lambda _context: 3600.0})
    here.runner._clock_ns = lambda: START_NS
    stop = threading.Event()
    thread = threading.Thread(target=here.runner.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_command_ends_cleanly_on_sigterm(tmp_path):
    """`causeway analyze` waits for a store that is not there yet, and ends with status 0 when it is told to."""
    arguments = [sys.executable, "-m", "causeway", "analyze", "--data", str(tmp_path / "none")]
    environment = {**os.environ, "CAUSEWAY_LOG_LEVEL": "INFO"}
    with running(arguments, folder=tmp_path, name="analyze", environment=environment) as child:
        child.wait_for(lambda: "store.unavailable" in child.output(), what="the first look", timeout_s=60)
        assert child.stop(by=signal.SIGTERM) == 0
        assert "analyze.stopped" in child.output()


def test_wrong_configuration_is_exit_status_2(tmp_path):
    """A typo in the file ends the command with what is wrong."""
    config = tmp_path / "causeway.toml"
    config.write_text("[watch]\nevry_s = 1.0\n")
    (tmp_path / "data" / "spans" / "_delta_log").mkdir(parents=True)
    arguments = [sys.executable, "-m", "causeway", "analyze", "--data", str(tmp_path / "data"), "--config", str(config)]
    with running(arguments, folder=tmp_path, name="analyze") as child:
        code = child.process.wait(60)
        assert code == 2 and "evry_s" in child.output()


def rolls_up(context):
    context.memory.setdefault("ran", []).append(context.now_ns)
    return 1.0


def test_who_does_not_lead_does_only_what_all_do(place, tmp_path, monkeypatch):
    """A job whose module says so runs everywhere; the others wait until the leader has gone."""
    monkeypatch.setattr(sys.modules[__name__], "PLACE", Where.EVERYWHERE, raising=False)
    led = []
    alone = lambda context: led.append(context.leads()) or 1.0  # noqa: E731
    alone.__module__ = "analytics.watch"
    state = open_state(tmp_path)
    leader = state.leadership()
    assert leader.leads()
    here = place({"everywhere": rolls_up, "alone": alone})
    here.pass_time(10)
    everywhere = next(slot for slot in here.runner._slots if slot.name == "everywhere")
    assert led == [] and len(everywhere.memory["ran"]) >= 9
    leader.close()
    here.pass_time(5)
    assert led and all(led)
    state.close()
