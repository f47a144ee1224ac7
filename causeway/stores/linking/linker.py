"""Who called whom, span by span: each batch of new spans becomes additive rollup rows.

The linker remembers recent spans by identity. A span whose parent is known contributes an edge at once; one whose
parent is not waits until it comes. What later spans disprove (a client span's virtual callee that turns out to be
instrumented, an internal span that turns out to be a request from outside) is corrected by negative rows, so that
the sum of all rows depends only on the set of spans seen, not on their order or grouping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.latency import bucket_of
from causeway.stores.linking.hashing import binary_hash, fold, map_find, map_put
from causeway.stores.linking.interning import Combinations, Interner
from causeway.stores.linking.tally import Tally

SPANS_REMEMBERED_MAX = 1_000_000  # about 60 bytes each, with the index
WAITING_MAX = 200_000  # children whose parent may still come
OPERATIONS_MAX = 50_000  # distinct; what comes after them counts as `_other`
_OTHER = "_other"

_UNSPECIFIED, _INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = map(records.SPAN_KINDS.index, records.SPAN_KINDS)
_ERROR, _ROOT, _INBOUND, _VIRTUAL = 1, 2, 4, 8
_TYPES = {name: code for code, name in enumerate(records.NODE_TYPES)}
_SYNC, _ASYNC = 0, 1


@dataclass(slots=True)
class _Spans:
    """Columns of some spans, (n,) each; see `_FIELDS`."""

    identity: np.ndarray
    parent: np.ndarray
    operation: np.ndarray
    instance: np.ndarray
    start: np.ndarray
    duration: np.ndarray
    edge: np.ndarray  # id of the virtual edge it stands for, -1 for none
    protocol: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.identity)

    def where(self, rows: np.ndarray) -> _Spans:
        """Those rows; of remembered spans what is not remembered comes back empty."""
        columns = (getattr(self, name) for name in _FIELDS)
        return _Spans(*(column[rows] if len(column) else column for column in columns))


_FIELDS = ("identity", "parent", "operation", "instance", "start", "duration", "edge", "protocol", "flags")
# What is kept of a span for its children to come: enough to be a parent.
_REMEMBERED = ("identity", "operation", "start", "duration", "edge", "protocol", "flags")
_KINDS = dict(
    zip(
        _FIELDS,
        (np.uint64, np.uint64, np.int32, np.int32, np.int64, np.int64, np.int32, np.int32, np.uint8),
        strict=True,
    )
)


def _no_spans() -> _Spans:
    return _Spans(*(np.empty(0, _KINDS[name]) for name in _FIELDS))


class Linker:
    """Turns new spans into rollup rows. For one thread.

    answers: a list, if set, takes (n,) uint64 identities of client spans that spans counted here answer.
    """

    def __init__(self, *, remember_max: int = SPANS_REMEMBERED_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._services, self._names = Interner(), Interner()  # peers count as services
        self._instance_names, self._versions, self._protocols = Interner(), Interner(), Interner()
        self._no_peer, self._no_protocol = self._services.code(None), self._protocols.code(None)
        self._operations = Combinations((22, 28, 3))  # service, operation, kind
        self._instances = Combinations((22, 22, 19))  # service, instance, version
        self._edges = Combinations((22, 3, 22, 3, 1, 12))  # caller, type, callee, type, kind, protocol
        self._remember_max, self._waiting_max = remember_max, waiting_max
        self._count = 0
        self._spans = _no_spans()
        self._keys = np.zeros(1 << 12, np.uint64)
        self._places = np.zeros(1 << 12, np.int32)
        self._waiting = _no_spans()
        self._answered = np.empty(0, np.uint64)
        self.answers: list[np.ndarray] | None = None
        self._tallies = _tallies()

    @property
    def remembered(self) -> int:
        """Spans that children to come may still be linked to."""
        return self._count

    @property
    def waiting(self) -> int:
        """Spans whose parent has not come yet."""
        return len(self._waiting)

    def add(self, table: pa.Table) -> None:
        """Take in spans that were never taken in before (columns of records.SPANS)."""
        if table.num_rows:
            spans = self._read(table)
            self._remember(spans)
            self._count_spans(spans)
            self._link(spans)

    def absorb(self, table: pa.Table) -> None:
        """Remember spans that were counted before (read back from the tables): they make no rows."""
        spans = self._read(table)
        unknown = np.flatnonzero(map_find(self._keys, self._places, spans.identity) < 0)
        if len(unknown):
            kept, self._tallies = self._tallies, _tallies()
            answers, self.answers = self.answers, None
            spans = spans.where(unknown)
            self._remember(spans)
            self._link(spans)
            self._tallies, self.answers = kept, answers

    def supply(self, table: pa.Table) -> np.ndarray:
        """Remember spans that are counted elsewhere, as `absorb`; those that waited for them make their rows here.

        Returns (n,) uint64 identities: client spans whose virtual edge was taken back by rows made here.
        """
        waiting, self._waiting = self._waiting, _no_spans()
        self.absorb(table)
        self._waiting, self._answered = waiting, np.empty(0, np.uint64)
        self._link(_no_spans())
        return self._answered

    def awaited(self) -> np.ndarray:
        """(n,) uint64 identities of the parents that spans wait for; some more than once."""
        return self._waiting.parent

    def take(self) -> dict[str, pa.Table]:
        """The rollup rows since the last call, by table name; tables without rows are left out."""
        found = {
            "rollup_operations": self._operation_rows(),
            "rollup_instances": self._instance_rows(),
            "rollup_edges": self._edge_rows(),
            "rollup_coverage": self._coverage_rows(),
        }
        return {name: table for name, table in found.items() if table is not None}

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self, table: pa.Table) -> _Spans:
        trace = binary_hash(table["trace_id"])
        identity = fold(trace, binary_hash(table["span_id"]))
        own_parent = binary_hash(table["parent_span_id"])
        parent = np.where(own_parent == 0, np.uint64(0), fold(trace, own_parent))
        service = self._services.codes(table["service"])
        kind = _codes_of(table["kind"], records.SPAN_KINDS)
        operation = self._operation_ids(service, self._names.codes(table["operation"]), kind)
        instance = self._instances.ids(
            service, self._instance_names.codes(table["instance"]), self._versions.codes(table["version"])
        )
        protocol = self._protocols.codes(table["protocol"])
        flags = (_codes_of(table["status"], records.SPAN_STATUSES) == 2).astype(np.uint8) * np.uint8(_ERROR)
        root = parent == 0
        flags |= root.astype(np.uint8) * np.uint8(_ROOT | _INBOUND)
        flags |= ((kind == _SERVER) | (kind == _CONSUMER)).astype(np.uint8) * np.uint8(_INBOUND)
        edge = self._virtual_edges(table, service, kind, protocol)
        flags |= (edge >= 0).astype(np.uint8) * np.uint8(_VIRTUAL)
        return _Spans(
            identity,
            parent,
            operation.astype(np.int32),
            instance.astype(np.int32),
            table["start_ns"].to_numpy(),
            np.maximum(table["duration_ns"].to_numpy(), 0),
            edge.astype(np.int32),
            protocol.astype(np.int32),
            flags,
        )

    def _operation_ids(self, service: np.ndarray, operation: np.ndarray, kind: np.ndarray) -> np.ndarray:
        if len(self._operations.rows) > OPERATIONS_MAX:
            operation = np.full_like(operation, self._names.code(_OTHER))
        return self._operations.ids(service, operation, kind)

    def _virtual_edges(
        self, table: pa.Table, service: np.ndarray, kind: np.ndarray, protocol: np.ndarray
    ) -> np.ndarray:
        """The edge to (or from, for consumers) a peer that may send no spans itself; -1 where none is named."""
        out = np.full(len(service), -1, np.int64)
        peer = self._services.codes(table["peer_service"])
        peer_type = _codes_of(table["peer_type"], records.NODE_TYPES)
        peer_type = np.where(peer_type == 0, _TYPES["external"], peer_type)  # a named peer that says no more
        own = np.full(len(service), _TYPES["service"], np.int64)
        named = peer != self._no_peer
        outward = np.flatnonzero(named & ((kind == _CLIENT) | (kind == _PRODUCER)))
        inward = np.flatnonzero(named & (kind == _CONSUMER) & (peer_type == _TYPES["queue"]))
        if len(outward):
            rows = outward
            is_async = (kind[rows] == _PRODUCER).astype(np.int64)
            out[rows] = self._edges.ids(service[rows], own[rows], peer[rows], peer_type[rows], is_async, protocol[rows])
        if len(inward):
            rows = inward
            is_async = np.ones(len(rows), np.int64)
            out[rows] = self._edges.ids(peer[rows], peer_type[rows], service[rows], own[rows], is_async, protocol[rows])
        return out

    # -- remembering ---------------------------------------------------------------------------------------------

    def _remember(self, spans: _Spans) -> None:
        if self._count + len(spans) > self._remember_max:
            self._forget_oldest(keep=self._remember_max // 2)
        first, total = self._count, self._count + len(spans)
        if total > len(self._spans):
            self._grow(total)
        for name in _REMEMBERED:
            getattr(self._spans, name)[first:total] = getattr(spans, name)
        if total * 3 > len(self._keys) * 2:
            self._index(total)
        else:
            map_put(self._keys, self._places, spans.identity, first)
        self._count = total

    def _grow(self, total: int) -> None:
        size = min(max(4096, total + total // 2), max(self._remember_max, total))
        for name in _REMEMBERED:
            larger = np.empty(size, _KINDS[name])
            larger[: self._count] = getattr(self._spans, name)[: self._count]
            setattr(self._spans, name, larger)

    def _index(self, total: int) -> None:
        size = 1 << (total * 2).bit_length()
        self._keys, self._places = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        map_put(self._keys, self._places, self._spans.identity[:total], 0)

    def _forget_oldest(self, *, keep: int) -> None:
        drop = max(0, self._count - keep)
        for name in _REMEMBERED:
            column = getattr(self._spans, name)
            column[: self._count - drop] = column[drop : self._count].copy()
        self._count -= drop
        self._index(max(self._count, 1))

    # -- counting ------------------------------------------------------------------------------------------------

    def _count_spans(self, spans: _Spans) -> None:
        slot, bucket = _slot(spans.start), bucket_of(spans.duration)
        error = (spans.flags & _ERROR).astype(np.int64)
        self._count_operation(spans, slot, bucket, error, sign=1, inbound=(spans.flags & _INBOUND) > 0)
        inbound = ((spans.flags & _INBOUND) > 0).astype(np.int64)
        instance_bucket = np.where(inbound == 1, bucket, 0)
        keys = {"slot": slot, "instance": spans.instance}
        self._tallies["instances"].add({**keys, "bucket": instance_bucket}, calls=inbound, errors=error * inbound)
        self._tallies["instances"].add(
            {**keys, "bucket": np.zeros_like(bucket)}, duration=spans.duration * inbound, spans=1
        )
        service = self._operations.members(spans.operation)[:, 0]
        roots = ((spans.flags & _ROOT) > 0).astype(np.int64)
        self._tallies["coverage"].add({"slot": slot, "service": service}, spans=1, roots=roots)
        virtual = np.flatnonzero(spans.edge >= 0)
        self._count_edges(spans.where(virtual), spans.edge[virtual], sign=1)

    def _count_operation(
        self,
        spans: _Spans,
        slot: np.ndarray,
        bucket: np.ndarray,
        error: np.ndarray,
        *,
        sign: int,
        inbound: np.ndarray,
    ) -> None:
        keys = {
            "slot": slot,
            "operation": spans.operation,
            "inbound": inbound.astype(np.int64),
            "entry": ((spans.flags & _ROOT) > 0).astype(np.int64),
        }
        self._tallies["operations"].add({**keys, "bucket": bucket}, calls=sign, errors=sign * error)
        self._tallies["operations"].add(
            {**keys, "bucket": np.zeros_like(bucket)},
            duration=sign * spans.duration,
            self_time=sign * spans.duration,
        )

    def _count_edges(self, spans: _Spans, edge: np.ndarray, *, sign: int, gap: np.ndarray | None = None) -> None:
        """gap: (n,) client minus server duration, or -1 where the caller's span is no client span."""
        known = np.zeros(len(spans), np.int64) if gap is None else (gap != np.iinfo(np.int64).min).astype(np.int64)
        keys = {"slot": _slot(spans.start), "edge": edge}
        errors = sign * (spans.flags & _ERROR).astype(np.int64)
        self._tallies["edges"].add({**keys, "bucket": bucket_of(spans.duration)}, calls=sign, errors=errors)
        self._tallies["edges"].add(
            {**keys, "bucket": np.zeros(len(spans), np.int64)},
            duration=sign * spans.duration,
            gap_calls=known,
            gap=0 if gap is None else np.where(known == 1, gap, 0),
        )

    # -- linking -------------------------------------------------------------------------------------------------

    def _link(self, spans: _Spans) -> None:
        children = spans.where(np.flatnonzero(spans.parent != 0))
        if len(self._waiting):
            children = _join(self._waiting, children)
        places = map_find(self._keys, self._places, children.parent)
        found = places >= 0
        self._waiting = children.where(np.flatnonzero(~found)[-self._waiting_max :])
        if found.any():
            self._link_found(children.where(np.flatnonzero(found)), places[found])

    def _link_found(self, child: _Spans, place: np.ndarray) -> None:
        parent = self._spans.where(place)
        of_child, of_parent = (
            self._operations.members(child.operation),
            self._operations.members(parent.operation),
        )
        service, caller = of_child[:, 0], of_parent[:, 0]
        kind, parent_kind = of_child[:, 2], of_parent[:, 2]
        self._tallies["coverage"].add(
            {"slot": _slot(child.start), "service": service},
            linked=1,
            skewed=(child.start < parent.start).astype(np.int64),
        )
        is_async = (kind == _CONSUMER) | (parent_kind == _PRODUCER)
        self._subtract_self_time(child, parent, np.flatnonzero(~is_async))
        crossing = (service != caller) | ((kind == _SERVER) & (parent_kind == _CLIENT))
        self._reveal_inbound(child, np.flatnonzero((service != caller) & ((child.flags & _INBOUND) == 0)))
        # A consumer that names its queue is called by the queue, not by the producer.
        direct = np.flatnonzero(crossing & ~((kind == _CONSUMER) & (child.edge >= 0)))
        if len(direct):
            self._add_direct_edges(child, parent, direct, service, caller, is_async)
            answered = direct[(parent_kind[direct] == _CLIENT)]
            self._retract_virtual(place[answered])
            if self.answers is not None:
                self.answers.append(parent.identity[answered])

    def _add_direct_edges(
        self,
        child: _Spans,
        parent: _Spans,
        rows: np.ndarray,
        service: np.ndarray,
        caller: np.ndarray,
        is_async: np.ndarray,
    ) -> None:
        own = np.full(len(rows), _TYPES["service"], np.int64)
        protocol = parent.protocol[rows].astype(np.int64)
        protocol = np.where(protocol == self._no_protocol, child.protocol[rows], protocol)
        edge = self._edges.ids(caller[rows], own, service[rows], own, is_async[rows].astype(np.int64), protocol)
        parent_kind = self._operations.members(parent.operation[rows])[:, 2]
        # A span of no telling kind with a child elsewhere is taken for the client of that call.
        asking = (parent_kind == _CLIENT) | ((parent_kind == _UNSPECIFIED) & ~is_async[rows])
        gap = np.where(asking, parent.duration[rows] - child.duration[rows], np.iinfo(np.int64).min)
        self._count_edges(child.where(rows), edge, sign=1, gap=gap)

    def _subtract_self_time(self, child: _Spans, parent: _Spans, rows: np.ndarray) -> None:
        if len(rows):
            above = parent.where(rows)
            self._tallies["operations"].add(
                {
                    "slot": _slot(above.start),
                    "operation": above.operation,
                    "inbound": ((above.flags & _INBOUND) > 0).astype(np.int64),
                    "entry": ((above.flags & _ROOT) > 0).astype(np.int64),
                    "bucket": np.zeros(len(rows), np.int64),
                },
                self_time=-np.minimum(child.duration[rows], above.duration),
            )

    def _reveal_inbound(self, child: _Spans, rows: np.ndarray) -> None:
        """Spans of no telling kind that another service called are requests from outside after all."""
        if not len(rows):
            return
        spans = child.where(rows)
        slot, bucket = _slot(spans.start), bucket_of(spans.duration)
        error = (spans.flags & _ERROR).astype(np.int64)
        self._count_operation(spans, slot, bucket, error, sign=-1, inbound=np.zeros(len(rows), np.int64))
        self._count_operation(spans, slot, bucket, error, sign=1, inbound=np.ones(len(rows), np.int64))
        keys = {"slot": slot, "instance": spans.instance}
        self._tallies["instances"].add({**keys, "bucket": bucket}, calls=1, errors=error)
        self._tallies["instances"].add({**keys, "bucket": np.zeros_like(bucket)}, duration=spans.duration)

    def _retract_virtual(self, places: np.ndarray) -> None:
        """The callee answered with spans of its own: the virtual node in its place goes."""
        places = np.unique(places)
        flags = self._spans.flags
        places = places[(flags[places] & _VIRTUAL) > 0]
        if len(places):
            spans = self._spans.where(places)
            self._count_edges(spans, spans.edge, sign=-1)
            self._answered = spans.identity
            flags[places] &= np.uint8(255 - _VIRTUAL)

    # -- rows ----------------------------------------------------------------------------------------------------

    def _operation_rows(self) -> pa.Table | None:
        rows = self._tallies["operations"].take()
        if rows is None:
            return None
        keys = self._operations.members(rows["operation"])
        columns = {
            "slot_ns": rows["slot"],
            "service": self._services.column(keys[:, 0]),
            "operation": self._names.column(keys[:, 1]),
            "kind": pa.array(records.SPAN_KINDS).take(pa.array(keys[:, 2])),
            "inbound": rows["inbound"].astype(bool),
            "entry": rows["entry"].astype(bool),
            **_counts(rows),
            "self_ns_sum": rows["self_time"],
        }
        return pa.table(columns, schema=records.OPERATIONS)

    def _instance_rows(self) -> pa.Table | None:
        rows = self._tallies["instances"].take()
        if rows is None:
            return None
        keys = self._instances.members(rows["instance"])
        columns = {
            "slot_ns": rows["slot"],
            "service": self._services.column(keys[:, 0]),
            "instance": self._instance_names.column(keys[:, 1]),
            "version": self._versions.column(keys[:, 2]),
            **_counts(rows),
            "spans": rows["spans"],
        }
        return pa.table(columns, schema=records.INSTANCES)

    def _edge_rows(self) -> pa.Table | None:
        rows = self._tallies["edges"].take()
        if rows is None:
            return None
        keys = self._edges.members(rows["edge"])
        types = pa.array(records.NODE_TYPES)
        columns = {
            "slot_ns": rows["slot"],
            "caller": self._services.column(keys[:, 0]),
            "caller_type": types.take(pa.array(keys[:, 1])),
            "callee": self._services.column(keys[:, 2]),
            "callee_type": types.take(pa.array(keys[:, 3])),
            "kind": pa.array(["sync", "async"]).take(pa.array(keys[:, 4])),
            "protocol": self._protocols.column(keys[:, 5]),
            **_counts(rows),
            "gap_calls": rows["gap_calls"],
            "gap_ns_sum": rows["gap"],
        }
        return pa.table(columns, schema=records.EDGES)

    def _coverage_rows(self) -> pa.Table | None:
        rows = self._tallies["coverage"].take()
        if rows is None:
            return None
        columns = {
            "slot_ns": rows["slot"],
            "service": self._services.column(rows["service"]),
            **{name: rows[name] for name in ("spans", "roots", "linked", "skewed")},
        }
        return pa.table(columns, schema=records.COVERAGE)


