"""Spans as disorderly as they may come: skewed clocks, parents that never come, calls answered minutes apart.

Also traces with several roots, rings of parents, links within and between traces and to nowhere, and sampling.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS

START_NS = 1_790_000_040 * SECOND_NS // MINUTE_NS * MINUTE_NS
_SERVICES = ("web", "cart", "pay", "mail")
_KINDS = records.SPAN_KINDS
_SCHEMA = pa.schema([field for field in records.SPANS if field.name not in {"attributes", "events"}])


def random_spans(seed: int, *, traces: int = 40, spans_max: int = 12, minutes: int = 4) -> pa.Table:
    """Spans of some traces; every trace is spread over up to `minutes` minutes."""
    rng = np.random.default_rng(seed)
    rows = [row for _ in range(traces) for row in _trace(rng, spans_max, minutes)]
    for row in rows:
        row["links"] = _links(rng, rows, row)
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
    elif rng.random() < 0.02:
        parent = ids[int(rng.integers(0, len(ids)))]  # itself, or a ring
    kind = str(rng.choice(_KINDS, p=(0.1, 0.15, 0.25, 0.3, 0.1, 0.1)))
    named = kind in {"CLIENT", "PRODUCER", "CONSUMER"} and rng.random() < 0.7
    service = str(rng.choice(_SERVICES, p=(0.55, 0.15, 0.15, 0.15)))  # calls within a service are many
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
        "adjusted_count_milli": int(rng.choice((1000, 4000, 10_500))) if rng.random() < 0.2 else None,
    }


def _links(rng: np.random.Generator, rows: list[dict[str, object]], row: dict[str, object]) -> list[dict[str, object]]:
    """Mostly none; else to any spans, sometimes twice to one, sometimes to one that never comes."""
    if rng.random() < 0.8:
        return []
    others = [rows[int(place)] for place in rng.integers(0, len(rows), int(rng.integers(1, 4)))]
    links = [{"trace_id": other["trace_id"], "span_id": other["span_id"], "attributes": []} for other in others]
    if rng.random() < 0.2:
        links.append({"trace_id": rng.bytes(16), "span_id": rng.bytes(8), "attributes": []})
    return links + links[:1] * int(rng.random() < 0.1)
