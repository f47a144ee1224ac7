"""Where the level of a series changed: the exact optimum of squared error plus a penalty for each change.

PELT: Killick, Fearnhead and Eckley, JASA 2012. Deviation: with a least segment length a candidate is dropped that many
points after it lost, not at once, because until then what beat it may not end a segment; so the answer stays exact.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import math

import numpy as np
from numba import njit

_PENALTY = 4.0  # times the variance of the noise and ln n


def change_points(values: np.ndarray, *, penalty: float | None = None, points_min: int = 5) -> np.ndarray:
    """First index of each segment but the first, ascending; empty where nothing changed.

    values: (t,); NaN is left out, and no place is given within a gap. penalty: in squared units of the values, by
    default 4 ln(t) times the variance of the noise (from the median of the absolute differences). points_min: least
    length of a segment. O(t) when there are changes, O(t^2) when there is none.
    """
    series = np.asarray(values, dtype=np.float64)
    places = np.flatnonzero(np.isfinite(series))
    known = series[places]
    if len(known) < 2 * points_min:
        return np.zeros(0, np.int64)
    known = known - np.median(known)
    scale = float(np.max(np.abs(known)))
    if scale == 0.0:
        return np.zeros(0, np.int64)
    cost = _default_penalty(known) if penalty is None else penalty
    return places[_pelt(known / scale, cost / scale / scale, max(points_min, 1))]


def _default_penalty(known: np.ndarray) -> float:
    steps = np.abs(np.diff(known))
    # Series that mostly stand still have no median difference.
    sigma = 1.4826 * float(np.median(steps)) / math.sqrt(2.0) or float(np.mean(steps)) / 2.0
    return _PENALTY * math.log(len(known)) * sigma**2


@njit(cache=True, nogil=True)
def _pelt(x, penalty, least):
    count = len(x)
    total, squares = np.zeros(count + 1), np.zeros(count + 1)
    for i in range(count):
        total[i + 1] = total[i] + x[i]
        squares[i + 1] = squares[i] + x[i] * x[i]
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    before = np.zeros(count + 1, np.int64)
    candidates, lost = np.zeros(count + 1, np.int64), np.full(count + 1, count + least + 1)
    held = 1
    price = np.zeros(count + 1)
    for end in range(least, count + 1):
        for j in range(held):
            start = candidates[j]
            apart = total[end] - total[start]
            price[j] = best[start] + squares[end] - squares[start] - apart * apart / (end - start)
            if price[j] + penalty < best[end]:
                best[end] = price[j] + penalty
                before[end] = start
        kept = 0
        for j in range(held):
            start = candidates[j]
            if price[j] > best[end] and lost[start] > end + least:
                lost[start] = end + least
            if lost[start] > end:
                candidates[kept] = start
                kept += 1
        held = kept
        opened = end - least + 1
        if opened >= least:
            candidates[held] = opened
            held += 1
    changes = np.zeros(count, np.int64)
    found, end = 0, before[count]
    while end > 0:
        changes[found] = end
        found += 1
        end = before[end]
    return changes[:found][::-1].copy()
