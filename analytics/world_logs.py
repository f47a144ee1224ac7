"""Log lines counted by service and template over the slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics.logtemplates.catalogue import Catalogue, catalogue
from analytics.logtemplates.mined import MinedTemplates
from analytics.world import LogSeries, Templates, Timeline
from analytics.world_rollups import text_codes
from causeway import records
from causeway.logtemplates.miner import NO_BODY
from causeway.stores.contract import Reader
from causeway.window import Window

LINES_MAX = 2_000_000
# Lines are read and forgotten piece by piece, so that memory does not grow with the window.
PIECE_LINES = 200_000
# The least number of each severity.
_NUMBERS = {name: max(4 * place - 3, 0) for place, name in enumerate(records.SEVERITIES)}
_COLUMNS = ("time_ns", "service", "severity", "severity_number", "body")


@dataclass(slots=True)
class _Counts:
    """What is kept of the lines read so far: counts by (service, template, slot)."""

    templates: Templates
    frames: list[pd.DataFrame] = field(default_factory=list)
    lines: int = 0
    read_from_ns: int | None = None


def log_series(
    store: Reader,
    reads: tuple[Window, ...],
    timeline: Timeline,
    *,
    lines_max: int = LINES_MAX,
    templates: Templates | None = None,
    known: Catalogue | None = None,
) -> tuple[LogSeries, bool]:
    """Counts by (service, template_id), and whether the cap was reached.

    Where every line is stored with its template's id they are counts that the store keeps, of all lines. Otherwise the
    bodies are read and mined: above `lines_max` the newest lines are counted; slots before the oldest of them are NaN,
    not 0. templates: tells the template of a line then; `known` is the store's catalogue, read here where neither is
    given.
    """
    known = catalogue(store) if known is None and templates is None else known
    stored = None if known is None else _stored(store, reads, timeline, known)
    if stored is not None:
        return stored, False
    counts = _Counts(templates or MinedTemplates())
    for piece in _pieces(store, reads, timeline.step_ns):
        left = lines_max - counts.lines
        page = store.logs(piece, columns=_COLUMNS, limit=left, newest_first=True)
        if page.table.num_rows:
            _count(counts, page.table, timeline)
        counts.lines += page.table.num_rows
        if page.truncated or counts.lines >= lines_max:
            oldest = pc.min(page.table.column("time_ns")).as_py() if page.table.num_rows else piece.end_ns
            counts.read_from_ns = oldest if page.truncated else piece.start_ns
            break
    capped = counts.read_from_ns is not None and counts.read_from_ns > reads[0].start_ns
    return _assemble(counts, timeline, capped), capped


def _stored(store: Reader, reads: tuple[Window, ...], timeline: Timeline, known: Catalogue) -> LogSeries | None:
    """The counts that the store keeps; None where some lines have no id, or one that nobody explained."""
    parts = [store.log_counts(window, step_ns=timeline.step_ns) for window in reads]
    counts = pa.concat_tables(parts)
    ids = pc.unique(counts.column("template_id"))
    if not len(ids) or ids.null_count or not all(one in known or one == NO_BODY for one in ids.to_pylist()):
        return None
    services, service = text_codes(counts.column("service"))
    severities, severity = text_codes(counts.column("severity"))
    number = np.array([_NUMBERS.get(str(one), 0) for one in severities], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "service": service,
            "template_id": known.now(counts.column("template_id").to_numpy()),
            "slot": np.searchsorted(timeline.times_ns, counts.column("slot_ns").to_numpy(), side="right") - 1,
            "severity_number": number[severity],
            "severity": severities[severity],
            "lines": counts.column("lines").to_numpy(),
        }
    )
    frame = frame[frame["slot"] >= 0].assign(service=lambda rows: services[rows["service"]])
    return _series(frame, known.texts, timeline)


def _pieces(store: Reader, reads: tuple[Window, ...], step_ns: int) -> list[Window]:
    """The windows in pieces of about PIECE_LINES lines as the rollups count them, newest first."""
    pieces = [piece for window in reads for piece in _split(store, window, step_ns)]
    return pieces[::-1]


def _split(store: Reader, window: Window, step_ns: int) -> list[Window]:
    counts = store.log_counts(window, step_ns=step_ns)
    slots, place = np.unique(counts.column("slot_ns").to_numpy(), return_inverse=True)
    lines = np.cumsum(np.bincount(place, weights=counts.column("lines").to_numpy(), minlength=len(slots)))
    crossing = np.flatnonzero(np.diff(lines // PIECE_LINES)) + 1
    inner = [int(start) for start in slots[crossing] if window.start_ns < start < window.end_ns]
    edges = [window.start_ns, *inner, window.end_ns]
    return [Window(start, end) for start, end in pairwise(edges)]


def _count(counts: _Counts, table: pa.Table, timeline: Timeline) -> None:
    ids = counts.templates.ids(pc.fill_null(table.column("body").cast(pa.string()), ""))
    services, service = text_codes(table.column("service"))
    severities, severity = text_codes(table.column("severity"))
    number = pc.fill_null(table.column("severity_number"), 0).to_numpy()
    slot = np.searchsorted(timeline.times_ns, table.column("time_ns").to_numpy(), side="right") - 1
    frame = pd.DataFrame(
        {
            "service": service,
            "template_id": ids,
            "slot": slot,
            "severity": severity,
            "severity_number": number,
        }
    )
    grouped = frame.groupby(["service", "template_id", "slot"], sort=False, as_index=False).agg(
        lines=("slot", "size"), severity_number=("severity_number", "max"), severity=("severity", "max")
    )
    counts.frames.append(grouped.assign(service=services[grouped["service"]], severity=severities[grouped["severity"]]))


def _assemble(counts: _Counts, timeline: Timeline, capped: bool) -> LogSeries:
    if not counts.frames:
        return empty_logs(timeline)
    rows = pd.concat(counts.frames, ignore_index=True)
    rows["template_id"] = counts.templates.now(rows["template_id"].to_numpy())
    found = _series(rows, counts.templates.texts, timeline)
    if capped and counts.read_from_ns is not None:
        found.counts[:, timeline.times_ns < counts.read_from_ns] = np.nan
    return replace(found, told=counts.templates)


def _series(rows: pd.DataFrame, texts: Callable[[np.ndarray], Mapping[int, str]], timeline: Timeline) -> LogSeries:
    """Rows of service, template_id, slot, severity, severity_number and lines, added up."""
    rows = rows.sort_values(["service", "template_id", "severity_number"], kind="stable")
    meta = rows.groupby(["service", "template_id"], as_index=False).last()
    key = rows.groupby(["service", "template_id"]).ngroup().to_numpy()
    shape = (len(meta), len(timeline))
    flat = np.bincount(
        key * shape[1] + rows["slot"].to_numpy(),
        weights=rows["lines"].to_numpy(),
        minlength=shape[0] * shape[1],
    )
    matrix = flat.reshape(shape).astype(np.float32)
    return LogSeries(_meta(meta, texts(meta["template_id"].to_numpy())), matrix)


def _meta(rows: pd.DataFrame, texts: Mapping[int, str]) -> pd.DataFrame:
    template = rows["template_id"].map(texts).fillna("").astype(object)
    return rows.assign(template=template)[["service", "template_id", "template", "severity", "severity_number"]]


def empty_logs(timeline: Timeline) -> LogSeries:
    """A LogSeries without rows."""
    columns = {
        "service": pd.Series(dtype=object),
        "template_id": pd.Series(dtype=np.int64),
        "template": pd.Series(dtype=object),
        "severity": pd.Series(dtype=object),
        "severity_number": pd.Series(dtype=np.int64),
    }
    return LogSeries(pd.DataFrame(columns), np.zeros((0, len(timeline)), dtype=np.float32))
