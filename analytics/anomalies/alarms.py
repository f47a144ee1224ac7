"""Which points of a score start an alarm: one alarm for one disturbance, not one for each of its points."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

QUIET_POINTS = 60
WORSE_BY = 1.0  # in the unit of the score: e times rarer than the alarm that is on


def alarms(score: np.ndarray, *, quiet_points: int = QUIET_POINTS, worse_by: float = WORSE_BY) -> np.ndarray:
    """(n, t) bool: where alarms start in (n, t) scores.

    A point above 0 alarms if none of the `quiet_points` before it was above 0, or if it is worse by `worse_by` than
    the alarm that is on. NaN is not above 0. O(n t).
    """
    rows = np.ascontiguousarray(np.atleast_2d(score), dtype=np.float64)
    starts = np.zeros(rows.shape, np.bool_)
    _mark(rows, max(quiet_points, 1), worse_by, starts)
    return starts.reshape(np.shape(score))


@njit(cache=True, nogil=True)
def _mark(rows, quiet, worse_by, starts):
    for i in range(len(rows)):
        until, peak = 0, 0.0
        for j in range(rows.shape[1]):
            value = rows[i, j]
            if value > 0:
                if j >= until or value > peak + worse_by:
                    starts[i, j] = True
                    peak = value
                until = j + quiet
