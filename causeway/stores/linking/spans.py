"""Spans as the linker sees them: columns of numbers, read from a table of spans.

Texts and their combinations are known by small codes, the same for the life of one linker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from causeway import records
from causeway.stores.linking.hashing import binary_hash, fold
from causeway.stores.linking.interning import OTHER, Combinations, Interner, Members

OPERATIONS_MAX = 50_000  # distinct; what comes after them counts as `_other`, as with these:
PAIRS_MAX = 200_000  # of operations, and of instances
SERVICES_MAX = 1_000_000
PROTOCOLS_MAX = 2_000
# A span stands for at most so many thousandths: what says to be sampled more thinly counts as this.
MILLI_MAX = 2_000_000_000

UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = map(records.SPAN_KINDS.index, records.SPAN_KINDS)
SYNC, ASYNC, LINK = map(records.EDGE_KINDS.index, records.EDGE_KINDS)
TYPES = {name: code for code, name in enumerate(records.NODE_TYPES)}
# Flags of a span. COUNTED: its own rows were made before, or elsewhere.
ERROR, ROOT, INBOUND, VIRTUAL, COUNTED, ANSWERED = 1, 2, 4, 8, 16, 32


@dataclass(slots=True)
class Spans:
    """Columns of some spans, (n,) each; see `FIELDS`."""

    identity: np.ndarray
    parent: np.ndarray  # of links: the linked span
    operation: np.ndarray
    instance: np.ndarray
    start: np.ndarray
    duration: np.ndarray
    edge: np.ndarray  # id of the virtual edge it stands for, -1 for none
    protocol: np.ndarray
    weight: np.ndarray  # thousandths of spans that it stands for
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.identity)

    def where(self, rows: np.ndarray) -> Spans:
        """Those rows; of remembered spans what is not remembered comes back empty."""
        columns = (getattr(self, name) for name in FIELDS)
        return Spans(*(column[rows] if len(column) else column for column in columns))

    def having(self, flag: int) -> np.ndarray:
        """(n,) bool."""
        return (self.flags & flag) > 0


FIELDS = ("identity", "parent", "operation", "instance", "start", "duration", "edge", "protocol", "weight", "flags")
KINDS: dict[str, type[np.generic]] = dict(
    zip(
        FIELDS,
        (np.uint64, np.uint64, np.int32, np.int32, np.int64, np.int64, np.int32, np.int32, np.int32, np.uint8),
        strict=True,
    )
)


def no_spans() -> Spans:
    return Spans(*(np.empty(0, KINDS[name]) for name in FIELDS))


@njit(cache=True, nogil=True)
def flag_first(flags: np.ndarray, places: np.ndarray, flag: int) -> np.ndarray:
    """Set the flag at these places; returns, each once, those where it was not set."""
    out, count = np.empty(len(places), np.int64), 0
    for place in places:
        if not flags[place] & np.uint8(flag):
            flags[place] |= np.uint8(flag)
            out[count] = place
            count += 1
    return out[:count]


def join(left: Spans, right: Spans) -> Spans:
    return Spans(*(np.concatenate((getattr(left, name), getattr(right, name))) for name in FIELDS))


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans with what only their arrival needs.

    trace: (n,) uint64. links: (m,) linking spans, whose parents are the spans they link to.
    """

    spans: Spans
    trace: np.ndarray
    links: Spans


