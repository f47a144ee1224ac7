"""Filters over decoded columns, for what a server cannot compare exactly."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from causeway.stores.contract import LogFilter, SpanFilter
from causeway.window import Window

_EQUAL = ("service", "operation", "kind", "status", "instance")


def span_columns(where: SpanFilter) -> list[str]:
    """The columns that `span_mask` looks at for this filter."""
    found = [
        name for name in ("service", "operation", "kind", "status", "instance") if getattr(where, name) is not None
    ]
    if where.duration_min_ns is not None or where.duration_max_ns is not None:
        found.append("duration_ns")
    return [*found, "attributes"] if where.attributes else found


def span_mask(table: pa.Table, window: Window, where: SpanFilter) -> pa.Array:
    """(n,) bool: the spans that start in the window and match."""
    mask = _inside(table["start_ns"], window)
    for name in _EQUAL:
        wanted = getattr(where, name)
        if wanted is not None:
            mask = pc.and_(mask, pc.fill_null(pc.equal(table[name], wanted), False))
    if where.duration_min_ns is not None:
        mask = pc.and_(mask, pc.greater_equal(table["duration_ns"], where.duration_min_ns))
    if where.duration_max_ns is not None:
        mask = pc.and_(mask, pc.less_equal(table["duration_ns"], where.duration_max_ns))
    for key, value in where.attributes.items():
        mask = pc.and_(mask, _has(table["attributes"], key, value))
    return mask


def log_mask(table: pa.Table, window: Window, where: LogFilter) -> pa.Array:
    """(n,) bool: the lines of the window with the instance, the templates and the substring of the filter."""
    mask = _inside(table["time_ns"], window)
    if where.instance is not None:
        mask = pc.and_(mask, pc.fill_null(pc.equal(table["instance"], where.instance), False))
    if where.template_ids is not None:
        wanted = pa.array(where.template_ids, pa.int64())
        mask = pc.and_(mask, pc.fill_null(pc.is_in(table["template_id"], value_set=wanted), False))
    if where.contains:
        mask = pc.and_(mask, pc.fill_null(pc.match_substring(table["body"], where.contains), False))
    return mask


def _inside(times: pa.ChunkedArray, window: Window) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(times, window.start_ns), pc.less(times, window.end_ns))


def _has(attributes: pa.ChunkedArray, key: str, value: str) -> pa.ChunkedArray:
    last = pc.map_lookup(attributes, pa.scalar(key), "last")
    return pc.fill_null(pc.equal(last, value), False)
