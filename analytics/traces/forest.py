"""Many traces as one forest of columns, ready for compiled passes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.traces import linking
from causeway.errors import CausewayError

COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "start_ns", "duration_ns", "status",
    "instance", "version", "peer_service",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codes:
    """A text column: `values` ascending, and (n,) int64 which of them each row has. A missing text is ""."""

    values: tuple[str, ...]
    code: np.ndarray

    def code_of(self, value: str) -> int:
        """The code of a value; -1 where no row has it."""
        return self.values.index(value) if value in self.values else -1


@dataclass(frozen=True)
class Forest:
    """Spans of many traces in preorder, traces by their first start.

    All arrays are (n,) by span unless said otherwise. parent: the row above or a mark of `linking` below 0. size:
    spans of the subtree. start_ns, end_ns: fitted into the parent; came_ns, took_ns: as recorded. waited: the parent
    waits for it; waiter: the row that does, see `linking.waiters`. moved, cut: how it was fitted. name: code of
    (service, operation), `names` ascending. doubles: spans left out because the trace had that id already.
    """

    trace_ids: pa.Array
    trace: np.ndarray
    span_ids: pa.Array
    parent: np.ndarray
    size: np.ndarray
    depth: np.ndarray
    came_ns: np.ndarray
    took_ns: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    waited: np.ndarray
    waiter: np.ndarray
    moved: np.ndarray
    cut: np.ndarray
    service: Codes
    operation: Codes
    kind: Codes
    instance: Codes
    version: Codes
    peer: Codes
    failed: np.ndarray
    names: tuple[tuple[str, str], ...]
    name: np.ndarray
    doubles: int

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def traces(self) -> int:
        """How many traces there are."""
        return len(self.trace_ids)

    @cached_property
    def siblings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """See `linking.siblings`."""
        return linking.siblings(self.waiter, self.start_ns, self.end_ns)

    @cached_property
    def remote(self) -> np.ndarray:
        """(n,) bool: reached from another service."""
        above = np.maximum(self.parent, 0)
        return (self.parent >= 0) & (self.service.code[above] != self.service.code)

    @cached_property
    def broken(self) -> np.ndarray:
        """(traces,) bool: a parent of some span never came, or its parents form a ring."""
        return self._traces_with(self.parent < linking.ROOT)

    @cached_property
    def rooted(self) -> np.ndarray:
        """(traces,) bool: a span without a parent id is there."""
        return self._traces_with(self.parent == linking.ROOT)

    @cached_property
    def entries(self) -> np.ndarray:
        """(m,) rows where requests come in: the roots; without one the trace's first span whose parent is missing."""
        lost = np.flatnonzero((self.parent < linking.ROOT) & ~self.rooted[self.trace])
        _, first = np.unique(self.trace[lost], return_index=True)
        return np.sort(np.concatenate([np.flatnonzero(self.parent == linking.ROOT), lost[first]]))

    def tops(self, service: str, operation: str | None = None) -> np.ndarray:
        """(m,) rows of that service (and operation) with none of the same above them in the same service's turn.

        Where the service calls itself through others only the outermost span counts.
        """
        chosen = self.service.code == self.service.code_of(service)
        if operation is not None:
            chosen &= self.operation.code == self.operation.code_of(operation)
        rows = np.flatnonzero(chosen)
        last = np.maximum.accumulate(rows + self.size[rows]) if len(rows) else rows
        outermost = np.ones(len(rows), dtype=bool)
        outermost[1:] = rows[1:] >= last[:-1]
        return rows[outermost]

    def duration_ms(self, rows: np.ndarray) -> np.ndarray:
        """(m,) milliseconds from start to end of those rows."""
        return (self.end_ns[rows] - self.start_ns[rows]) / 1e6

    def example(self, row: int) -> str:
        """The trace id of a row, as hexadecimal text."""
        return self.trace_ids[int(self.trace[row])].as_py().hex()

    def _traces_with(self, rows: np.ndarray) -> np.ndarray:
        found = np.zeros(self.traces, dtype=bool)
        found[self.trace[rows]] = True
        return found


def build_forest(spans: pa.Table) -> Forest:
    """The forest of a table with COLUMNS, in any order.

    Raises CausewayError when a column is missing. Cost: linear in the spans, and a sort where they do not come by
    (start_ns, span_id).
    """
    missing = [name for name in COLUMNS if name not in spans.column_names]
    if missing:
        raise CausewayError(f"traces cannot be built: the spans lack {', '.join(missing)}; ask for all of COLUMNS")
    table = _in_order(spans.select(COLUMNS))
    traces = _one(table["trace_id"]).dictionary_encode()
    rows, offsets = linking.group_by_trace(traces.indices.to_numpy().astype(np.int64), len(traces.dictionary))
    span_id, parent_id = _id_numbers(_one(table["span_id"]), _one(table["parent_span_id"]))
    has_parent = table["parent_span_id"].is_valid().to_numpy()
    parent = linking.link(offsets, span_id[rows], parent_id[rows], has_parent[rows])
    linking.cut_rings(parent)
    order, above, size, depth = linking.preorder(parent)
    doubles = len(parent) - len(order)
    trace = np.repeat(np.arange(len(traces.dictionary)), np.diff(offsets))[order]
    return _fitted(table.take(pa.array(rows[order])), traces.dictionary, trace, (above, size, depth), doubles)


