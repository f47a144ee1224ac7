"""Timeouts longer than the caller's: the callee goes on after the caller gave up, for nobody."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, entry_text, finding, grouped, verdict
from causeway.findings import Finding, MessageValue

# Going on for less than this is an answer on its way.
LATE_NS = 1_000_000
LATE_RATIO = 0.1


def abandoned_calls(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per calling and called operation: the caller failed, and what it had called ended clearly later.

    Only callees that began within the call count, so that clocks that disagree are not taken for it.
    """
    forest = calls.forest
    rows = np.flatnonzero(forest.remote & forest.waited)
    if not len(rows):
        return
    above = forest.parent[rows]
    begun, over = forest.came_ns[above], forest.came_ns[above] + forest.took_ns[above]
    late = forest.came_ns[rows] + forest.took_ns[rows] - over
    within = (forest.came_ns[rows] >= begun) & (forest.came_ns[rows] <= over)
    gone = within & forest.failed[above] & (late > np.maximum(LATE_NS, LATE_RATIO * forest.took_ns[above]))
    kinds = grouped(forest.name[above], forest.name[rows])
    count = kinds.total(gone.astype(np.float64))
    share = count / kinds.rows
    for kind in np.flatnonzero((count >= limits.abandoned_min) & (share >= limits.abandoned[0])).tolist():
        mine = gone & (kinds.of == kind)
        traces = len(np.unique(forest.trace[rows[mine]]))
        if traces < limits.traces_min:
            continue
        row = int(rows[np.argmax(mine)])
        caller = int(forest.parent[row])
        values: dict[str, MessageValue] = {
            "caller": entry_text(forest, caller),
            "callee": entry_text(forest, row),
            "count": int(count[kind]),
            "share": float(share[kind]),
            "waited": float(np.median(forest.took_ns[above[mine]])) / 1e6,
            "worked": float(np.median(forest.took_ns[rows[mine]])) / 1e6,
            "wasted": float(late[mine].mean()) / 1e6,
            "traces": traces,
            "example": forest.example(row),
        }
        service = forest.names[int(forest.name[caller])][0]
        judged = verdict(float(share[kind]), limits.abandoned)
        yield finding(
            "abandoned_calls", service, judged, values, value=float(share[kind]), unit="ratio",
            threshold=limits.abandoned[0],
        )  # fmt: skip
