"""Level shifts between two sets of slots, and where a series changed.

The statistic is a moderated t (Smyth, Stat. Appl. Genet. Mol. Biol. 2004): each series' own spread, shrunk towards
that of its kin, so that a handful of slots of history already gives an honest tail. Deviations: the prior's degrees
of freedom are fixed, the spread is that of the history alone (a fault may change the spread too), and both levels
are winsorised means.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

PRIOR_DF = 4.0  # the spread of the kin counts as much as this many slots of history
_CLIP_MAD = 4.0  # values further from the median than this many robust standard deviations are pulled in
_MAD_TO_SIGMA = 1.4826
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Shifts:
    """Levels before and after, and the evidence for a change, per row; NaN where a side has no value.

    p_above: probability of a rise at least this large if nothing changed; p_below: of such a fall.
    """

    before: np.ndarray
    after: np.ndarray
    t: np.ndarray
    df: np.ndarray

    @property
    def p_above(self) -> np.ndarray:
        return stats.t.sf(self.t, self.df)

    @property
    def p_below(self) -> np.ndarray:
        return stats.t.cdf(self.t, self.df)


def level_shifts(
    values: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    scale_floor: float | np.ndarray = 0.0,
    scale_prior: float | None = None,
) -> Shifts:
    """Compare the slots `after` with the slots `before` in each row of `values` (n, t).

    before, after: (t,) bool. weights: (n, t), e.g. the requests behind a mean; a value counts by it.
    scale_floor: least standard deviation of one value of mean weight. scale_prior: that of the kin; by default
    the median over the rows.
    """
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    known = np.isfinite(rows)
    weight = np.where(known, 1.0 if weights is None else np.maximum(weights, 0.0), 0.0)
    mean_weight = weight.sum(axis=1, keepdims=True) / np.maximum((weight > 0).sum(axis=1, keepdims=True), 1)
    weight = weight / np.maximum(mean_weight, _TINY)
    reach_min = _CLIP_MAD * np.broadcast_to(np.asarray(scale_floor, dtype=np.float64), (len(rows),))[:, None]
    level_before, spread, slots = _level(rows, weight * before, reach_min)
    level_after, _, slots_after = _level(rows, weight * after, reach_min)
    own_df = np.maximum(slots - 1, 0)
    prior = _prior(spread, own_df) if scale_prior is None else scale_prior**2
    variance = (PRIOR_DF * prior + own_df * spread) / (PRIOR_DF + own_df)
    variance = np.maximum(variance, np.square(scale_floor))
    error = np.sqrt(variance * (1.0 / _positive(weight @ before) + 1.0 / _positive(weight @ after)))
    t = (level_after - level_before) / np.maximum(error, _TINY)
    t = np.where((slots > 0) & (slots_after > 0), t, np.nan)
    return Shifts(level_before, level_after, t, PRIOR_DF + own_df)


def _positive(total: np.ndarray) -> np.ndarray:
    return np.maximum(total, _TINY)


def _level(rows: np.ndarray, weight: np.ndarray, reach_min: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Winsorised weighted mean, weighted variance about it, and the number of slots with weight, per row."""
    used = weight > 0
    seen = np.where(used, rows, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle = np.nanmedian(seen, axis=1, keepdims=True)
        reach = _CLIP_MAD * _MAD_TO_SIGMA * np.nanmedian(np.abs(seen - middle), axis=1, keepdims=True)
    reach = np.maximum(reach, reach_min)
    reach = np.where(reach > 0, reach, np.inf)
    clipped = np.where(used, np.clip(rows, middle - reach, middle + reach), 0.0)
    total = weight.sum(axis=1)
    slots = used.sum(axis=1)
    level = np.where(slots > 0, (weight * clipped).sum(axis=1) / _positive(total), np.nan)
    apart = np.where(used, clipped - level[:, None], 0.0)
    variance = (weight * apart**2).sum(axis=1) / np.maximum(slots - 1, 1)
    return level, np.nan_to_num(variance), slots


def _prior(variance: np.ndarray, own_df: np.ndarray) -> float:
    known = variance[(own_df >= 2) & (variance > 0)]
    return float(np.median(known)) if len(known) else 1.0


def change_slot(values: np.ndarray, candidates: np.ndarray, *, guard: int = 1) -> np.ndarray:
    """(len(candidates),) strength of a change at each candidate slot, for one or more series (n, t) together.

    The strength at c is the largest |t| over the rows between the slots before c - guard and those from c on.
    """
    rows = np.atleast_2d(values)
    slots = np.arange(rows.shape[1])
    strength = np.zeros(len(candidates))
    for i, candidate in enumerate(candidates):
        t = np.abs(level_shifts(rows, slots < candidate - guard, slots >= candidate).t)
        strength[i] = np.nanmax(t) if np.isfinite(t).any() else 0.0
    return strength
