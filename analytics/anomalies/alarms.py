"""Which points of a score start an alarm: one alarm for one disturbance, not one for each of its points."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

QUIET_POINTS = 60
WORSE_BY = 1.0  # in the unit of the score: e times rarer than the alarm that is on


class AlarmGate:
    """The alarms of n series as their scores arrive; cutting the scores into calls changes nothing."""

    def __init__(self, series: int, *, quiet_points: int = QUIET_POINTS, worse_by: float = WORSE_BY) -> None:
        """A point above 0 alarms if none of the `quiet_points` before it was above 0, or if it is worse by `worse_by`
        than the alarm that is on."""
        self.quiet_points, self.worse_by = max(quiet_points, 1), worse_by
        self._left = np.zeros(series, np.int64)
        self._peak = np.zeros(series)

    def starts(self, score: np.ndarray) -> np.ndarray:
        """(n, t) bool: where alarms start in the next (n, t) scores; NaN is not above 0. O(n t)."""
        found = np.zeros(score.shape, np.bool_)
        rows = np.ascontiguousarray(score, dtype=np.float64)
        _mark(rows, self.quiet_points, self.worse_by, found, self._left, self._peak)
        return found

    def forget(self, rows: np.ndarray) -> None:
        """Nothing is known of those series (k,) any more."""
        self._left[rows], self._peak[rows] = 0, 0.0

    def state(self) -> dict[str, np.ndarray]:
        """All that has to be kept to go on after a restart: a copy, by name."""
        return {"left": self._left.copy(), "peak": self._peak.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state()` of a gate of as many series."""
        self._left[...], self._peak[...] = state["left"], state["peak"]


def alarms(score: np.ndarray, *, quiet_points: int = QUIET_POINTS, worse_by: float = WORSE_BY) -> np.ndarray:
    """Where alarms start in scores that are all there: (t,) or (n, t), bool of the same shape."""
    rows = np.atleast_2d(score)
    gate = AlarmGate(len(rows), quiet_points=quiet_points, worse_by=worse_by)
    return gate.starts(rows).reshape(np.shape(score))


@njit(cache=True, nogil=True)
def _mark(rows, quiet, worse_by, starts, left, peak):
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            value = rows[i, j]
            if value > 0:
                if left[i] <= 0 or value > peak[i] + worse_by:
                    starts[i, j] = True
                    peak[i] = value
                left[i] = quiet
            left[i] -= 1
