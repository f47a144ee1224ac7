"""Documents to columns of `records.SPANS`: what the layouts of other products share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.conventions.peers import peer_columns
from causeway.conventions.resource import Resource, resource_of
from causeway.conventions.sampling import adjusted_counts
from causeway.conventions.text import text_of

Document = dict[str, Any]
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
REMEMBERED_MAX = 8192


@dataclass(slots=True)
class Pairs:
    """Attributes of many rows, gathered in any order of rows."""

    rows: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, row: int, key: str, value: Any) -> None:
        self.rows.append(row)
        self.keys.append(key)
        self.values.append(value if type(value) is str else text_of(value))

    def add_column(self, key: str, values: Iterable[Any]) -> None:
        """One attribute of all rows; None is left out."""
        for row, value in enumerate(values):
            if value is not None:
                self.add(row, key, value)

    def to_map(self, count: int) -> pa.MapArray:
        """(count,) maps; of equal keys in a row the last stays."""
        rows = np.array(self.rows, np.int64)
        order = np.argsort(rows, kind="stable")
        keys, values = pa.array(self.keys, pa.string()), pa.array(self.values, pa.string())
        codes = keys.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
        order = _last_of_equal(rows, codes, order)
        counts = np.bincount(rows[order], minlength=count) if len(order) else np.zeros(count, np.int64)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        taken = pa.array(order)
        return pa.MapArray.from_arrays(pa.array(offsets), keys.take(taken), values.take(taken))


def _last_of_equal(rows: np.ndarray, codes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The places of `order` without those whose (row, key) comes again later."""
    if not len(order):
        return order
    joint = rows * (int(codes.max()) + 1) + codes
    _, last = np.unique(joint[::-1], return_index=True)
    if len(last) == len(order):
        return order
    kept = np.zeros(len(rows), np.bool_)
    kept[len(rows) - 1 - last] = True
    return order[kept[order]]


@dataclass(slots=True)
class Items:
    """Events or links of many rows, in the order of rows, each with attributes."""

    counts: list[int] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    attributes: Pairs = field(default_factory=Pairs)

    def to_list(self, arrays: dict[str, pa.Array]) -> pa.ListArray:
        total = sum(self.counts)
        offsets = np.concatenate(([0], np.cumsum(self.counts))).astype(np.int32)
        parts = {**arrays, "attributes": self.attributes.to_map(total)}
        return pa.ListArray.from_arrays(
            pa.array(offsets), pa.StructArray.from_arrays(list(parts.values()), list(parts))
        )


@dataclass(slots=True)
class Senders:
    """Resources, each distinct one worked out once."""

    resource: Callable[[Any], dict[str, str]]  # from what a document says about its sender to resource attributes
    _known: dict[bytes, Resource] = field(default_factory=dict)

    def of(self, described: Sequence[Any]) -> list[Resource]:
        """The sender of each of these descriptions (anything that JSON can hold)."""
        if len(self._known) > REMEMBERED_MAX:
            self._known.clear()
        keys = [orjson.dumps(one) for one in described]
        for key, one in zip(keys, described, strict=True):
            if key not in self._known:
                self._known[key] = resource_of(self.resource(one))
        return [self._known[key] for key in keys]


@dataclass(frozen=True, slots=True)
class SpanColumns:
    """What a layout found out about n spans. Times are ns; ids are text as they came."""

    trace_id: Sequence[str | None]
    span_id: Sequence[str | None]
    parent_span_id: Sequence[str | None]
    operation: Sequence[str | None]
    kind: Sequence[str]
    start_ns: Sequence[int | None]
    duration_ns: Sequence[int | None]
    status: Sequence[str]
    status_message: Sequence[str]
    scope: Sequence[str]
    trace_state: Sequence[str]
    senders: Sequence[Resource]
    attributes: Pairs
    events: Items  # columns time_ns, name; NO_ITEMS where they are not asked for
    links: Items  # columns trace_id, span_id; likewise


NO_ITEMS = Items()
RESOURCE = pa.field("resource", records.ATTRIBUTES)
SCHEMA = pa.schema([*records.SPANS, RESOURCE])
_PEERS = frozenset(("peer_service", "peer_address", "peer_type", "protocol"))
_FROM_ATTRIBUTES = _PEERS | {"attributes", "adjusted_count_milli"}


