"""Patrols by schedule: every so often or by cron, written to DIR/reports and recorded in the state."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cronsim import CronSim, CronSimError

from analytics.anomalies.kept import kept_events
from analytics.patrol.run import chosen_options, patrol_window
from causeway import registry
from causeway.config import parse
from causeway.errors import ConfigError
from causeway.findings import PatrolReport
from causeway.jobs import LAG_NS, JobContext
from causeway.messages import LANGUAGES
from causeway.window import MINUTE_NS, SECOND_NS, Window, parse_duration
from causeway.wire import to_json

EVERY_DEFAULT = "15m"
# The first patrol waits until there is this much to look at.
FIRST_DATA_NS = 3 * MINUTE_NS
CHECK_S_MAX = 60.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One `[[patrol.schedule]]`. Either `every` or `cron` (in `timezone`); `keep` report folders are kept."""

    name: str = "default"
    every: str = ""
    cron: str = ""
    window: str = "15m"
    formats: tuple[str, ...] = ("html", "md")
    language: str = "en"
    timezone: str = "UTC"
    keep: int = 200

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name {self.name!r} must be lower case letters, digits, - and _")
        if self.every and self.cron:
            raise ValueError(f"schedule {self.name!r} has both `every` and `cron`; keep one")
        if self.language not in LANGUAGES:
            raise ValueError(f"language {self.language!r} is none of {', '.join(LANGUAGES)}")
        if self.keep < 1:
            raise ValueError("keep must be at least 1")
        parse_duration(self.window)
        self.next_ns(0)

    def next_ns(self, after_ns: int) -> int:
        """The first instant after that one at which it is due. Intervals begin at whole multiples of Unix time."""
        if not self.cron:
            every_ns = parse_duration(self.every or EVERY_DEFAULT)
            if every_ns < MINUTE_NS:
                raise ValueError("every must be at least 1m")
            return (after_ns // every_ns + 1) * every_ns
        try:
            zone = zoneinfo.ZoneInfo(self.timezone)
            moment = dt.datetime.fromtimestamp(after_ns // SECOND_NS, zone)
            return int(next(CronSim(self.cron, moment)).timestamp()) * SECOND_NS
        except (CronSimError, StopIteration) as error:
            raise ValueError(f"not a cron expression: {self.cron!r} ({error})") from error
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone called {self.timezone!r} on this machine ({error})") from error


def schedules(config: Mapping[str, Any]) -> tuple[Schedule, ...]:
    """The schedules of the table `[patrol]`; every 15 minutes where none is given. Raises ConfigError."""
    tables = config.get("schedule")
    if tables is None:
        return (Schedule(),)
    if not isinstance(tables, list):
        raise ConfigError("patrol.schedule: expected [[patrol.schedule]] tables")
    found = tuple(parse(Schedule, table, where=f"patrol.schedule[{i}]") for i, table in enumerate(tables))
    names = [schedule.name for schedule in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"patrol.schedule: two schedules are called {twice[0]!r}")
    return found


def check(config: Mapping[str, Any]) -> None:
    """Raises ConfigError for a wrong table `[patrol]` or `[patrol.NAME]`, or a format that is not installed."""
    table = config.get("patrol", {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"patrol: expected a table, got {table!r}")
    chosen_options(table)
    for schedule in schedules(table):
        for name in schedule.formats:
            if name != "json":
                registry.load("report_formats", name)


def job(context: JobContext) -> float:
    """Run the patrols that are due: a missed time is made up for once, however often it was missed."""
    config = context.table("patrol")
    waits = [_run_if_due(context, schedule, config) for schedule in schedules(config)]
    return min([*waits, CHECK_S_MAX])


def _run_if_due(context: JobContext, schedule: Schedule, config: Mapping[str, Any]) -> float:
    """The seconds until it is due again."""
    now_ns = context.now_ns
    last_ns = context.state.last_run(schedule.name)
    if last_ns is None and not _enough_data(context):
        return CHECK_S_MAX / 4
    if last_ns is None or schedule.next_ns(last_ns) <= now_ns:
        run_scheduled(context, schedule, config)
        context.state.note_run(schedule.name, now_ns)
        last_ns = now_ns
    return max(0.0, (schedule.next_ns(last_ns) - now_ns) / SECOND_NS)


def _enough_data(context: JobContext) -> bool:
    end_ns = context.now_ns - LAG_NS - FIRST_DATA_NS
    return bool(context.reader.services(Window(end_ns - MINUTE_NS, end_ns)))


def run_scheduled(context: JobContext, schedule: Schedule, config: Mapping[str, Any]) -> PatrolReport:
    """One patrol of that schedule: report, files, record."""
    end_ns = context.now_ns - LAG_NS
    window = Window(end_ns - parse_duration(schedule.window), end_ns)
    unusual = kept_events(context.state, window)
    report = patrol_window(context.reader, window, config, now_ns=context.now_ns, anomalies=unusual)
    earlier = context.state.patrol_runs(1, schedule=schedule.name)
    previous = earlier[0].report if earlier else None
    files = write_files(report, schedule, context.data_dir, previous=previous)
    context.state.add_patrol_run(report, files, schedule.name)
    context.log.info(
        "patrol.done", schedule=schedule.name, score=report.score, verdict=report.verdict.value, **report.counts
    )
    return report


def write_files(
    report: PatrolReport, schedule: Schedule, data_dir: Path, *, previous: PatrolReport | None
) -> dict[str, str]:
    """Write the report in the schedule's formats and JSON; format -> path relative to the data folder."""
    stamp = dt.datetime.fromtimestamp(report.generated_ns // SECOND_NS, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = data_dir / "reports" / schedule.name / stamp
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = {}
    for name in dict.fromkeys((*schedule.formats, "json")):
        path = folder / f"patrol.{name}"
        _write(path, _rendered(report, name, schedule, previous))
        files[name] = path.relative_to(data_dir).as_posix()
    _prune(folder.parent, schedule.keep)
    return files


def _rendered(report: PatrolReport, name: str, schedule: Schedule, previous: PatrolReport | None) -> bytes:
    if name == "json":
        return orjson.dumps(to_json(report, schedule.language), option=orjson.OPT_INDENT_2)
    render = registry.load("report_formats", name)
    rendered: str = render(report, language=schedule.language, previous=previous)
    return rendered.encode()


def _write(path: Path, content: bytes) -> None:
    """All or nothing: a reader never sees half a report."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    draft.replace(path)


def _prune(folder: Path, keep: int) -> None:
    for old in sorted(path for path in folder.iterdir() if path.is_dir())[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