class Names:
    """The codes of one linker: services (peers count as such), operations, instances, edges and pairs of them."""

    def __init__(self) -> None:
        self.services, self.operation_names = Interner(SERVICES_MAX), Interner()
        self.instance_names, self.versions = Interner(), Interner()
        self.protocols = Interner(PROTOCOLS_MAX)
        self.no_peer, self.no_protocol = self.services.code(None), self.protocols.code(None)
        self.unnamed = self.operation_names.code("")
        self._other = self.operation_names.code(OTHER)
        # service, operation, kind
        self.operations = Combinations((22, 28, 3), limit=OPERATIONS_MAX, instead=self._other_operation)
        self.instances = Combinations((22, 22, 19))  # service, instance, version
        self.edges = Combinations((22, 3, 22, 3, 2, 11))  # caller, type, callee, type, kind, protocol
        # caller, callee, kind; of operations and of instances
        self.calls = Combinations((30, 30, 2), limit=PAIRS_MAX, instead=self._other_call)
        self.instance_calls = Combinations((30, 30, 2), limit=PAIRS_MAX, instead=self._other_instance_call)

    def _other_operation(self, members: Members) -> Members:
        return (members[0], self._other, members[2])

    def _other_call(self, members: Members) -> Members:
        caller, callee = (int(self.operations.column(0)[place]) for place in members[:2])
        ends = (self.operations.id(service, self._other, UNSPECIFIED) for service in (caller, callee))
        return (*ends, members[2])

    def _other_instance_call(self, members: Members) -> Members:
        other, none = self.instance_names.code(OTHER), self.versions.code(None)
        services = (int(self.instances.column(0)[place]) for place in members[:2])
        return (*(self.instances.id(service, other, none) for service in services), members[2])

    def kind_of(self, operation: np.ndarray) -> np.ndarray:
        return self.operations.column(2)[operation]

    def service_of(self, operation: np.ndarray) -> np.ndarray:
        return self.operations.column(0)[operation]

    def nobody(self, peer: np.ndarray) -> np.ndarray:
        """(n,) instance ids of peers that send no spans."""
        rows = np.ones(len(peer), np.int64)
        return self.instances.ids(peer, rows * self.instance_names.code(""), rows * self.versions.code(None))

    def read(self, table: pa.Table) -> Batch:
        """Columns of `linking.minutes.LINKED_COLUMNS`; what a table lacks of links and counts is none."""
        trace = binary_hash(table["trace_id"])
        identity = fold(trace, binary_hash(table["span_id"]))
        own_parent = binary_hash(table["parent_span_id"])
        parent = np.where(own_parent == 0, np.uint64(0), fold(trace, own_parent))
        service = self.services.codes(table["service"])
        kind = codes_of(table["kind"], records.SPAN_KINDS)
        operation = self.operations.ids(service, self.operation_names.codes(table["operation"]), kind)
        instance = self.instances.ids(
            service, self.instance_names.codes(table["instance"]), self.versions.codes(table["version"])
        )
        protocol = self.protocols.codes(table["protocol"])
        flags = (codes_of(table["status"], records.SPAN_STATUSES) == 2).astype(np.uint8) * np.uint8(ERROR)
        flags |= (parent == 0).astype(np.uint8) * np.uint8(ROOT | INBOUND)
        flags |= ((kind == SERVER) | (kind == CONSUMER)).astype(np.uint8) * np.uint8(INBOUND)
        edge = self._virtual_edges(table, service, kind, protocol)
        flags |= (edge >= 0).astype(np.uint8) * np.uint8(VIRTUAL)
        spans = Spans(
            identity,
            parent,
            operation.astype(np.int32),
            instance.astype(np.int32),
            table["start_ns"].to_numpy(),
            np.maximum(table["duration_ns"].to_numpy(), 0),
            edge.astype(np.int32),
            protocol.astype(np.int32),
            _weights(table),
            flags,
        )
        return Batch(spans, trace, _links(table, spans, trace))

    def _virtual_edges(
        self, table: pa.Table, service: np.ndarray, kind: np.ndarray, protocol: np.ndarray
    ) -> np.ndarray:
        """The edge to (or from, for consumers) a peer that may send no spans itself; -1 where none is named."""
        out = np.full(len(service), -1, np.int64)
        peer = self.services.codes(table["peer_service"])
        peer_type = codes_of(table["peer_type"], records.NODE_TYPES)
        peer_type = np.where(peer_type == 0, TYPES["external"], peer_type)  # a named peer that says no more
        own = np.full(len(service), TYPES["service"], np.int64)
        named = peer != self.no_peer
        rows = np.flatnonzero(named & ((kind == CLIENT) | (kind == PRODUCER)))
        if len(rows):
            how = np.where(kind[rows] == PRODUCER, ASYNC, SYNC)
            out[rows] = self.edges.ids(service[rows], own[rows], peer[rows], peer_type[rows], how, protocol[rows])
        rows = np.flatnonzero(named & (kind == CONSUMER) & (peer_type == TYPES["queue"]))
        if len(rows):
            how = np.full(len(rows), ASYNC, np.int64)
            out[rows] = self.edges.ids(peer[rows], peer_type[rows], service[rows], own[rows], how, protocol[rows])
        return out


def _weights(table: pa.Table) -> np.ndarray:
    if "adjusted_count_milli" not in table.column_names or table["adjusted_count_milli"].null_count == table.num_rows:
        return np.full(table.num_rows, 1000, np.int32)
    weights = pc.fill_null(table["adjusted_count_milli"], 1000).to_numpy()
    return np.clip(weights, 0, MILLI_MAX).astype(np.int32)


def _links(table: pa.Table, spans: Spans, trace: np.ndarray) -> Spans:
    """One row per link to a span of another trace: the linking span, its parent replaced by the linked span."""
    row, linked, identity = links_of(table)
    other = np.flatnonzero((linked != 0) & (linked != trace[row]))
    links = spans.where(row[other])
    links.parent = identity[other]
    return links


def links_of(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(m,) of each span link: its row, and the hash of the trace and the identity of the linked span."""
    row, trace, span = flat_links(table)
    if not len(row):
        return row, np.empty(0, np.uint64), np.empty(0, np.uint64)
    hashed = binary_hash(trace)
    return row, hashed, fold(hashed, binary_hash(span))


def flat_links(table: pa.Table) -> tuple[np.ndarray, pa.ChunkedArray, pa.ChunkedArray]:
    """(m,) of each span link: its row, trace id and span id."""
    rows, items, first = [np.empty(0, np.int64)], [], 0
    for chunk in table["links"].chunks if "links" in table.column_names else ():
        found = chunk.flatten()
        if len(found):
            rows.append(pc.list_parent_indices(chunk).to_numpy() + first)
            items.append(found)
        first += len(chunk)
    fields = (pa.chunked_array([item.field(name) for item in items], pa.binary()) for name in ("trace_id", "span_id"))
    return np.concatenate(rows), *fields


def codes_of(column: pa.ChunkedArray, names: tuple[str, ...]) -> np.ndarray:
    """(n,) int64 places of the texts in `names`, 0 for null and anything else."""
    parts = []
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        lookup = pc.fill_null(pc.index_in(encoded.dictionary, pa.array(names)), 0).to_numpy(zero_copy_only=False)
        lookup = np.append(lookup, 0)  # the last place is for null
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        parts.append(lookup[places].astype(np.int64))
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