def _tallies() -> dict[str, Tally]:
    counts = ("calls", "errors", "duration")
    return {
        "operations": Tally(("slot", "operation", "inbound", "entry", "bucket"), (*counts, "self_time")),
        "instances": Tally(("slot", "instance", "bucket"), (*counts, "spans")),
        "edges": Tally(("slot", "edge", "bucket"), (*counts, "gap_calls", "gap")),
        "coverage": Tally(("slot", "service"), ("spans", "roots", "linked", "skewed")),
    }


def _counts(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "latency_bucket": rows["bucket"].astype(np.int16),
        "calls": rows["calls"],
        "errors": rows["errors"],
        "duration_ns_sum": rows["duration"],
    }


def _join(left: _Spans, right: _Spans) -> _Spans:
    return _Spans(*(np.concatenate((getattr(left, name), getattr(right, name))) for name in _FIELDS))


def _slot(start_ns: np.ndarray) -> np.ndarray:
    return start_ns // records.ROLLUP_STEP_NS * records.ROLLUP_STEP_NS


def _codes_of(column: pa.ChunkedArray, names: tuple[str, ...]) -> np.ndarray:
    """(n,) int64 places of the texts in `names`, 0 for null and anything else."""
    parts = []
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        lookup = pc.fill_null(pc.index_in(encoded.dictionary, pa.array(names)), 0).to_numpy(zero_copy_only=False)
        lookup = np.append(lookup, 0)  # the last place is for null
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        parts.append(lookup[places].astype(np.int64))
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
