"""Rings: a service is called, through others, while it waits for its own call."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from analytics.patterns.calls import Calls
from analytics.patterns.pattern import Limits, finding
from analytics.traces.forest import Forest
from causeway.findings import Finding, MessageValue, Verdict

DEPTH_MAX = 256  # so far up a caller is looked for


def call_rings(calls: Calls, limits: Limits) -> Iterator[Finding]:
    """One finding per set of services that call each other in a ring, in the order seen most often."""
    forest = calls.forest
    again, depth = _again(forest.parent, forest.remote, forest.waited, forest.service.code)
    rows = np.flatnonzero(again >= 0)
    ways = np.unique(np.stack([forest.trace[rows], *_way_codes(forest, rows, again)]), axis=1, return_index=True)[1]
    rings: dict[frozenset[str], dict[tuple[str, ...], list[int]]] = {}
    for row in rows[ways].tolist():
        way = _way(forest, row, int(again[row]))
        rings.setdefault(frozenset(way), {}).setdefault(way, []).append(row)
    for found in rings.values():
        seen = [row for rows_of in found.values() for row in rows_of]
        traces = len(np.unique(forest.trace[seen]))
        if traces < limits.traces_min:
            continue
        way = min(found, key=lambda one: (-len(found[one]), one))
        row = found[way][0]
        values: dict[str, MessageValue] = {
            "ring": " → ".join(way),
            "traces": traces,
            "share": traces / forest.traces,
            "depth": int(depth[seen].max()),
            "example": forest.example(row),
        }
        share = traces / forest.traces
        yield finding("call_rings", way[0], Verdict.WARNING, values, value=share, unit="ratio")


def _way_codes(forest: Forest, rows: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that are equal for equal ways: the service, and a hash of those between."""
    return forest.service.code[rows], _hashes(rows, again, forest.parent, forest.service.code)


def _way(forest: Forest, row: int, above: int) -> tuple[str, ...]:
    """The services from the outer span down to the inner one, each stay once."""
    found = [int(forest.service.code[row])]
    while row != above:
        row = int(forest.parent[row])
        code = int(forest.service.code[row])
        if code != found[-1]:
            found.append(code)
    return tuple(forest.service.values[code] for code in reversed(found))


@njit(nogil=True, cache=True)
def _hashes(rows, again, parent, service):  # noqa: ANN001, ANN202
    found = np.zeros(rows.shape[0], dtype=np.int64)
    for k in range(rows.shape[0]):
        at, before = rows[k], service[rows[k]]
        while at != again[rows[k]]:
            at = parent[at]
            if service[at] != before:
                before = service[at]
                found[k] = found[k] * 1_000_003 + before + 1
    return found


@njit(nogil=True, cache=True)
def _again(parent, remote, waited, service):  # noqa: ANN001, ANN202
    """(n,) the nearest span above, in an earlier stay of the same service; -1. And how many stays there were."""
    again, depth = np.full(parent.shape[0], -1), np.ones(parent.shape[0], np.int64)
    for i in range(parent.shape[0]):
        if parent[i] >= 0 and service[parent[i]] == service[i]:
            depth[i] = depth[parent[i]]
        if not (remote[i] and waited[i]):
            continue
        at, steps = parent[i], 0
        while at >= 0 and service[at] != service[i] and steps < DEPTH_MAX:
            at = parent[at] if waited[at] else -1
            steps += 1
        if at >= 0 and service[at] == service[i]:
            again[i] = at
            depth[i] = depth[at] + 1
    return again, depth
