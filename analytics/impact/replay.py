"""Sampled requests replayed with some spans slower."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.traces.critical import replayed
from analytics.traces.forest import Forest


def slowed_ns(forest: Forest, extra_ns: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """(n,) float64: how long each span takes when some take longer, and those that wait for them therefore too.

    extra_ns: (n,) added at the end of a span; factor: (n,) on its own time. A span starts as long after the siblings
    that had ended before it as it did, and ends as long after the last of them (see `critical.speed_up_saves_ns`).
    Cost: linear in the spans, and what their children take.
    """
    offsets, by_start, _, by_settled = forest.siblings
    changed = (extra_ns != 0) | (factor != 1)
    return _slowed(
        forest.waiter, offsets, by_start, by_settled, forest.start_ns, forest.end_ns,
        extra_ns.astype(np.float64), factor.astype(np.float64), changed,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _slowed(waiter, offsets, by_start, by_settled, start, end, extra, factor, changed):
    n = start.shape[0]
    took, ends, touched = np.empty(n), np.empty(n), changed.copy()
    for k in range(n - 1, -1, -1):
        took[k] = end[k] - start[k]
        if touched[k]:
            took[k] = replayed(k, n, offsets, by_start, by_settled, start, end, took, ends, factor[k]) + extra[k]
            if waiter[k] >= 0:
                touched[waiter[k]] = True
    return took
