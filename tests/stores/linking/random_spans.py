"""Spans as disorderly as they may come: skewed clocks, parents that never come, calls answered minutes apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS

START_NS = 1_790_000_040 * SECOND_NS // MINUTE_NS * MINUTE_NS
_SERVICES = ("web", "cart", "pay", "mail")
_KINDS = records.SPAN_KINDS
_SCHEMA = pa.schema([field for field in records.SPANS if field.name not in {"attributes", "events", "links"}])


def random_spans(seed: int, *, traces: int = 40, spans_max: int = 12, minutes: int = 4) -> pa.Table:
    """Spans of some traces; every trace is spread over up to `minutes` minutes."""
    rng = np.random.default_rng(seed)
    rows = [row for _ in range(traces) for row in _trace(rng, spans_max, minutes)]
    return pa.Table.from_pylist([rows[place] for place in rng.permutation(len(rows))], schema=_SCHEMA)


def _trace(rng: np.random.Generator, spans_max: int, minutes: int) -> list[dict[str, object]]:
    trace = rng.bytes(16)
    ids = [rng.bytes(8) for _ in range(int(rng.integers(1, spans_max + 1)))]
    spread_ns = int(rng.choice([SECOND_NS, MINUTE_NS, minutes * MINUTE_NS]))
    first_ns = START_NS + int(rng.integers(0, 2 * MINUTE_NS))
    return [_span(rng, trace, ids, place, first_ns + int(rng.integers(0, spread_ns))) for place in range(len(ids))]


def _span(rng: np.random.Generator, trace: bytes, ids: list[bytes], place: int, start_ns: int) -> dict[str, object]:
    parent: bytes | None = None
    if place and rng.random() < 0.95:
        parent = ids[int(rng.integers(0, place))] if rng.random() < 0.9 else rng.bytes(8)
    kind = str(rng.choice(_KINDS, p=(0.1, 0.15, 0.25, 0.3, 0.1, 0.1)))
    named = kind in {"CLIENT", "PRODUCER", "CONSUMER"} and rng.random() < 0.7
    service = str(rng.choice(_SERVICES))
    return {
        "trace_id": trace,
        "span_id": ids[place],
        "parent_span_id": parent,
        "service": service,
        "operation": f"op{int(rng.integers(0, 3))}",
        "kind": kind,
        "start_ns": start_ns,
        "duration_ns": int(rng.integers(0, 90 * SECOND_NS)),
        "status": str(rng.choice(records.SPAN_STATUSES)),
        "instance": f"{service}-1",
        "version": str(rng.choice(("1", "2"))),
        "peer_service": str(rng.choice(("db", "queue", *_SERVICES))) if named else None,
        "peer_type": str(rng.choice(("database", "queue", "external"))) if named else None,
        "protocol": str(rng.choice(("http", "grpc"))) if rng.random() < 0.5 else None,
    }
