"""One log template in detail: its newest lines, the values in them, and the traces they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.logtemplates.catalogue import Catalogue, catalogue
from analytics.logtemplates.mined import MinedTemplates
from analytics.logtemplates.parameters import Parameter, parameters
from analytics.world import Templates
from analytics.world_logs import log_series
from analytics.world_timeline import default_baseline, lay_out
from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.wording import MASKED
from causeway.stores.contract import LogFilter, Reader
from causeway.window import Window, iso

EXAMPLES = 5
TRACES_MAX = 20
# The newest lines are looked at, few first: most templates come often.
_READ_STEPS = (20_000, 200_000)
_COLUMNS = ("time_ns", "service", "severity", "severity_number", "body", "trace_id", "span_id")
MATCHED_MAX = 2_000  # lines of one template that are counted and whose traces are looked at
_VALUES_MAX = 5  # example values shown at each place
VALUE_LINES = 50  # lines looked at for them


@dataclass(frozen=True, slots=True)
class TemplateTrace:
    """A trace that lines of the template name. time_ns: its newest such line."""

    trace_id: bytes
    lines: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class TemplateLines:
    """The newest lines of one template.

    window: where they were looked for. table: time_ns, service, severity, severity_number, body, trace_id, span_id;
    newest first. matched: lines of the template among the `read` ones; truncated: older lines of the window were not
    looked at. traces: newest first.
    """

    window: Window
    template_id: int
    template: str
    table: pa.Table
    traces: tuple[TemplateTrace, ...]
    matched: int
    read: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Detail:
    """What one line or template is made of. `values`: per mask, the kinds seen and some examples."""

    template_id: int
    version: int
    template: str
    values: tuple[tuple[Parameter, ...], ...]


def template_lines(
    store: Reader,
    window: Window,
    template_id: int,
    *,
    earlier: Window | None = None,
    service: str | None = None,
    limit: int = EXAMPLES,
    traces_max: int = TRACES_MAX,
    templates: Templates | None = None,
) -> TemplateLines | None:
    """The newest `limit` lines of a template (of one service) in the window; None where no line read has it.

    earlier: where to look for a template that no longer comes. templates: what tells the template of a line, such as
    `World.logs.told`; by default the id that it is stored with. Cost: one query then; else at most 200,000 lines of
    each window are read, and without `templates` all lines of both before, as a survey of them would.
    """
    windows = (window,) if earlier is None else (window, earlier)
    known = catalogue(store) if templates is None else Catalogue()
    if template_id in known:
        wanted = LogFilter(service=service, template_ids=known.ids_of(template_id))
        stored = _Asked(template_id, wanted, limit, traces_max)
        return next((found for one in windows if (found := _stored(store, one, stored, known)) is not None), None)
    asked = _Asked(template_id, LogFilter(service=service), limit, traces_max)
    told = templates or _taught(store, window, earlier or default_baseline(window))
    return next((found for one in windows if (found := _newest(store, one, asked, told)) is not None), None)


def _taught(store: Reader, window: Window, earlier: Window) -> Templates:
    """A miner that saw what a survey of the window sees: other lines may have led to other templates."""
    mined = MinedTemplates()
    spans = lay_out(window, earlier)
    log_series(store, spans.reads, spans.timeline, templates=mined)
    return mined


@dataclass(frozen=True, slots=True)
class _Asked:
    template_id: int
    where: LogFilter
    limit: int
    traces_max: int


def _stored(store: Reader, window: Window, asked: _Asked, known: Catalogue) -> TemplateLines | None:
    """Of lines stored with their template's id."""
    page = store.logs(window, asked.where, columns=_COLUMNS, limit=max(asked.limit, MATCHED_MAX), newest_first=True)
    if not page.table.num_rows:
        return None
    wanted = int(known.now(np.array([asked.template_id]))[0])
    return TemplateLines(
        window=window,
        template_id=wanted,
        template=known.text(wanted),
        table=page.table.slice(0, asked.limit),
        traces=_traces(page.table)[: asked.traces_max],
        matched=page.table.num_rows,
        read=page.table.num_rows,
        truncated=page.truncated,
    )


