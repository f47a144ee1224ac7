"""Calls made one after the other that could be made side by side.

Traces show times, not what a call needs. That two calls do not need each other is known only where their order
varies, or where they sometimes overlap: a WARNING. Where one always follows the other at once, it cannot be told:
UNKNOWN, with what it would save.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Groups, Limits, entry_text, finding, grouped
from analytics.traces.linking import OVERLAP_NS_MAX, OVERLAP_PARTS
from causeway.findings import Finding, MessageValue, Verdict

# The rarer order must be this common to count.
OTHER_ORDER_RATIO = 0.1


def serial_calls(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per pair of calls, the heaviest of each calling operation."""
    forest = calls.forest
    rows = np.flatnonzero(calls.before >= 0)
    rows = rows[forest.waited[rows] & forest.waited[calls.before[rows]]]
    rows = rows[calls.target[rows] != calls.target[calls.before[rows]]]
    rows = rows[~forest.failed[rows] & ~forest.failed[calls.before[rows]]]
    if not len(rows):
        return
    earlier, caller = calls.before[rows], forest.parent[rows]
    over = _settled(calls, earlier)
    gap = forest.start_ns[rows] - forest.end_ns[earlier]
    took = (forest.end_ns - forest.start_ns)[caller]
    serial = (over <= forest.start_ns[rows]) & (gap <= limits.serial_gap_ratio * took)
    overlap = over > forest.start_ns[rows]
    low, high = np.sort(np.stack([calls.target[earlier], calls.target[rows]]), axis=0)
    pairs = grouped(forest.name[caller], low, high)
    saves = np.where(serial, np.minimum(*(_took(calls, some) for some in (earlier, rows))), 0.0)
    heavy = _heavy(pairs, saves, took, serial, limits)
    best: dict[int, tuple[float, int]] = {}
    for pair in heavy.tolist():
        weight, name = float(pairs.total(saves)[pair]), int(forest.name[caller[pairs.first[pair]]])
        best[name] = max(best.get(name, (0.0, -1)), (weight, -pair))
    forward = calls.target[earlier] == low
    for _, negative in best.values():
        mine = pairs.of == -negative
        turned = min(int((serial & mine & forward).sum()), int((serial & mine & ~forward).sum()))
        free = max(turned, int((overlap & mine).sum())) >= OTHER_ORDER_RATIO * int(mine.sum())
        traces = len(np.unique(forest.trace[rows[mine & serial]]))
        if traces < limits.traces_min:
            continue
        row = int(rows[np.argmax(mine & serial)])
        saved = float(saves[mine].mean()) / 1e6
        values: dict[str, MessageValue] = {
            "caller": entry_text(forest, int(forest.parent[row])),
            "first": calls.callee(int(calls.before[row])),
            "second": calls.callee(row),
            "saves": saved,
            "share": float(saves[mine].sum() / took[mine].sum()),
            "traces": traces,
            "example": forest.example(row),
        }
        service = forest.names[int(forest.name[forest.parent[row]])][0]
        judged, case = (Verdict.WARNING, "found") if free else (Verdict.UNKNOWN, "perhaps")
        yield finding("serial_calls", service, judged, values, value=saved, unit="ms", case=case)


def _heavy(pairs: Groups, saves: np.ndarray, took: np.ndarray, serial: np.ndarray, limits: Limits) -> np.ndarray:
    """The pairs that would save enough of their callers' time and are mostly serial."""
    share = pairs.total(saves) / np.maximum(pairs.total(took.astype(np.float64)), 1)
    mostly = pairs.mean(serial.astype(np.float64)) >= 0.5
    return np.flatnonzero((share >= limits.serial_ratio) & mostly)


def _settled(calls: Calls, rows: np.ndarray) -> np.ndarray:
    """As `linking.settled`, for many rows."""
    start, end = calls.forest.start_ns[rows], calls.forest.end_ns[rows]
    return end - np.minimum(OVERLAP_NS_MAX, (end - start) // OVERLAP_PARTS)


def _took(calls: Calls, rows: np.ndarray) -> np.ndarray:
    return (calls.forest.end_ns[rows] - calls.forest.start_ns[rows]).astype(np.float64)
