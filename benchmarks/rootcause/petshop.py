"""PetShop (Hardt et al., CLeaR 2024): metrics of components and a call graph, nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.rootcause.cases import Case
from causeway.errors import ConfigError
from causeway.window import HOUR_NS, MINUTE_NS, Window
from collectors.replay import exports, recording

_EVERY_NS = 5 * MINUTE_NS  # how often metrics were recorded
_QUIET_NS = 5 * _EVERY_NS  # as long as an issue
_QUIET_EVERY_NS = 2 * HOUR_NS
_HISTORY_NS = 12 * HOUR_NS  # before the first fault-free window


def cases(folder: Path) -> list[Case]:
    """One case per issue, and fault-free windows out of the usual days."""
    issues = sorted(path.parent for path in folder.glob("*/issue_*/target.json"))
    if not issues:
        raise ConfigError(f"{folder} holds no issue with a target.json")
    return [*map(_issue, issues), *_quiet(issues[0])]


def _issue(folder: Path) -> Case:
    said = json.loads((folder / "target.json").read_text(encoding="utf-8"))
    usual, window = _stretches(folder)
    name = f"{folder.parent.name}-{folder.name.removeprefix('issue_')}-{said['target']['metric']}"
    return _case(folder, (name, said["target"]["metric"], frozenset({said["root_cause"]["node"]})), window, usual)


def _stretches(folder: Path) -> tuple[Window, Window]:
    """The usual days as they are moved, and the issue: apart where the largest gap between samples is."""
    times = recording.time_ns("metrics", recording.read(folder).tables["metrics"]).to_numpy()
    at = max(range(1, len(times)), key=lambda place: times[place] - times[place - 1])
    return Window(int(times[0]), int(times[at - 1]) + 1), Window(int(times[at]), int(times[-1]) + _EVERY_NS)


def _quiet(folder: Path) -> list[Case]:
    usual, _ = _stretches(folder)
    starts = range(usual.start_ns + _HISTORY_NS, usual.end_ns - _QUIET_NS, _QUIET_EVERY_NS)
    windows = [Window(start, start + _QUIET_NS) for start in starts]
    return [
        _case(folder, (f"quiet-{place}", "", frozenset()), window, Window(usual.start_ns, window.start_ns))
        for place, window in enumerate(windows)
    ]


def _case(folder: Path, named: tuple[str, str, frozenset[str]], window: Window, baseline: Window) -> Case:
    name, fault, truth = named
    return Case(
        name=name,
        truth=truth,
        fault=fault,
        window=window,
        baseline=baseline,
        exports=lambda: exports.exports(recording.read(folder), cut=exports.Cut(10_000), shift=exports.Shift()),
        key=f"petshop|{folder.resolve()}",
    )