def _newest(store: Reader, window: Window, asked: _Asked, told: Templates) -> TemplateLines | None:
    for size in _READ_STEPS:
        page = store.logs(window, asked.where, columns=_COLUMNS, limit=size, newest_first=True)
        bodies = pc.fill_null(page.table.column("body").cast(pa.string()), "")
        ids = told.now(told.ids(bodies))
        wanted = told.now(np.array([asked.template_id], dtype=np.int64))
        rows = np.flatnonzero(ids == wanted)
        if len(rows) >= asked.limit or not page.truncated:
            break
    if not len(rows):
        return None
    matched = page.table.take(pa.array(rows))
    return TemplateLines(
        window=window,
        template_id=int(wanted[0]),
        template=told.texts(wanted).get(int(wanted[0]), ""),
        table=matched.slice(0, asked.limit),
        traces=_traces(matched)[: asked.traces_max],
        matched=len(rows),
        read=page.table.num_rows,
        truncated=page.truncated,
    )


def detail_of(found: TemplateLines, *, version: int = 1) -> Detail:
    """The template of those lines with its kinds of values in them."""
    bodies = found.table.column("body").slice(0, VALUE_LINES).to_pylist()
    values = [parameters(found.template, str(body)) for body in bodies]
    columns = zip(*(one for one in values if one), strict=True)
    examples = tuple(tuple(dict.fromkeys(column))[:_VALUES_MAX] for column in columns)
    return Detail(found.template_id, version, found.template, examples)


def look_up(known: Catalogue, line: str) -> Detail | None:
    """The stored template that one line follows most closely: that with the most text besides its values.

    None if it follows none. Cost: some 10 µs a template that is known.
    """
    fitting = ((one, found) for one in known.templates() if (found := parameters(one[1], line)) is not None)
    best = max(fitting, key=lambda pair: (len(pair[0][1].replace(MASKED, "")), -pair[0][0]), default=None)
    if best is None:
        return None
    (template_id, text), values = best
    return Detail(template_id, known.version(template_id), text, tuple((value,) for value in values))


def look_at(miner: TemplateMiner, line: str) -> Detail | None:
    """The template of one line, with the line's values; None if no template is known for it."""
    template = miner.template(line)
    if template is None:
        return None
    values = parameters(template.text, line) or ()
    return Detail(template.id, template.version, template.text, tuple((value,) for value in values))


def detail_json(found: Detail) -> dict[str, Any]:
    """The JSON answer of `causeway templates test`. The id is text, because JSON numbers lose the last digits."""
    return {
        "template_id": str(found.template_id),
        "version": found.version,
        "template": found.template,
        "parameters": [[{"kind": one.kind, "value": one.value} for one in values] for values in found.values],
    }


def explained_json(found: TemplateLines, detail: Detail, *, examples: int = EXAMPLES) -> dict[str, Any]:
    """The JSON answer of `causeway templates explain` and of the API: the detail, lines and traces."""
    rows = found.table.slice(0, examples).to_pylist()
    return {
        "window": found.window.as_json(),
        **detail_json(detail),
        "matched": found.matched,
        "read": found.read,
        "truncated": found.truncated,
        "examples": [
            {
                "time_ns": row["time_ns"],
                "time": iso(row["time_ns"]),
                "service": row["service"],
                "severity": row["severity"],
                "severity_number": row["severity_number"],
                "body": row["body"],
                "trace_id": _hex(row["trace_id"]),
                "span_id": _hex(row["span_id"]),
            }
            for row in rows
        ],
        "traces": [
            {"trace_id": one.trace_id.hex(), "lines": one.lines, "time_ns": one.time_ns, "time": iso(one.time_ns)}
            for one in found.traces
        ],
    }


def _traces(table: pa.Table) -> tuple[TemplateTrace, ...]:
    named = table.filter(pc.is_valid(table.column("trace_id")))
    grouped = named.group_by("trace_id").aggregate([("time_ns", "max"), ("time_ns", "count")])
    grouped = grouped.sort_by([("time_ns_max", "descending"), ("trace_id", "ascending")]).slice(0, TRACES_MAX)
    return tuple(
        TemplateTrace(row["trace_id"], row["time_ns_count"], row["time_ns_max"])
        for row in grouped.to_pylist()
        if row["trace_id"]
    )


def _hex(value: bytes | None) -> str | None:
    return value.hex() if value else None
