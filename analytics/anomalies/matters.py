"""Changes so small that nobody cares, however rare they are: they are no alarms.

A service without errors for weeks has one: nothing in its history is as far from usual, and nothing is wrong.
"""

from __future__ import annotations

import numpy as np

from analytics.anomalies.causes import Cause
from analytics.anomalies.read_calls import ERROR_RATIO, LATENCY, REQUESTS
from analytics.anomalies.read_logs import ERRORS, LINES
from analytics.anomalies.series import Kind, SeriesKey

# How far outside the range of the values before a value must be: in its own unit, and as a share of the nearer end.
_LEAST = {
    REQUESTS: (10.0, 0.1),
    ERROR_RATIO: (0.005, 0.0),
    LATENCY: (4.0, 0.1),
    LINES: (10.0, 0.1),
    ERRORS: (5.0, 0.1),
}
_METRIC = (0.0, 0.01)
_TEMPLATE = (5.0, 0.1)
# Causes that tell of a change since a short while ago; the others may have the most usual of values.
_MOVED = (Cause.JUMP, Cause.LEVEL, Cause.EXTREME)


def least_change(key: SeriesKey) -> tuple[float, float]:
    """(absolute, share): a change that is not larger than both does not matter."""
    if key.kind is Kind.METRICS:
        return _METRIC
    return _LEAST.get(key.name, _TEMPLATE)


def matters(
    value: np.ndarray,
    cause: np.ndarray,
    usual: tuple[np.ndarray, np.ndarray],
    floors: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """(k,) bool: whether anybody cares. usual: the (low, high) of the values before; floors: as `least_change`.

    A value that moved must be far enough outside the usual; one that should have moved must be no smaller, or have
    been no smaller, than a change that matters. Missing values matter, and so does what has no usual yet.
    """
    low, high = usual
    absolute, share = floors
    beyond = np.maximum(value - high, low - value)
    nearer = np.where(value > high, np.abs(high), np.abs(low))
    far = beyond > np.maximum(absolute, share * nearer)
    large = np.maximum(np.abs(value), np.maximum(np.abs(low), np.abs(high))) > absolute
    moved = np.isin(cause, [int(one) for one in _MOVED])
    return ~np.isfinite(beyond) | np.where(moved, far, large)
