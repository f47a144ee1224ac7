"""N+1: one span makes the same call again and again, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, entry_text, finding, grouped, verdict
from causeway.findings import Finding, MessageValue

# Calls that overlap more than this are a fan-out: the sum of their times over the time they take together.
CONCURRENT_RATIO = 1.5


def repeated_calls(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per caller's operation and kind of call. Failed calls are retries and do not count."""
    forest = calls.forest
    rows = np.flatnonzero(calls.is_call & ~forest.failed)
    if not len(rows):
        return
    loops = grouped(forest.parent[rows], calls.target[rows])
    start, end = forest.start_ns[rows], forest.end_ns[rows]
    order = np.argsort(loops.of, kind="stable")
    at = np.searchsorted(loops.of[order], np.arange(len(loops)))
    together = np.maximum.reduceat(end[order], at) - np.minimum.reduceat(start[order], at)
    each = loops.total((end - start).astype(np.float64))
    long = (loops.rows >= limits.repeated_calls[0]) & (each <= CONCURRENT_RATIO * np.maximum(together, 1))
    chosen = np.flatnonzero(long)
    first = rows[loops.first[chosen]]
    kinds = grouped(forest.name[forest.parent[first]], calls.target[first])
    traces = kinds.distinct(forest.trace[first]) if len(chosen) else np.empty(0)
    for kind in np.flatnonzero(traces >= limits.traces_min).tolist():
        mine = kinds.of == kind
        row = int(first[kinds.first[kind]])
        count, spent = float(loops.rows[chosen][mine].mean()), float(together[chosen][mine].mean()) / 1e6
        caller = int(forest.parent[row])
        took = float(forest.duration_ms(forest.parent[first[mine]]).mean())
        values: dict[str, MessageValue] = {
            "caller": entry_text(forest, caller),
            "callee": calls.callee(row),
            "calls": count,
            "most": int(loops.rows[chosen][mine].max()),
            "traces": int(traces[kind]),
            "spent": spent,
            "share": spent / took if took else 0.0,
            "example": forest.example(row),
        }
        service = forest.names[int(forest.name[caller])][0]
        judged = verdict(count, limits.repeated_calls)
        yield finding("repeated_calls", service, judged, values, value=count, threshold=limits.repeated_calls[0])
