"""root-cause-bench: synthetic incidents with an alert, all signals, and the changes made before it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from benchmarks.rootcause.cases import NO_COMMIT, Case
from causeway.errors import ConfigError
from causeway.window import MINUTE_NS, SECOND_NS, Window
from collectors.replay import exports, recording

BEFORE_ALERT_NS = 20 * MINUTE_NS  # an alert fires late: thresholds are crossed for minutes first
AFTER_ALERT_NS = 5 * MINUTE_NS
_QUIET_NS = 20 * MINUTE_NS
_QUIET_HISTORY_NS = 20 * MINUTE_NS


def cases(folder: Path) -> list[Case]:
    """One case per incident, and its first forty minutes as a fault-free window with its history."""
    folders = sorted(path.parent for path in folder.glob("*/ground_truth.json"))
    if not folders:
        raise ConfigError(f"{folder} holds no incident with a ground_truth.json")
    return [case for one in folders for case in _incident(one)]


def _incident(folder: Path) -> list[Case]:
    truth = json.loads((folder / "ground_truth.json").read_text(encoding="utf-8"))
    alert = json.loads((folder / "alert.json").read_text(encoding="utf-8"))
    fired_ns = int(datetime.fromisoformat(alert["fired_at"]).timestamp()) * SECOND_NS
    first_ns = recording.read(folder, signals=("metrics",)).span_of_time().start_ns
    start_ns = max(fired_ns - BEFORE_ALERT_NS, first_ns + MINUTE_NS)
    window = Window(start_ns, fired_ns + AFTER_ALERT_NS)
    said = (folder.name, truth["root_cause_commit"], frozenset({truth["first_failing_service"]}))
    found = [_case(folder, said, window, Window(first_ns, start_ns), truth["root_cause_commit"])]
    early = Window(first_ns + _QUIET_HISTORY_NS, first_ns + _QUIET_HISTORY_NS + _QUIET_NS)
    if early.end_ns <= start_ns:
        quiet = (f"{folder.name}-before", "", frozenset[str]())
        found.append(_case(folder, quiet, early, Window(first_ns, early.start_ns), None))
    return found


def _case(
    folder: Path, named: tuple[str, str, frozenset[str]], window: Window, baseline: Window, commit: str | None
) -> Case:
    name, culprit, truth = named
    return Case(
        name=name,
        truth=truth,
        fault="" if not truth else "outside" if culprit == NO_COMMIT else "change",
        window=window,
        baseline=baseline,
        exports=lambda: exports.exports(recording.read(folder), cut=exports.Cut(10_000), shift=exports.Shift()),
        key=f"incident2|{folder.resolve()}",
        commit=commit,
    )
