"""Whether series keep growing: Mann-Kendall's share of rising pairs and Theil-Sen's slope.

Over coarse points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.patrol.numbers import row_quantile
from causeway.window import HOUR_NS

POINTS = 48
# Rows are taken in pieces so that the pairs of all points need at most some 20 MB.
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Trend:
    """(n,) each; NaN where there are too few values. rising: share of pairs of times at which the later is
    higher.

    growth: rise over the whole time by the median slope, as a share of the first level; per_hour: that slope.
    goes_on: the second half rises as the first did, at half its speed or more. last: the newest value.
    """

    rising: np.ndarray
    growth: np.ndarray
    per_hour: np.ndarray
    goes_on: np.ndarray
    last: np.ndarray


def trends(values: np.ndarray, times_ns: np.ndarray, *, samples_min: int) -> Trend:
    """The Trend of every row. values: (n, t), at times (t,). Cost: n times the square of POINTS."""
    pieces = [
        _trends(values[start : start + _ROWS_AT_ONCE], times_ns, samples_min)
        for start in range(0, max(1, len(values)), _ROWS_AT_ONCE)
    ]
    return Trend(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("rising", "growth", "per_hour", "goes_on", "last")
        )
    )


def _trends(values: np.ndarray, times_ns: np.ndarray, samples_min: int) -> Trend:
    points, hours = _coarse(values, times_ns)
    later, earlier = np.tril_indices(points.shape[1], -1)
    rise = points[:, later] - points[:, earlier]
    known = np.isfinite(rise)
    pairs = np.maximum(known.sum(axis=1), 1)
    rising = np.where(known, rise > 0, False).sum(axis=1) / pairs
    slope = row_quantile(rise / (hours[later] - hours[earlier]), 0.5)
    half = points.shape[1] // 2
    first_half, second_half = (_slope(points[:, part], hours[part]) for part in (slice(half), slice(half, None)))
    enough = np.isfinite(points).sum(axis=1) >= samples_min
    level = row_quantile(points[:, : max(1, half // 2)], 0.5)
    level = np.where(np.isfinite(level), level, row_quantile(points, 0.0))
    lasted = _lasted(points, hours)
    growth = np.where(enough & (level > 0), slope * lasted / np.where(level > 0, level, 1.0), np.nan)
    goes_on = (second_half > 0) & ~(second_half < 0.5 * first_half)
    return Trend(rising, growth, slope, goes_on, _last(points))


def _coarse(values: np.ndarray, times_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, at most POINTS) means of neighbouring slots, and the hours of each since the first."""
    size = max(1, -(-values.shape[1] // POINTS))
    columns = -(-values.shape[1] // size)
    padded = np.full((len(values), columns * size), np.nan)
    padded[:, : values.shape[1]] = values
    blocks = padded.reshape(len(values), columns, size)
    count = np.isfinite(blocks).sum(axis=2)
    total = np.nansum(blocks, axis=2)
    points = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return points, (times_ns[::size] - times_ns[0]) / HOUR_NS


def _slope(points: np.ndarray, hours: np.ndarray) -> np.ndarray:
    later, earlier = np.tril_indices(points.shape[1], -1)
    if not len(later):
        return np.zeros(len(points))
    return row_quantile((points[:, later] - points[:, earlier]) / (hours[later] - hours[earlier]), 0.5)


def _lasted(points: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """(n,) hours between the first and the last value."""
    known = np.isfinite(points)
    first = known.argmax(axis=1)
    last = points.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), hours[last] - hours[first], np.nan)


def _last(points: np.ndarray) -> np.ndarray:
    known = np.isfinite(points)
    last = points.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return points[np.arange(len(points)), last]