def _fitted(
    table: pa.Table,
    trace_ids: pa.Array,
    trace: np.ndarray,
    shape: tuple[np.ndarray, np.ndarray, np.ndarray],
    doubles: int,
) -> Forest:
    """The forest of a table in preorder; shape: (parent, size, depth), each (n,)."""
    parent, size, depth = shape
    service, operation, kind = _codes(table["service"]), _codes(table["operation"]), _codes(table["kind"])
    instance, status = _codes(table["instance"]), _codes(table["status"])
    came, took = table["start_ns"].to_numpy(), table["duration_ns"].to_numpy()
    clock = service.code * len(instance.values) + instance.code
    consumes, produces = (kind.code == kind.code_of(name) for name in ("CONSUMER", "PRODUCER"))
    asynchronous = consumes | produces[np.maximum(parent, 0)]
    client, server = (kind.code == kind.code_of(name) for name in ("CLIENT", "SERVER"))
    failed = status.code == status.code_of("ERROR")
    start, end, waited, moved, cut = linking.fit(parent, came, took, clock, asynchronous, client, server, failed)
    inner = np.isin(kind.code, [kind.code_of(name) for name in ("INTERNAL", "UNSPECIFIED", "")])
    waiter = linking.waiters(parent, size, start, end, waited, clock, inner, client)
    pairs, name = np.unique(service.code * max(1, len(operation.values)) + operation.code, return_inverse=True)
    width = len(operation.values)
    names = tuple((service.values[pair // width], operation.values[pair % width]) for pair in pairs.tolist())
    return Forest(
        trace_ids=trace_ids,
        trace=trace,
        span_ids=_one(table["span_id"]),
        parent=parent,
        size=size,
        depth=depth,
        came_ns=came,
        took_ns=took,
        start_ns=start,
        end_ns=end,
        waited=waited,
        waiter=waiter,
        moved=moved,
        cut=cut,
        service=service,
        operation=operation,
        kind=kind,
        instance=instance,
        version=_codes(table["version"]),
        peer=_codes(table["peer_service"]),
        failed=failed,
        names=names,
        name=name.astype(np.int64),
        doubles=doubles,
    )


def _in_order(table: pa.Table) -> pa.Table:
    """The rows by (start_ns, span_id)."""
    start = table["start_ns"].to_numpy()
    if len(start) < 2 or (start[1:] > start[:-1]).all():
        return table
    ids = _one(table["span_id"])
    later = start[1:] >= start[:-1]
    if later.all():
        equal = np.flatnonzero(start[1:] == start[:-1])
        low, high = ids.take(pa.array(equal)), ids.take(pa.array(equal + 1))
        if pc.all(pc.less_equal(low, high)).as_py() is not False:
            return table
    return table.sort_by([("start_ns", "ascending"), ("span_id", "ascending"), ("trace_id", "ascending")])


def _one(column: pa.ChunkedArray) -> pa.Array:
    """The column as one plain array."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _codes(column: pa.ChunkedArray) -> Codes:
    array = _one(pc.fill_null(column.cast(pa.string()), "")).dictionary_encode()
    values = array.dictionary.to_pylist()
    ascending = sorted(range(len(values)), key=values.__getitem__)
    place = np.empty(len(values), dtype=np.int64)
    place[ascending] = np.arange(len(values))
    return Codes(tuple(values[i] for i in ascending), place[array.indices.to_numpy()])


def _id_numbers(span_id: pa.Array, parent_id: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Span ids and parent ids as (n,) uint64 that are equal where the ids are."""
    own, above = _eight_bytes(span_id), _eight_bytes(parent_id)
    if own is not None and above is not None:
        return own, above
    both = pa.concat_arrays([span_id.cast(pa.binary()), parent_id.cast(pa.binary())]).dictionary_encode()
    code = pc.fill_null(both.indices, 0).to_numpy().astype(np.uint64)
    return code[: len(span_id)], code[len(span_id) :]


def _eight_bytes(ids: pa.Array) -> np.ndarray | None:
    """(n,) uint64, 0 where there is none; None where an id is not of 8 bytes."""
    lengths = pc.binary_length(ids).drop_null()
    if len(lengths) and pc.min_max(lengths).as_py() != {"min": 8, "max": 8}:
        return None
    filled = pc.fill_null(ids, b"\0" * 8) if ids.null_count else ids
    offset, data = filled.offset, filled.buffers()[2]
    if not len(filled) or data is None:
        return np.zeros(len(filled), dtype=np.uint64)
    first = np.frombuffer(filled.buffers()[1], dtype=np.int32, count=1, offset=4 * offset)[0]
    return np.frombuffer(data, dtype=np.uint8, count=8 * len(filled), offset=int(first)).view(np.uint64)
