"""Whether two windows differ by more than noise: counts, shares and means, by blocks of time.

Requests come in bursts, so a test that takes each for an independent draw calls everything significant once there
are enough of them. Each window is therefore cut into blocks, and the spread between the blocks of one window is the
noise that the difference between the windows is measured by (quasi-likelihood: Wedderburn, Biometrika 1974).

Arrays are (n, blocks): one row per edge, one column per block of a window. p-values are two-sided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

# Below this, the normal approximation of a share is not used (Cochran, Biometrics 1954).
EXPECTED_MIN = 5.0
BLOCKS_MIN = 3


@dataclass(frozen=True, slots=True)
class Blocks:
    """Counts of one window. counts: (n, b); exposure: (b,) seconds of the window in each block, above 0."""

    counts: np.ndarray
    exposure: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(n,) the counts of the whole window."""
        return np.asarray(self.counts.sum(axis=1))


def rate_p(before: Blocks, after: Blocks) -> np.ndarray:
    """(n,) p of equal rates; 1 where nothing was counted.

    Log rate ratio over its quasi-Poisson error (McCullagh & Nelder 1989, 6.2), by Student's t. Where one window has
    none, the chance that calls at an even rate all fall into the other one, with as many fewer calls as they bunch.
    """
    spread, freedom = _spread(_poisson_misfit(before), _poisson_misfit(after), before, after)
    n_before, n_after = before.total, after.total
    t_before, t_after = before.exposure.sum(), after.exposure.sum()
    both = (n_before > 0) & (n_after > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log((n_after / t_after) / (n_before / t_before))
        error = np.sqrt(spread * (1 / n_before + 1 / n_after))
        p = np.where(both, _two_sided(gap / error, freedom), 1.0)
        share = np.where(n_after > 0, t_after, t_before) / (t_before + t_after)
        alone = np.power(share, np.maximum(n_before, n_after) / spread)
    return np.where(both | ((n_before == 0) & (n_after == 0)), p, alone)


def share_p(hits: Blocks, trials: Blocks, hits_after: Blocks, trials_after: Blocks) -> np.ndarray:
    """(n,) p of equal shares hits/trials before and after; 1 where a window has no trial, or none or all hit.

    Quasi-binomial score test by Student's t; where fewer than EXPECTED_MIN hits (or misses) are expected, the exact
    test of their number given both numbers of trials (Przyborowski & Wilenski, Biometrika 1940), which is wider.
    """
    x, n, x_after, n_after = hits.total, trials.total, hits_after.total, trials_after.total
    with np.errstate(divide="ignore", invalid="ignore"):
        common = (x + x_after) / (n + n_after)
        misfits = _binomial_misfit(hits, trials), _binomial_misfit(hits_after, trials_after)
        spread, freedom = _spread(*misfits, hits, hits_after)
        error = np.sqrt(spread * common * (1 - common) * (1 / n + 1 / n_after))
        p = _two_sided((x_after / n_after - x / n) / error, freedom)
    rare = np.minimum(common, 1 - common) * np.minimum(n, n_after) < EXPECTED_MIN
    few = common <= 0.5
    exact = _conditional_p(np.where(few, x, n - x), n, np.where(few, x_after, n_after - x_after), n_after)
    known = (n > 0) & (n_after > 0) & (common > 0) & (common < 1)
    return np.where(known, np.where(rare, exact, p), 1.0)


def mean_p(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(n,) p of equal means of the blocks' logarithms (Welch, Biometrika 1947); 1 with fewer than BLOCKS_MIN blocks.

    before, after: (n, b) positive means per block, NaN where a block has none.
    """
    sides = [_log_moments(side) for side in (before, after)]
    (mean_a, var_a, n_a), (mean_b, var_b, n_b) = sides
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(var_a / n_a + var_b / n_b)
        freedom = error**4 / ((var_a / n_a) ** 2 / (n_a - 1) + (var_b / n_b) ** 2 / (n_b - 1))
        p = 2 * stats.t.sf(np.abs(mean_b - mean_a) / error, np.maximum(np.nan_to_num(freedom, nan=1.0), 1.0))
    enough = (n_a >= BLOCKS_MIN) & (n_b >= BLOCKS_MIN)
    p = np.where(error > 0, p, np.where(np.isclose(mean_a, mean_b), 1.0, 0.0))
    return np.where(enough, np.nan_to_num(p, nan=1.0), 1.0)


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """(n,) bool: which differ when at most that share of those named may be false (Benjamini & Hochberg 1995).

    NaN stands for what was not tested.
    """
    tested = np.flatnonzero(~np.isnan(p))
    ordered = tested[np.argsort(p[tested], kind="stable")]
    passed = np.flatnonzero(p[ordered] <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    found = np.zeros(len(p), dtype=bool)
    if len(passed):
        found[ordered[: passed[-1] + 1]] = True
    return found


def _poisson_misfit(blocks: Blocks) -> np.ndarray:
    """(n,) Pearson's sum over the blocks, against an even rate."""
    expected = blocks.total[:, None] * (blocks.exposure / blocks.exposure.sum())
    return np.asarray(((blocks.counts - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=1))


def _binomial_misfit(hits: Blocks, trials: Blocks) -> np.ndarray:
    """(n,) Pearson's sum over the blocks, against one share."""
    share = np.nan_to_num(hits.total / trials.total)[:, None]
    variance = trials.counts * share * (1 - share)
    return np.asarray(
        ((hits.counts - trials.counts * share) ** 2 / np.where(variance > 0, variance, np.inf)).sum(axis=1)
    )


def _spread(misfit: np.ndarray, misfit_after: np.ndarray, before: Blocks, after: Blocks) -> tuple[np.ndarray, int]:
    """(n,) how much more than chance the blocks of a window differ, at least 1; and degrees of freedom, 0 for none."""
    freedom = before.counts.shape[1] + after.counts.shape[1] - 2
    return np.maximum((misfit + misfit_after) / max(freedom, 1), 1.0), freedom


def _two_sided(score: np.ndarray, freedom: int) -> np.ndarray:
    size = np.abs(score)
    return np.asarray(2 * (stats.t.sf(size, freedom) if freedom else stats.norm.sf(size)))


def _conditional_p(x: np.ndarray, n: np.ndarray, x_after: np.ndarray, n_after: np.ndarray) -> np.ndarray:
    """(n,) of all hits, the chance that so many, or so few, fall into the second window; doubled."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.nan_to_num(n_after / (n + n_after))
    hits, seen = np.round(x + x_after), np.round(x_after)
    low, high = stats.binom.cdf(seen, hits, share), stats.binom.sf(seen - 1, hits, share)
    return np.minimum(2 * np.minimum(low, high), 1.0)


def _log_moments(means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) mean, variance and number of the logarithms of the blocks that have one."""
    known = np.isfinite(means) & (means > 0)
    logs = np.where(known, np.log(np.where(known, means, 1.0)), 0.0)
    count = known.sum(axis=1)
    mean = logs.sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(known, logs - mean[:, None], 0.0) ** 2).sum(axis=1)
    return mean, squares / np.maximum(count - 1, 1), count
