"""Fan-out explosions: one span with very many calls under way at the same time."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, entry_text, finding, grouped, verdict
from analytics.traces.linking import children
from causeway.findings import Finding, MessageValue


def fan_outs(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per operation whose spans reach the limit."""
    forest = calls.forest
    offsets, child = children(forest.parent)
    peak, count = _peaks(offsets, child, calls.is_call, forest.start_ns, forest.end_ns)
    rows = np.flatnonzero(peak >= limits.fan_out[0])
    if not len(rows):
        return
    kinds = grouped(forest.name[rows])
    traces = kinds.distinct(forest.trace[rows])
    for kind in np.flatnonzero(traces >= limits.traces_min).tolist():
        mine = rows[kinds.of == kind]
        worst = int(mine[np.argmax(peak[mine])])
        typical = float(peak[mine].mean())
        values: dict[str, MessageValue] = {
            "caller": entry_text(forest, worst),
            "width": typical,
            "most": int(peak[worst]),
            "calls": float(count[mine].mean()),
            "traces": int(traces[kind]),
            "example": forest.example(worst),
        }
        service = forest.names[int(forest.name[worst])][0]
        judged = verdict(typical, limits.fan_out)
        yield finding("fan_outs", service, judged, values, value=typical, threshold=limits.fan_out[0])


@njit(nogil=True, cache=True)
def _peaks(offsets, child, is_call, start, end):  # noqa: ANN001, ANN202
    """(n,) calls of each span under way at once at most, and calls in all."""
    n = offsets.shape[0] - 1
    peak, count = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for p in range(n):
        first, last = offsets[p], offsets[p + 1]
        if first == last:
            continue
        begun, over = np.empty(last - first, np.int64), np.empty(last - first, np.int64)
        some = 0
        for k in range(first, last):
            if is_call[child[k]]:
                begun[some], over[some] = start[child[k]], end[child[k]]
                some += 1
        count[p] = some
        ends, starts, done = np.sort(over[:some]), np.sort(begun[:some]), 0
        for k in range(some):
            while ends[done] <= starts[k] and done < k:
                done += 1
            peak[p] = max(peak[p], k + 1 - done)
    return peak, count
