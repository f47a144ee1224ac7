"""Log-scale latency buckets that add up: eight per doubling, so a quantile is within 4.5 % of the truth."""

from __future__ import annotations

import numpy as np

BUCKETS_PER_DOUBLING = 8
BUCKET_MAX = 512  # 2**64 ns


def bucket_of(duration_ns: np.ndarray) -> np.ndarray:
    """(n,) int64 ns -> (n,) int16 bucket: floor(8 * log2(ns)), 0 for one nanosecond and less."""
    safe = np.maximum(duration_ns, 1).astype(np.float64)
    return np.floor(np.log2(safe) * BUCKETS_PER_DOUBLING).astype(np.int16)


def bucket_middle_ms(bucket: np.ndarray) -> np.ndarray:
    """(n,) buckets -> (n,) float64 milliseconds: the geometric middle of each."""
    return np.exp2((np.asarray(bucket, dtype=np.float64) + 0.5) / BUCKETS_PER_DOUBLING) / 1e6


def quantile_ms(bucket: np.ndarray, count: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    """(k,) milliseconds at the quantiles of a bucketed distribution; NaN where nothing was counted.

    bucket: (n,) in any order, may repeat; count: (n,), may hold corrections that add up to zero or more.
    """
    totals = np.bincount(np.asarray(bucket, dtype=np.int64), weights=count, minlength=1)
    totals = np.maximum(totals, 0)
    total = totals.sum()
    if total <= 0:
        return np.full(len(quantiles), np.nan)
    cumulative = np.cumsum(totals)
    places = np.searchsorted(cumulative, np.asarray(quantiles) * total, side="left")
    return bucket_middle_ms(np.minimum(places, len(totals) - 1))
