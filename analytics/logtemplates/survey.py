"""The log templates of a window: how many lines each has, and what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.logtemplates.catalogue import catalogue
from analytics.logtemplates.changes import Change, changes, severities, without_history
from analytics.logtemplates.mined import MinedTemplates
from analytics.world import LogSeries, Timeline, World
from analytics.world_logs import LINES_MAX, log_series
from analytics.world_timeline import default_baseline, lay_out
from causeway.findings import Verdict
from causeway.logtemplates.miner import TemplateMiner
from causeway.stores.contract import Reader
from causeway.window import Window, iso


@dataclass(frozen=True, slots=True)
class Row:
    """One template of one service in the window; `usual` as in `Change`, None where it did not change."""

    template_id: int
    version: int
    service: str
    severity_number: int
    lines: int
    template: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class Survey:
    """All templates of a window, most lines first; `capped`: only the newest lines were read."""

    window: Window
    baseline: Window
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    without_history: tuple[str, ...]
    verdict: Verdict
    capped: bool


def survey(
    store: Reader,
    window: Window,
    baseline: Window | None = None,
    *,
    miner: TemplateMiner | None = None,
    lines_max: int = LINES_MAX,
) -> Survey:
    """The templates of the window, and how they changed against the baseline.

    miner: tells the template of every line anew, whatever id it is stored with.
    """
    baseline = baseline or default_baseline(window)
    spans = lay_out(window, baseline)
    mined = MinedTemplates(miner or TemplateMiner())
    known = None if miner is not None else catalogue(store)
    logs, capped = log_series(store, spans.reads, spans.timeline, lines_max=lines_max, templates=mined, known=known)
    version = known.version if known is not None and mined.unused else mined.version
    return _survey(logs, spans.timeline, (window, baseline), capped=capped, version=version)


def survey_of(world: World) -> Survey:
    """The templates of a World's window as it counted them; versions are not told (1)."""
    windows = (world.window, world.baseline)
    return _survey(world.logs, world.timeline, windows, capped="logs_capped" in world.seen, version=lambda _: 1)


def _survey(
    logs: LogSeries,
    timeline: Timeline,
    windows: tuple[Window, Window],
    *,
    capped: bool,
    version: Callable[[int], int],
) -> Survey:
    found = changes(logs, timeline)
    unknown = without_history(logs, timeline)
    rows = _rows(logs, timeline.in_window, found, version)
    least = Verdict.OK if rows and not unknown else Verdict.UNKNOWN
    return Survey(
        *windows,
        rows,
        tuple(found),
        tuple(unknown),
        max((change.verdict for change in found if change.verdict is not Verdict.OK), key=_rank, default=least),
        capped,
    )


def _rank(verdict: Verdict) -> int:
    return verdict.rank


def survey_json(found: Survey) -> dict[str, Any]:
    """The JSON answer of `causeway templates list`. Ids are text, because JSON numbers lose the last digits."""
    return {
        "window": found.window.as_json(),
        "baseline": found.baseline.as_json(),
        "verdict": found.verdict.value,
        "capped": found.capped,
        "without_history": list(found.without_history),
        "templates": [row_json(row) for row in found.rows],
    }


def row_json(row: Row) -> dict[str, Any]:
    """One template of one service, as in `templates list`."""
    return {
        "template_id": str(row.template_id),
        "version": row.version,
        "service": row.service,
        "severity_number": row.severity_number,
        "lines": row.lines,
        "template": row.template,
        "change": None if row.change is None else _change_json(row.change),
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "verdict": change.verdict.value,
        "usual": change.usual,
        "p": change.p,
        "score": change.score,
        "first_ns": change.first_ns,
        "first": iso(change.first_ns),
        "last_ns": change.last_ns,
        "last": iso(change.last_ns),
    }


def _rows(logs: LogSeries, inside: np.ndarray, found: list[Change], version: Callable[[int], int]) -> tuple[Row, ...]:
    changed = {change.row: change for change in found}
    lines = np.nansum(logs.counts[:, inside], axis=1) if len(logs.meta) else np.zeros(0)
    severity = severities(logs)
    rows = []
    for at, (service, template_id, text) in enumerate(
        logs.meta[["service", "template_id", "template"]].itertuples(index=False, name=None)
    ):
        change = changed.get(at)
        if lines[at] or change is not None:
            rows.append(
                Row(template_id, version(template_id), service, int(severity[at]), int(lines[at]), text, change)
            )
    return tuple(sorted(rows, key=lambda row: (-row.lines, row.service, row.template_id)))