def table_of(found: SpanColumns, columns: Sequence[str]) -> pa.Table:
    """These columns of `records.SPANS` (or `resource`); spans without ids or a time are left out."""
    needed = dict.fromkeys((*columns, "trace_id", "span_id", "start_ns"))
    builders = _builders(found)
    built = {name: builders[name]() for name in needed if name in builders}
    if _FROM_ATTRIBUTES & needed.keys():
        built["attributes"] = found.attributes.to_map(len(found.trace_id))
    if _PEERS & needed.keys():
        built |= peer_columns(pa.array(found.kind, pa.string()), built["attributes"])
    if "adjusted_count_milli" in needed:
        built["adjusted_count_milli"] = adjusted_counts(_texts(found.trace_state), built["attributes"])
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    table = pa.table([_cast(built[name], schema.field(name).type) for name in columns], schema=schema)
    has_ids = pc.and_(built["trace_id"].is_valid(), built["span_id"].is_valid())
    good = pc.and_(has_ids, pc.greater(pc.fill_null(built["start_ns"], 0), 0))
    return table if pc.all(good).as_py() is not False else table.filter(good)


def _builders(found: SpanColumns) -> dict[str, Callable[[], pa.Array]]:
    return {
        "trace_id": lambda: identifiers(found.trace_id, TRACE_ID_BYTES),
        "span_id": lambda: identifiers(found.span_id, SPAN_ID_BYTES),
        "parent_span_id": lambda: identifiers(found.parent_span_id, SPAN_ID_BYTES),
        "service": lambda: _texts([sender.service for sender in found.senders]),
        "operation": lambda: _texts([operation or "" for operation in found.operation]),
        "kind": lambda: _texts(found.kind),
        "start_ns": lambda: pa.array(found.start_ns, pa.int64()),
        "duration_ns": lambda: pa.array([max(0, duration or 0) for duration in found.duration_ns], pa.int64()),
        "status": lambda: _texts(found.status),
        "status_message": lambda: _texts(found.status_message),
        "instance": lambda: _texts([sender.instance for sender in found.senders]),
        "version": lambda: _texts([sender.version for sender in found.senders]),
        "resource_id": lambda: pa.array([sender.resource_id for sender in found.senders], pa.int64()),
        "resource": lambda: _resources(found.senders),
        "scope": lambda: _texts(found.scope),
        "trace_state": lambda: _texts(found.trace_state),
        "events": lambda: _events(found.events),
        "links": lambda: _links(found.links),
    }


def identifiers(texts: Sequence[str | None], size: int) -> pa.Array:
    """(n,) binary of `size` bytes each; null for none and for all zero.

    Hexadecimal text that is too short is padded on the left, as tracers with 64-bit trace ids mean it; any other
    text becomes a hash of itself, the same wherever it stands.
    """
    try:
        raw = bytes.fromhex("".join(texts))  # type: ignore[arg-type]
        if len(raw) == size * len(texts) and all(len(text) == 2 * size for text in texts if text is not None):
            fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(texts), [None, pa.py_buffer(raw)])
            zero = pc.equal(fixed, pa.scalar(bytes(size), pa.binary(size)))
            return pc.if_else(zero, None, fixed).cast(pa.binary())
    except (TypeError, ValueError):
        pass  # some are missing or no such text: one by one
    return pa.array([identifier(text, size) for text in texts], pa.binary())


def identifier(text: str | None, size: int) -> bytes | None:
    """One id as `identifiers` reads it."""
    if not text:
        return None
    if len(text) <= 2 * size:
        try:
            raw = bytes.fromhex(text.zfill(2 * size))
        except ValueError:
            raw = _hash(text, size)
    else:
        raw = _hash(text, size)
    return raw if any(raw) else None


def _hash(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def pick(documents: Sequence[Any], path: str) -> list[Any]:
    """(n,) what stands at a dotted path of nested objects, None where there is nothing."""
    found: list[Any] = list(documents)
    for part in path.split("."):
        found = [one.get(part) if type(one) is dict else None for one in found]
    return found


def _resources(senders: Sequence[Resource]) -> pa.Array:
    places = {sender.resource_id: sender for sender in senders}
    order = {key: place for place, key in enumerate(places)}
    maps = pa.array([list(sender.attributes.items()) for sender in places.values()], records.ATTRIBUTES)
    return maps.take(pa.array([order[sender.resource_id] for sender in senders], pa.int64()))


def _events(events: Items) -> pa.ListArray:
    names = pa.array(events.columns.get("name", []), pa.string())
    return events.to_list({"time_ns": pa.array(events.columns.get("time_ns", []), pa.int64()), "name": names})


def _links(links: Items) -> pa.ListArray:
    traces = identifiers(links.columns.get("trace_id", []), TRACE_ID_BYTES)
    return links.to_list({"trace_id": traces, "span_id": identifiers(links.columns.get("span_id", []), SPAN_ID_BYTES)})


def _texts(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.string())


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    return column if column.type == wanted else column.cast(wanted)
