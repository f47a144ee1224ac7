"""Retry storms, and retries of retries that multiply along a chain of calls."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, entry_text, finding, grouped, verdict
from causeway.findings import Finding, MessageValue


def retry_storms(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per caller's operation and callee whose calls take more than one attempt on average."""
    forest = calls.forest
    rows = np.flatnonzero(calls.is_call & forest.remote[_below(calls)] | calls.is_call & (calls.attempts > 1))
    if not len(rows):
        return
    kinds = grouped(forest.name[forest.parent[rows]], forest.name[rows])
    logical = kinds.total((calls.first_attempt[rows] == rows).astype(np.float64))
    retries = kinds.rows - logical
    ratio = kinds.rows / np.maximum(logical, 1)
    again = calls.first_attempt[rows] != rows
    for kind in np.flatnonzero((ratio >= limits.attempts[0]) & (retries >= limits.retries_min)).tolist():
        mine = (kinds.of == kind) & again
        traces = len(np.unique(forest.trace[rows[mine]]))
        if traces < limits.traces_min:
            continue
        row = int(rows[np.argmax(mine)])
        caller = int(forest.parent[row])
        values: dict[str, MessageValue] = {
            "caller": entry_text(forest, caller),
            "callee": calls.callee(int(calls.first_attempt[row])),
            "attempts": float(ratio[kind]),
            "most": int(calls.attempts[rows[mine]].max()),
            "retries": int(retries[kind]),
            "calls": int(logical[kind]),
            "traces": traces,
            "example": forest.example(row),
        }
        service = forest.names[int(forest.name[caller])][0]
        judged = verdict(float(ratio[kind]), limits.attempts)
        yield finding("retry_storms", service, judged, values, value=float(ratio[kind]), threshold=limits.attempts[0])


def retry_amplification(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per operation that is retried within calls that are themselves retried."""
    forest = calls.forest
    levels, outer = _chains(forest.parent, calls.first_attempt, calls.attempts)
    rows = np.flatnonzero((levels >= 2) & (calls.attempts > 1))
    if not len(rows):
        return
    ends = grouped(forest.name[rows])
    beginnings = ends.distinct(outer[rows])
    amplified, traces = ends.rows / beginnings, ends.distinct(forest.trace[rows])
    for end in np.flatnonzero((amplified >= limits.amplified[0]) & (traces >= limits.traces_min)).tolist():
        row = int(rows[ends.first[end]])
        values: dict[str, MessageValue] = {
            "beginning": entry_text(forest, int(outer[row])),
            "end": calls.callee(row),
            "attempts": float(amplified[end]),
            "levels": int(levels[rows[ends.of == end]].max()),
            "calls": int(beginnings[end]),
            "traces": int(traces[end]),
            "example": forest.example(row),
        }
        service = forest.names[int(forest.name[outer[row]])][0]
        judged = verdict(float(amplified[end]), limits.amplified)
        yield finding(
            "retry_amplification", service, judged, values, value=float(amplified[end]), threshold=limits.amplified[0]
        )


def _below(calls: Calls) -> np.ndarray:
    """(n,) the next row of each: the first child where it has one."""
    count = len(calls.forest)
    return np.minimum(np.arange(count) + 1, max(count - 1, 0))


@njit(nogil=True, cache=True)
def _chains(parent, first, attempts):  # noqa: ANN001, ANN202
    """(n,) how many retried calls lie on the way from the top, and the first attempt of the outermost; -1: none."""
    levels, outer = np.zeros(parent.shape[0], np.int64), np.full(parent.shape[0], -1)
    for i in range(parent.shape[0]):
        if parent[i] >= 0:
            levels[i], outer[i] = levels[parent[i]], outer[parent[i]]
        if attempts[i] > 1:
            levels[i] += 1
            if outer[i] < 0:
                outer[i] = first[i]
    return levels, outer
