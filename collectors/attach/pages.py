"""Spans as they come from a source, and as the store takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.stores.linking.minutes import LINKED_COLUMNS

MODES = ("rollups", "copy")
# What a mode asks of a source; `resource` are the resource attributes.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "rollups": (*LINKED_COLUMNS, "resource_id", "resource"),
    "copy": (*records.SPANS.names, "resource"),
}


@dataclass(frozen=True, slots=True)
class SpanPage:
    """Some spans with the columns of a mode, and how many documents of each slot they came from."""

    spans: pa.Table
    documents: int
    slots: Mapping[int, int] = field(default_factory=dict)


def tables_of(page: pa.Table) -> dict[str, pa.Table]:
    """The tables `spans` and `resources` of a page; what its mode left out is empty."""
    missing = [name for name in records.SPANS.names if name not in page.column_names]
    for name in missing:
        page = page.append_column(records.SPANS.field(name), _empty(name, page.num_rows))
    return {"resources": _resources(page), "spans": page.select(records.SPANS.names).cast(records.SPANS)}


def _empty(name: str, count: int) -> pa.Array:
    kind = records.SPANS.field(name).type
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        offsets = pa.array([0] * (count + 1), pa.int32())
        nothing = pa.array([], kind)
        if pa.types.is_map(kind):
            return pa.MapArray.from_arrays(offsets, nothing.keys, nothing.items)
        return pa.ListArray.from_arrays(offsets, nothing.values)
    if name in {"status_message", "scope", "trace_state"}:
        return pa.array([""] * count, kind)
    return pa.nulls(count, kind)


def _resources(page: pa.Table) -> pa.Table:
    """One row per sender, with its first time in the page."""
    keys = page.select(["resource_id", "start_ns"]).append_column("row", pa.array(range(page.num_rows), pa.int64()))
    found = keys.group_by("resource_id").aggregate([("start_ns", "min"), ("row", "min")])
    rows = found["row_min"]
    return pa.table(
        {
            "resource_id": found["resource_id"],
            **{name: page[name].take(rows) for name in ("service", "instance", "version")},
            "attributes": pc.take(page["resource"], rows),
            "first_ns": found["start_ns_min"],
        },
        schema=records.RESOURCES,
    )
