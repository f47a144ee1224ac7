"""Patrols by the clock, on the simulated shop."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics.patrol import schedule
from analytics.patrol.schedule import Schedule, schedules
from causeway import logs
from causeway.deployment import Deployment
from causeway.errors import ConfigError
from causeway.findings import PatrolReport
from causeway.jobs import JobContext
from causeway.state import State, open_state
from causeway.window import HOUR_NS, MINUTE_NS, SECOND_NS
from causeway.wire import from_json
from tests.table_store import TableStore
from tests.worlds import EPOCH_NS, Shop, shop_store

# A whole hour of Unix time within the shop's telemetry.
HOUR = EPOCH_NS // HOUR_NS * HOUR_NS + HOUR_NS


@dataclass
class Clocked:
    """A store, a state and a time."""

    store: TableStore
    state: State
    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    def at(self, now_ns: int) -> float:
        """Run the job at that time; the seconds it wants to wait."""
        context = JobContext(self.store, self.state, self.config, now_ns, Deployment(self.folder), logs.get("test"))
        return schedule.job(context)

    def runs(self) -> list[int]:
        """When patrols ran, in minutes after HOUR, oldest first."""
        return [(run.report.generated_ns - HOUR) // MINUTE_NS for run in reversed(self.state.patrol_runs(100))]


@pytest.fixture(scope="module")
def store():
    return shop_store(Shop(minutes=(120, 60), rate=1.0))


@pytest.fixture
def clocked(tmp_path, store):
    state = open_state(tmp_path)
    yield Clocked(store, state, tmp_path)
    state.close()


def test_patrol_runs_every_quarter_of_an_hour(clocked):
    """First at once when there is data, then at whole quarters; between them it asks to be left alone."""
    for minute in (7, 8, 14):
        assert clocked.at(HOUR + minute * MINUTE_NS) <= 60
    assert clocked.runs() == [7]
    for minute in (15, 16, 30, 44):
        clocked.at(HOUR + minute * MINUTE_NS)
    assert clocked.runs() == [7, 15, 30]


def test_missed_times_are_made_up_for_once(clocked):
    """After an hour without a process one patrol runs, not four."""
    clocked.at(HOUR + MINUTE_NS)
    clocked.at(HOUR + 61 * MINUTE_NS)
    clocked.at(HOUR + 62 * MINUTE_NS)
    assert clocked.runs() == [1, 61]


def test_first_patrol_waits_for_data(tmp_path):
    """An empty store gives no report; nor is the schedule noted as run."""
    state = open_state(tmp_path)
    here = Clocked(TableStore(), state, tmp_path)
    here.at(HOUR)
    assert state.patrol_runs() == [] and state.last_run("default") is None
    state.close()


def test_files_and_record_say_the_same(clocked):
    """Each format is a file under reports/, whole, and linked from the record; the JSON is the report."""
    clocked.config = {"patrol": {"schedule": [{"name": "night", "every": "30m", "language": "zh-CN"}]}}
    clocked.at(HOUR + 5 * MINUTE_NS)
    run = clocked.state.patrol_runs()[0]
    assert run.schedule == "night" and set(run.files) == {"html", "md", "json"}
    for path in run.files.values():
        assert path.startswith("reports/night/") and (clocked.folder / path).stat().st_size > 500
    written = json.loads((clocked.folder / run.files["json"]).read_text())
    assert from_json(PatrolReport, written) == run.report
    assert "健康巡检" in (clocked.folder / run.files["html"]).read_text()
    assert not list(clocked.folder.rglob("*.part"))


def test_report_is_compared_with_the_one_before(clocked):
    """The second report of a schedule knows the first."""
    clocked.at(HOUR + MINUTE_NS)
    clocked.at(HOUR + 15 * MINUTE_NS)
    older, newer = reversed(clocked.state.patrol_runs())
    said = [(clocked.folder / run.files["md"]).read_text() for run in (older, newer)]
    assert "no earlier patrol" in said[0] and "no earlier patrol" not in said[1]


def test_only_the_newest_folders_are_kept(clocked):
    """Reports do not fill the disk."""
    clocked.config = {"patrol": {"schedule": [{"every": "1m", "window": "5m", "keep": 2, "formats": []}]}}
    for minute in range(4):
        clocked.at(HOUR + minute * MINUTE_NS)
    assert clocked.runs() == [0, 1, 2, 3]
    kept = sorted(path.name for path in (clocked.folder / "reports" / "default").iterdir())
    stamps = [dt.datetime.fromtimestamp((HOUR + m * MINUTE_NS) // SECOND_NS, dt.UTC) for m in (2, 3)]
    assert kept == [stamp.strftime("%Y%m%dT%H%M%SZ") for stamp in stamps]


def test_two_schedules_run_each_in_their_time(clocked):
    """Each schedule has its own last run."""
    tables = [{"name": "a", "every": "10m", "formats": []}, {"name": "b", "every": "20m", "formats": []}]
    clocked.config = {"patrol": {"schedule": tables}}
    for minute in (1, 10, 20):
        clocked.at(HOUR + minute * MINUTE_NS)
    names = [run.schedule for run in reversed(clocked.state.patrol_runs(20))]
    assert names == ["a", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("made", "after", "expected"),
    [
        (Schedule(every="15m"), "2026-11-23T08:07:00+00:00", "2026-11-23T08:15:00+00:00"),
        (Schedule(every="15m"), "2026-11-23T08:15:00+00:00", "2026-11-23T08:30:00+00:00"),
        (Schedule(cron="0 8 * * *"), "2026-11-23T08:00:00+00:00", "2026-11-24T08:00:00+00:00"),
        (
            Schedule(cron="0 8 * * *", timezone="Asia/Shanghai"),
            "2026-11-23T08:07:00+00:00",
            "2026-11-24T00:00:00+00:00",
        ),
        (
            Schedule(cron="30 2 * * *", timezone="Europe/Berlin"),
            "2026-03-28T12:00:00+00:00",
            "2026-03-29T01:00:00+00:00",  # half past two does not exist on that day
        ),
    ],
)
def test_next_time(made, after, expected):
    """Intervals by whole multiples, cron in its own zone, through the change to summer time."""
    zoneinfo.ZoneInfo("Asia/Shanghai")
    start = int(dt.datetime.fromisoformat(after).timestamp()) * SECOND_NS
    found = dt.datetime.fromtimestamp(made.next_ns(start) // SECOND_NS, dt.UTC)
    assert found == dt.datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([{"cron": "every day"}], "cron"),
        ([{"every": "soon"}], "duration"),
        ([{"every": "10s"}], "at least 1m"),
        ([{"every": "1h", "cron": "* * * * *"}], "keep one"),
        ([{"name": "Bad Name"}], "Bad Name"),
        ([{"language": "tlh"}], "tlh"),
        ([{"cron": "* * * * *", "timezone": "Mars/Olympus"}], "Mars"),
        ([{"formats": ["papyrus"]}], "papyrus"),
        ([{"name": "a"}, {"name": "a"}], "two schedules"),
        ([{"evry": "1h"}], "evry"),
        ({"every": "1h"}, "patrol.schedule"),
    ],
)
def test_wrong_settings_are_named(tables, said):
    """A schedule that could never run is an error at the start."""
    with pytest.raises(ConfigError, match=said):
        schedule.check({"patrol": {"schedule": tables}})


def test_default_schedule():
    """Without a table there is one, every quarter of an hour."""
    assert schedules({}) == (Schedule(),) and Schedule().next_ns(0) == 15 * MINUTE_NS
