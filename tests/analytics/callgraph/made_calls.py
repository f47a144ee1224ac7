"""Rollup rows of calls made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from causeway.latency import bucket_of
from causeway.records import EDGES
from causeway.window import MINUTE_NS, Window
from tests.table_store import TableStore

START = 1_700_000_040 * 10**9  # a whole minute
BEFORE = Window(START, START + 60 * MINUTE_NS)
AFTER = Window(BEFORE.end_ns, BEFORE.end_ns + 30 * MINUTE_NS)

# caller, callee, minute since START, calls, errors, ms of each call
Row = tuple[str, str, int, int, int, float]


def calls_store(rows: Sequence[Row]) -> TableStore:
    """A store whose rollups hold those calls, each row at the beginning of its minute."""
    made = [
        {
            "slot_ns": START + minute * MINUTE_NS,
            "caller": caller,
            "caller_type": "service",
            "callee": callee,
            "callee_type": "service",
            "kind": "sync",
            "protocol": "http",
            "latency_bucket": int(bucket_of(np.array([int(ms * 1e6)]))[0]),
            "calls": calls,
            "errors": errors,
            "duration_ns_sum": int(calls * ms * 1e6),
            "gap_calls": 0,
            "gap_ns_sum": 0,
            "estimated_milli": calls * 1000,
            "lag_calls": 0,
            "lag_ns_sum": 0,
        }
        for caller, callee, minute, calls, errors, ms in rows
    ]
    return TableStore({"rollup_edges": pa.Table.from_pylist(made, schema=EDGES)})


def steady(caller: str, callee: str, minutes: range, calls: int = 50, errors: int = 0, ms: float = 10.0) -> list[Row]:
    """The same calls every minute."""
    return [(caller, callee, minute, calls, errors, ms) for minute in minutes]
