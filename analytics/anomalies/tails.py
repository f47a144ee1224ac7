"""How far the level of some slots lies out in the tail of the same statistic over the series' own history.

The statistic is the mean over as many known values as the slots hold, slid over the history. Its tail beyond the 90th
percentile is a generalised Pareto law (Pickands, Ann. Statist. 1975) fitted by moments, the shape kept in
[0, 0.5]: what is rare but usual (a cold start, a nightly job) is no surprise, however tight the rest is.
"""

from __future__ import annotations

import numpy as np

WINDOWS_MIN = 40  # windows of history below which there is no tail to fit
_TAIL = 0.1
_SHAPE_MAX = 0.5
_LEAST = 1e-12
_VALUES_PER_WILD = 100  # one value in so many, the highest, is left out: an outage in the history is nothing usual


def window_tail_p(values: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(n,) probability that the mean over `after` is as high by itself; NaN where the history is too short.

    values: (n, t), NaN where unknown. before, after: (t,) bool. Cost: one pass over the values.
    """
    return np.array([_tail_p(row[before], row[after]) for row in np.atleast_2d(values)])


def _tail_p(history: np.ndarray, now: np.ndarray) -> float:
    history, now = history[np.isfinite(history)], now[np.isfinite(now)]
    length = len(now)
    if not length or len(history) < WINDOWS_MIN + length:
        return float("nan")
    wild = len(history) // _VALUES_PER_WILD
    if wild:
        history = history[history <= np.partition(history, -wild - 1)[-wild - 1]]
    sums = np.cumsum(np.concatenate([[0.0], history]))
    means = (sums[length:] - sums[:-length]) / length
    level = float(now.mean())
    start = float(np.quantile(means, 1.0 - _TAIL))
    if level <= start:
        return float(np.mean(means >= level))
    over = means[means > start] - start
    if not len(over):
        return _LEAST
    mean, spread = float(over.mean()), float(over.var())
    shape = 0.5 * (1.0 - mean * mean / spread) if spread > 0 else 0.0
    shape = float(np.clip(shape, 0.0, _SHAPE_MAX))
    scale = mean * (1.0 - shape)
    beyond = (level - start) / max(scale, 1e-300)
    p = np.exp(-beyond) if shape < 1e-6 else (1.0 + shape * beyond) ** (-1.0 / shape)
    return float(max(_TAIL * p, _LEAST))
