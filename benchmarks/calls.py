"""Spans of a made-up system as columns: traces over a fixed graph in the order of time, and the calls in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS

HOPS = 5
SPANS_A_TRACE = 1 + 2 * HOPS
START_NS = 1_790_000_040 * SECOND_NS
CALLEES = 3  # of each service
OPERATIONS = 4  # of each service
TRACES_AT_ONCE = 5_000
_DURATION_NS = 4_000_000  # of the innermost span; each around it takes so much more


class Calls:
    """Traces of HOPS calls, one inside the other; `edges` counts the calls made."""

    def __init__(self, *, services: int, minutes: float, seed: int = 7) -> None:
        """minutes: over which the traces are spread, evenly."""
        self._rng = np.random.default_rng(seed)
        self._names = [f"service-{place:03}" for place in range(services)]
        self._callees = self._rng.integers(0, services - 1, (services, CALLEES))
        self._callees += self._callees >= np.arange(services)[:, None]
        self._minutes = minutes
        self._counts = np.zeros(services * services, np.int64)

    @property
    def edges(self) -> dict[tuple[str, str], int]:
        """Calls by (caller, callee)."""
        many = len(self._names)
        pairs = np.flatnonzero(self._counts).tolist()
        return {(self._names[pair // many], self._names[pair % many]): int(self._counts[pair]) for pair in pairs}

    def tables(self, spans: int, *, traces_at_once: int = TRACES_AT_ONCE) -> Iterator[pa.Table]:
        """About so many spans in all, columns of records.SPANS, text dictionary-encoded; each after the one before."""
        traces = max(1, spans // SPANS_A_TRACE)
        period_ns = self._minutes * MINUTE_NS / traces
        for first in range(0, traces, traces_at_once):
            count = min(traces_at_once, traces - first)
            yield self._table(START_NS + int(first * period_ns), max(1, int(count * period_ns)), count)

    def _table(self, first_ns: int, period_ns: int, traces: int) -> pa.Table:
        rng, rows = self._rng, traces * SPANS_A_TRACE
        path = self._paths(traces)
        # Columns by span: server 0, client 1, server 1, client 2, ...
        place = np.arange(SPANS_A_TRACE)
        client = place % 2 == 1
        service = path[:, place // 2]
        peer = path[:, (place + 1) // 2]
        operation = peer * OPERATIONS + rng.integers(0, OPERATIONS, peer.shape)
        operation[:, 1::2] = operation[:, 2::2]  # a client names what it calls
        began = first_ns + np.sort(rng.integers(0, period_ns, traces))
        duration = (SPANS_A_TRACE - place) * _DURATION_NS + rng.integers(0, 1_000_000, (traces, SPANS_A_TRACE))
        ids = np.frombuffer(rng.bytes(8 * rows), np.uint8).reshape(traces, SPANS_A_TRACE, 8)
        trace = np.repeat(np.frombuffer(rng.bytes(16 * traces), np.uint8).reshape(traces, 16), SPANS_A_TRACE, axis=0)
        named = np.tile(client, traces)
        operations = [f"GET /{place}" for place in range(len(self._names) * OPERATIONS)]
        columns: dict[str, Any] = {
            "trace_id": _fixed(trace, np.ones(rows, bool)),
            "span_id": _fixed(ids, np.ones(rows, bool)),
            "parent_span_id": _fixed(ids[:, :-1], np.tile(place > 0, traces)),
            "service": _texts(service, self._names),
            "operation": _texts(operation, operations),
            "kind": _texts(np.tile(client, traces).astype(np.int32), ["SERVER", "CLIENT"]),
            "start_ns": (began[:, None] + place * 2_000_000).ravel(),
            "duration_ns": duration.ravel(),
            "status": _texts((rng.random(rows) < 0.02).astype(np.int32), ["UNSET", "ERROR"]),
            "instance": _texts(service, [f"{name}-1" for name in self._names]),
            "version": _texts(np.zeros(rows, np.int32), ["1"]),
            "peer_service": _texts(peer, self._names, named),
            "protocol": _texts(np.zeros(rows, np.int32), ["http"]),
            "resource_id": service.ravel() + 1,
            "scope": _texts(np.zeros(rows, np.int32), ["benchmark"]),
            "attributes": _attributes(rows),
        }
        arrays = [
            columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in records.SPANS
        ]
        return pa.table(arrays, names=records.SPANS.names)

    def _paths(self, traces: int) -> np.ndarray:
        """(traces, HOPS + 1) services, each called by the one before."""
        path = np.empty((traces, HOPS + 1), np.int64)
        path[:, 0] = self._rng.integers(0, len(self._names), traces)
        for hop in range(HOPS):
            path[:, hop + 1] = self._callees[path[:, hop], self._rng.integers(0, CALLEES, traces)]
        pairs = path[:, :-1] * len(self._names) + path[:, 1:]
        self._counts += np.bincount(pairs.ravel(), minlength=len(self._counts))
        return path


def _texts(codes: np.ndarray, texts: list[str], valid: np.ndarray | None = None) -> pa.Array:
    mask = None if valid is None else ~valid
    return pa.DictionaryArray.from_arrays(pa.array(codes.ravel().astype(np.int32), mask=mask), pa.array(texts))


def _fixed(values: np.ndarray, valid: np.ndarray) -> pa.Array:
    """Binary column of (valid.sum(), width) bytes, null elsewhere."""
    offsets = np.concatenate(([0], np.cumsum(valid * values.shape[-1]))).astype(np.int32)
    bitmap = np.packbits(valid, bitorder="little").tobytes()
    buffers = [pa.py_buffer(bitmap), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.binary(), len(valid), buffers, null_count=int((~valid).sum()))


def _attributes(rows: int) -> pa.Array:
    two = np.tile(np.arange(2, dtype=np.int32), rows)
    keys = pa.array(["http.request.method", "url.path"]).take(pa.array(two))
    values = pa.array(["GET", "/x"]).take(pa.array(two))
    return pa.MapArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * 2), keys, values)
