"""The log templates of a window: how many lines each has, what changed, and one in detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.logtemplates.changes import Change, changes, findings, severities, without_history
from analytics.logtemplates.parameters import Parameter, parameters
from analytics.world import LogSeries
from analytics.world_logs import LINES_MAX, log_series
from analytics.world_timeline import default_baseline, lay_out
from causeway.findings import Verdict
from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.mining import OTHER, OTHER_TEXT
from causeway.stores.contract import Reader
from causeway.window import Window

VALUES_MAX = 5  # example values shown of each parameter


@dataclass(slots=True)
class MinedTemplates:
    """A miner as what `log_series` asks for."""

    miner: TemplateMiner = field(default_factory=TemplateMiner)

    def ids(self, bodies: pa.ChunkedArray) -> np.ndarray:
        return self.miner.template_column(bodies).to_numpy()

    def now(self, ids: np.ndarray) -> np.ndarray:
        return self.miner.resolve(ids)

    def texts(self, ids: np.ndarray) -> Mapping[int, str]:
        found = {key: self.miner.mine.template(key) for key in np.unique(ids).tolist()}
        return {key: OTHER_TEXT if one is None else one.text for key, one in found.items()} | {OTHER: OTHER_TEXT}


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


@dataclass(frozen=True, slots=True)
class Detail:
    """What one line or template is made of. `values`: per mask, the kinds seen and some examples."""

    template_id: int
    version: int
    template: str
    values: tuple[tuple[Parameter, ...], ...]


def survey(
    store: Reader,
    window: Window,
    baseline: Window | None = None,
    *,
    miner: TemplateMiner | None = None,
    lines_max: int = LINES_MAX,
) -> Survey:
    """The templates of the window, and how they changed against the baseline."""
    mined = MinedTemplates(miner or TemplateMiner())
    spans = lay_out(window, baseline or default_baseline(window))
    logs, capped = log_series(store, spans.reads, spans.timeline, lines_max=lines_max, templates=mined)
    found = changes(logs, spans.timeline)
    verdicts = [finding.verdict for finding in findings(logs, spans.timeline, found)]
    fallback = Verdict.OK if len(logs.meta) else Verdict.UNKNOWN
    return Survey(
        window,
        baseline or default_baseline(window),
        _rows(logs, spans.timeline.in_window, found, mined.miner),
        tuple(found),
        tuple(without_history(logs, spans.timeline)),
        max(verdicts, key=lambda verdict: verdict.rank, default=fallback),
        capped,
    )


def explain(miner: TemplateMiner, template_id: int, bodies: pa.ChunkedArray) -> Detail | None:
    """A template with its kinds of values in these lines; None if the id is not known."""
    template = miner.mine.template(template_id)
    if template is None:
        return None
    ids = miner.template_column(bodies).to_numpy()
    rows = np.flatnonzero(miner.resolve(ids) == template.id)[: 10 * VALUES_MAX]
    found = [parameters(template.text, str(body)) for body in bodies.take(pa.array(rows)).to_pylist()]
    columns = zip(*(values for values in found if values), strict=True)
    examples = tuple(tuple(dict.fromkeys(column))[:VALUES_MAX] for column in columns)
    return Detail(template.id, template.version, template.text, examples)


def look_at(miner: TemplateMiner, line: str) -> Detail | None:
    """The template of one line, with the line's values; None if no template is known for it."""
    template = miner.template(line)
    if template is None:
        return None
    values = parameters(template.text, line) or ()
    return Detail(template.id, template.version, template.text, tuple((value,) for value in values))


def survey_json(found: Survey) -> dict[str, Any]:
    """The JSON answer of `causeway templates list`. Ids are text, because JSON numbers lose the last digits."""
    return {
        "window": found.window.as_json(),
        "baseline": found.baseline.as_json(),
        "verdict": found.verdict.value,
        "capped": found.capped,
        "without_history": list(found.without_history),
        "templates": [
            {
                "template_id": str(row.template_id),
                "version": row.version,
                "service": row.service,
                "severity_number": row.severity_number,
                "lines": row.lines,
                "template": row.template,
                "change": None
                if row.change is None
                else {
                    "kind": row.change.kind.value,
                    "usual": row.change.usual,
                    "p": row.change.p,
                    "score": row.change.score,
                },
            }
            for row in found.rows
        ],
    }


def detail_json(found: Detail) -> dict[str, Any]:
    """The JSON answer of `causeway templates explain` and `test`."""
    return {
        "template_id": str(found.template_id),
        "version": found.version,
        "template": found.template,
        "parameters": [[{"kind": one.kind, "value": one.value} for one in values] for values in found.values],
    }


def _rows(logs: LogSeries, inside: np.ndarray, found: list[Change], miner: TemplateMiner) -> tuple[Row, ...]:
    changed = {(change.service, change.template_id): change for change in found}
    lines = np.nansum(logs.counts[:, inside], axis=1) if len(logs.meta) else np.zeros(0)
    severity = severities(logs)
    rows = []
    for at, (service, template_id, text) in enumerate(
        logs.meta[["service", "template_id", "template"]].itertuples(index=False, name=None)
    ):
        change = changed.get((service, template_id))
        if lines[at] or change is not None:
            template = miner.mine.template(template_id)
            version = template.version if template else 1
            rows.append(Row(template_id, version, service, int(severity[at]), int(lines[at]), text, change))
    return tuple(sorted(rows, key=lambda row: (-row.lines, row.service, row.template_id)))
