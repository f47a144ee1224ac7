"""Traces made by hand or by chance, as tables of spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from analytics.traces.forest import COLUMNS
from causeway import records

BASE_NS = 1_790_000_000_000_000_000
MS_NS = 1_000_000
TRACE_GAP_NS = 10_000_000_000


@dataclass(frozen=True)
class Made:
    """A span to be: `at_ms` after its parent's start, `took_ms` long. parent: an id to name instead of the real one."""

    service: str
    operation: str
    at_ms: float
    took_ms: float
    below: tuple[Made, ...] = ()
    kind: str = "SERVER"
    failed: bool = False
    instance: str = ""
    version: str = "1"
    peer: str | None = None
    lost_parent: bool = field(default=False)


def call(
    caller: str, callee: str, operation: str, at_ms: float, took_ms: float, below: Sequence[Made] = (), **more: object
) -> Made:
    """A client span of the caller with the callee's server span in it, of the same length."""
    server = Made(callee, operation, 0, took_ms, tuple(below))
    return replace(Made(caller, f"call {operation}", at_ms, took_ms, (server,), kind="CLIENT"), **more)  # type: ignore[arg-type]


def table_of(traces: Sequence[Sequence[Made]], *, seed: int | None = None) -> pa.Table:
    """The spans of those traces (each a list of tops), ten seconds apart; shuffled with a seed."""
    rows = [row for number, tops in enumerate(traces) for row in _trace(number, tops)]
    schema = pa.schema([records.SPANS.field(name) for name in COLUMNS])
    table = pa.table([[row[name] for row in rows] for name in COLUMNS], schema=schema)
    return table if seed is None else table.take(np.random.default_rng(seed).permutation(len(rows)))


def renamed(table: pa.Table, names: dict[str, str]) -> pa.Table:
    """The same spans with other service names."""
    place = table.schema.get_field_index("service")
    other = [names[name] for name in table["service"].to_pylist()]
    return table.set_column(place, table.schema.field("service"), pa.array(other, pa.string()))


def _trace(number: int, tops: Sequence[Made]) -> Iterator[dict[str, object]]:
    ahead = [(top, BASE_NS + number * TRACE_GAP_NS, None) for top in reversed(tops)]
    count = 0
    while ahead:
        made, base_ns, parent = ahead.pop()
        count += 1
        span_id = (number * 100_000 + count).to_bytes(8, "big")
        start_ns = base_ns + round(made.at_ms * MS_NS)
        yield {
            "trace_id": (number + 1).to_bytes(16, "big"),
            "span_id": span_id,
            "parent_span_id": b"\xff" * 8 if made.lost_parent else parent,
            "service": made.service,
            "operation": made.operation,
            "kind": made.kind,
            "start_ns": start_ns,
            "duration_ns": round(made.took_ms * MS_NS),
            "status": "ERROR" if made.failed else "UNSET",
            "instance": made.instance or f"{made.service}-0",
            "version": made.version,
            "peer_service": made.peer,
        }
        ahead += [(child, start_ns, span_id) for child in reversed(made.below)]  # type: ignore[misc]
