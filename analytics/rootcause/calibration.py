"""Calibration: the same statistic on fault-free stretches of history says how large it grows by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from analytics.anomalies.shifts import PRIOR_DF, Shifts, level_shifts
from analytics.rootcause.split import GUARD_SLOTS, Split

P_SLOT = 0.1  # how much one more independent slot of history can lower a tail probability, at most
P_SLOT_AFTER = 0.02  # likewise of one more slot since the onset: a single burst is no level
_FLOOR_SLOTS_MAX = 14.0
WINDOWS_MAX = 10  # pseudo windows per series
WINDOW_SLOTS = 2  # the shortest pseudo window
HISTORY_MIN = 8  # slots of history below which there is nothing to slide over
_ROWS_PRIOR = 6.0  # how many pseudo windows the family's inflation counts for in each series' own
_NULL_QUANTILE = 0.75  # of |t| on pseudo windows: high enough for bursts, robust to faults in the history


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Series (n, t) and the slots `history` ((t,) bool) that tell their noise, to be compared at many onsets.

    weights: (n, t), how much each value counts. Noise depends on how long a window is averaged over, so it is
    learned for each length asked for, by powers of two.
    """

    values: np.ndarray
    history: np.ndarray
    weights: np.ndarray | None = None
    scale_floor: float | np.ndarray = 0.0
    _inflation: dict[int, np.ndarray] = field(default_factory=dict)

    def tails(self, split: Split, less: np.ndarray | float = 0.0) -> tuple[Shifts, np.ndarray, np.ndarray]:
        """(shifts, p of a rise, p of a fall), each p (n,), floored by the slots there are; NaN where unknown.

        less: (n, t) or a number taken off the values of this comparison only.
        """
        values = self.values - less
        shifts = level_shifts(values, split.before, split.after, weights=self.weights, scale_floor=self.scale_floor)
        t = shifts.t / self.inflation(int(split.after.sum()))
        known = np.isfinite(self.values)
        if self.weights is not None:
            known &= self.weights > 0
        floor = p_floor(known[:, split.before].sum(axis=1))
        floor = np.maximum(floor, np.power(P_SLOT_AFTER, known[:, split.after].sum(axis=1)))
        rise, fall = stats.t.sf(t, shifts.df), stats.t.cdf(t, shifts.df)
        return shifts, np.maximum(rise, floor), np.maximum(fall, floor)

    def inflation(self, slots_after: int) -> np.ndarray:
        """(n,) see `null_inflation`, for windows of about that length."""
        length = 1 << max(slots_after, 1).bit_length() - 1
        if length not in self._inflation:
            self._inflation[length] = null_inflation(
                self.values, self.history, length, weights=self.weights, scale_floor=self.scale_floor
            )
        return self._inflation[length]


def calibrate(
    values: np.ndarray,
    history: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    scale_floor: float | np.ndarray = 0.0,
) -> Calibrated:
    """The series with nothing learned yet; cheap until asked."""
    return Calibrated(np.atleast_2d(np.asarray(values, dtype=np.float64)), history, weights, scale_floor)


def calibrated_p(
    values: np.ndarray,
    split: Split,
    *,
    weights: np.ndarray | None = None,
    scale_floor: float | np.ndarray = 0.0,
) -> tuple[Shifts, np.ndarray, np.ndarray]:
    """`Calibrated.tails` of one split, the noise learned from the slots before it."""
    return calibrate(values, split.before, weights=weights, scale_floor=scale_floor).tails(split)


def null_inflation(
    values: np.ndarray,
    history: np.ndarray,
    slots_after: int,
    *,
    weights: np.ndarray | None = None,
    scale_floor: float | np.ndarray = 0.0,
) -> np.ndarray:
    """(n,) factor >= 1 by which the statistic varies more on the history than if slots were independent.

    It is measured on pseudo windows that slide over the history, shrunk towards the family's.
    """
    places = np.flatnonzero(history)
    rows = np.atleast_2d(values)
    if len(places) < HISTORY_MIN:
        return np.ones(len(rows))
    ratios = []
    for pretended in _pseudo_windows(places, slots_after, rows.shape[1]):
        shift = level_shifts(rows, pretended.before, pretended.after, weights=weights, scale_floor=scale_floor)
        ratios.append(np.abs(shift.t) / stats.t.ppf(0.5 + _NULL_QUANTILE / 2.0, shift.df))
    found = np.array(ratios)
    count = np.isfinite(found).sum(axis=0)
    own = np.ones(len(rows))
    some = count > 0
    if some.any():
        own[some] = np.nanquantile(found[:, some], _NULL_QUANTILE, axis=0)
    family = float(np.median(own[some])) if some.any() else 1.0
    shrunk = (count * own**2 + _ROWS_PRIOR * max(family, 1.0) ** 2) / (count + _ROWS_PRIOR)
    return np.sqrt(np.maximum(shrunk, 1.0))


def _pseudo_windows(history: np.ndarray, slots_after: int, slots: int) -> list[Split]:
    length = int(np.clip(min(slots_after, len(history) // 4), WINDOW_SLOTS, None))
    starts = np.unique(np.linspace(0, len(history) - length, WINDOWS_MAX).astype(int))
    windows = []
    for start in starts:
        chosen = np.zeros(slots, dtype=bool)
        chosen[history[start : start + length]] = True
        near = np.zeros(slots, dtype=bool)
        near[history[max(start - GUARD_SLOTS, 0) : start + length + GUARD_SLOTS]] = True
        rest = np.zeros(slots, dtype=bool)
        rest[history] = True
        windows.append(Split(rest & ~near, chosen, int(history[start])))
    return windows


def p_floor(slots: np.ndarray) -> np.ndarray:
    """(n,) the least tail probability that so many slots of history can support, with what the kin lends."""
    return np.power(P_SLOT, np.clip(np.asarray(slots) + PRIOR_DF - 1.0, PRIOR_DF, _FLOOR_SLOTS_MAX))


def corrected(p: float | np.ndarray, tests: float | np.ndarray) -> np.ndarray:
    """The probability that the least of so many independent p is as small (Šidák)."""
    p = np.clip(np.asarray(p, dtype=np.float64), 1e-300, 1.0)
    return np.where(p < 1e-6, np.minimum(p * tests, 1.0), -np.expm1(tests * np.log1p(-np.minimum(p, 1 - 1e-12))))
