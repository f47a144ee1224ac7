"""What is usual for a series, by its own history: a range, and how unlikely its window is."""

from __future__ import annotations

import warnings

import numpy as np

from analytics.anomalies.shifts import level_shifts

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_WIDEN_IQR = 1.0  # how far beyond the 5 % and 95 % quantiles is still usual, in IQRs
_HISTORY_MIN = 3  # slots below which the whole series has to serve as its own history


def usual_range(values: np.ndarray, in_window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (n,): the usual range of each row of `values` (n, t), from the slots outside the window.

    in_window: (t,) bool. Rows with fewer than three known slots before the window use all their slots; rows
    without any known value are NaN. A range of counts or times that never fell below zero does not either.
    """
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    history = np.where(in_window, np.nan, rows)
    short = np.isfinite(history).sum(axis=1) < _HISTORY_MIN
    history[short] = rows[short]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows that are all NaN stay NaN
        lowest, q25, _, q75, highest = np.nanquantile(history, _QUANTILES, axis=1)
        never_negative = np.nanmin(history, axis=1) >= 0
    reach = _WIDEN_IQR * (q75 - q25)
    low = lowest - reach
    return np.where(never_negative, np.maximum(low, 0.0), low), highest + reach


def tail_p(
    values: np.ndarray, in_window: np.ndarray, *, weights: np.ndarray | None = None, scale_floor: float = 0.0
) -> np.ndarray:
    """(n,) probability of a level at least this far from the history, on either side; NaN where it cannot be told.

    weights: (n, t), how much each value tells (a count of requests); one each by default.
    scale_floor: the least spread between slots that is taken as noise, in the unit of `values`.
    """
    shift = level_shifts(values, ~in_window, in_window, weights=weights, scale_floor=scale_floor)
    return np.minimum(1.0, 2.0 * np.minimum(shift.p_above, shift.p_below))
