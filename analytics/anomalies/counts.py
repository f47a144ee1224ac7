"""Rare events: whether a count, or a share of requests, rose or fell, allowing for bursts."""

from __future__ import annotations

import numpy as np
from scipy import stats

_DISPERSION_MAX = 50.0
_SLOTS_PER_WILD = 100


def dispersion(counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(n,) how many times more the counts of the slots vary than a Poisson's would, at least 1.

    counts, exposure: (n, t): events and what they should be in proportion to; slots without exposure do not count.
    Each row is shrunk towards 1 by two slots' worth. Of long histories the wildest slots do not count: one outage in
    two days says nothing of the usual bursts.
    """
    used = exposure > 0
    total = np.where(used, exposure, 0.0).sum(axis=1, keepdims=True)
    expected = np.where(used, exposure, 0.0) * (
        np.where(used, counts, 0.0).sum(axis=1, keepdims=True) / np.maximum(total, 1e-12)
    )
    # Cells that expect next to nothing say nothing about bursts.
    share = np.maximum(expected, 0.5)
    squares = _without_wildest(np.where(used, (counts - expected) ** 2 / share, 0.0), used.sum(axis=1))
    slots = np.maximum(used.sum(axis=1) - 1, 0)
    return np.clip((squares + 2.0) / (slots + 2.0), 1.0, _DISPERSION_MAX)


def _without_wildest(squares: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """(n,) the sum over the slots of each row, without one slot in a hundred: those that add most."""
    left_out = slots // _SLOTS_PER_WILD
    most = int(left_out.max(initial=0))
    if not most:
        return squares.sum(axis=1)
    largest = -np.sort(-squares, axis=1)[:, :most]
    return squares.sum(axis=1) - np.where(np.arange(most)[None, :] < left_out[:, None], largest, 0.0).sum(axis=1)


def rate_shift_p(
    count_before: np.ndarray,
    count_after: np.ndarray,
    exposure_before: np.ndarray,
    exposure_after: np.ndarray,
    *,
    bursts: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """(p of a rise, p of a fall) of events per exposure: the exact conditional binomial test.

    bursts: dispersion; events count as that many fewer. 1 where nothing can be told.
    """
    after, before = np.asarray(count_after) / bursts, np.asarray(count_before) / bursts
    total = after + before
    exposure = np.asarray(exposure_before) + np.asarray(exposure_after)
    share = np.clip(np.asarray(exposure_after) / np.maximum(exposure, 1e-12), 1e-9, 1 - 1e-9)
    # The incomplete beta is the binomial tail for real counts too.
    rise = np.where(after > 0, stats.beta.cdf(share, np.maximum(after, 1e-9), before + 1.0), 1.0)
    fall = np.where(before > 0, stats.beta.sf(share, after + 1.0, np.maximum(before, 1e-9)), 1.0)
    told = (exposure > 0) & (total > 0)
    return np.where(told, rise, 1.0), np.where(told, fall, 1.0)


def share_shift_p(
    hits_before: np.ndarray,
    hits_after: np.ndarray,
    trials_before: np.ndarray,
    trials_after: np.ndarray,
    *,
    bursts: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """(p of a rise, p of a fall) of the share of trials that are hits: Fisher's exact test.

    Sharper than `rate_shift_p` where nearly every trial was a hit, or none. bursts: dispersion; trials count as that
    many fewer. 1 where nothing can be told.
    """
    before, after = np.asarray(trials_before) / bursts, np.asarray(trials_after) / bursts
    n_before, n_after = np.floor(before + 0.5), np.floor(after + 0.5)
    k_before = np.minimum(np.floor(np.asarray(hits_before) / bursts + 0.5), n_before)
    k_after = np.minimum(np.floor(np.asarray(hits_after) / bursts + 0.5), n_after)
    law = stats.hypergeom(n_before + n_after, k_before + k_after, n_after)
    told = (n_before > 0) & (n_after > 0) & (k_before + k_after > 0)
    rise, fall = law.sf(k_after - 1), law.cdf(k_after)
    return np.where(told, rise, 1.0), np.where(told, fall, 1.0)


def share_dispersion(hits: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """(n,) how many times more the shares of the slots vary than a binomial's would, at least 1; see `dispersion`."""
    used = trials > 0
    share = np.where(used, hits, 0.0).sum(axis=1, keepdims=True)
    share = np.clip(share / np.maximum(np.where(used, trials, 0.0).sum(axis=1, keepdims=True), 1e-12), 0.0, 1.0)
    expected = np.where(used, trials, 0.0) * share
    variance = np.maximum(expected * (1.0 - share), 0.5)
    squares = np.where(used, (hits - expected) ** 2 / variance, 0.0).sum(axis=1)
    slots = np.maximum(used.sum(axis=1) - 1, 0)
    return np.clip((squares + 2.0) / (slots + 2.0), 1.0, _DISPERSION_MAX)
