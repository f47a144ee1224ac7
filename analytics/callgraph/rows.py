"""Rollup rows of calls between the nodes of one level: the same columns whichever level is asked for."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from analytics.callgraph.level import WITHIN, Level
from causeway.records import ROLLUP_STEP_NS
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window

KEYS = ("caller", "callee", "kind")
_SUMS = ("calls", "errors", "duration_ns_sum")


def slot_step_ns(level: Level) -> int:
    """How fine the rows of a level are: its slots are that long."""
    return ROLLUP_STEP_NS if level is Level.SERVICE else MINUTE_NS


def whole_slots(window: Window, level: Level) -> Window:
    """The window moved to whole slots of the level: both ends earlier, so that the last slot is a finished one.

    Windows that touch still touch. One that is shorter than a slot becomes the slot in which it begins.
    """
    step = slot_step_ns(level)
    start, end = window.start_ns // step * step, window.end_ns // step * step
    return Window(start, max(end, start + step))


def call_rows(reader: Reader, level: Level, window: Window, *, step_ns: int | None = None) -> pa.Table:
    """Calls of the window between nodes of the level, in whole slots that begin in it.

    Columns: slot_ns (with a step only), caller, callee (node ids), caller_service, callee_service, kind, calls, errors,
    duration_ns_sum (int64), estimated (float64 calls, weighted by sampling) and, of services only, latency_bucket.
    Several rows may have one key. One query.
    """
    if level is Level.SERVICE:
        rows = reader.edges(window, step_ns=step_ns)
        rows = rows.filter(pc.not_equal(rows["caller_type"].cast(pa.string()), "entry"))
        ends = {end: rows[end].cast(pa.string()) for end in ("caller", "callee")}
    elif level is Level.OPERATION:
        rows = reader.calls(window, step_ns=step_ns)
        ends = {end: node_ids(rows[end], rows[f"{end}_operation"]) for end in ("caller", "callee")}
    else:
        rows = reader.instance_calls(window, step_ns=step_ns)
        ends = {end: node_ids(rows[end], rows[f"{end}_{level}"]) for end in ("caller", "callee")}
    columns = {} if step_ns is None else {"slot_ns": rows["slot_ns"]}
    columns |= ends
    columns |= {f"{end}_service": rows[end].cast(pa.string()) for end in ("caller", "callee")}
    columns["kind"] = rows["kind"].cast(pa.string())
    columns |= {name: rows[name] for name in _SUMS}
    columns["estimated"] = _estimated(rows)
    if "latency_bucket" in rows.column_names:
        columns["latency_bucket"] = rows["latency_bucket"]
    return pa.table(columns)


def node_ids(service: pa.ChunkedArray, part: pa.ChunkedArray) -> pa.ChunkedArray:
    """(n,) `service › part`; the service alone where the part is not known, as of a peer that sends no spans."""
    names = pc.fill_null(service.cast(pa.string()), "")
    parts = pc.fill_null(part.cast(pa.string()), "")
    return pc.if_else(pc.equal(parts, ""), names, pc.binary_join_element_wise(names, parts, WITHIN))


def _estimated(rows: pa.Table) -> pa.ChunkedArray:
    """Calls as they would be without sampling; those that were seen where the rows do not say, as of instances."""
    if "estimated_milli" not in rows.column_names:
        return rows["calls"].cast(pa.float64())
    return pc.coalesce(pc.divide(rows["estimated_milli"].cast(pa.float64()), 1000.0), rows["calls"].cast(pa.float64()))
