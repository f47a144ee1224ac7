import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from causeway.latency import BUCKET_MAX, BUCKETS_PER_DOUBLING, bucket_middle_ms, bucket_of, quantile_ms

# Half a bucket, on the log scale: what a quantile may be off.
TOLERANCE = 2 ** (0.5 / BUCKETS_PER_DOUBLING)
DURATIONS = arrays(np.int64, st.integers(1, 200), elements=st.integers(1, 10**13))


@pytest.mark.parametrize(
    ("duration_ns", "bucket"), [(-5, 0), (0, 0), (1, 0), (2, 8), (4, 16), (1024, 80), (2**62, 496)]
)
def test_buckets_of_known_durations(duration_ns: int, bucket: int) -> None:
    """Eight buckets per doubling from one nanosecond on; what is no duration falls into the first."""
    assert bucket_of(np.array([duration_ns])).tolist() == [bucket]


@given(DURATIONS)
def test_buckets_rise_with_duration_and_stay_in_range(duration_ns: np.ndarray) -> None:
    """A longer duration never lies in a lower bucket; the middle is within half a bucket of it."""
    ordered = np.sort(duration_ns)
    buckets = bucket_of(ordered)
    assert (np.diff(buckets) >= 0).all()
    assert buckets.min() >= 0 and buckets.max() < BUCKET_MAX
    ratio = bucket_middle_ms(buckets) * 1e6 / ordered
    assert (ratio < TOLERANCE * 1.0001).all() and (ratio > 1 / (TOLERANCE * 1.0001)).all()


@given(DURATIONS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_within_half_a_bucket_of_the_truth(duration_ns: np.ndarray, quantile: float) -> None:
    """The quantile of the buckets is within 4.5 % of the smallest value with that share at or below it."""
    buckets, counts = np.unique(bucket_of(duration_ns), return_counts=True)
    truth_ms = np.quantile(duration_ns, quantile, method="inverted_cdf") / 1e6
    (found_ms,) = quantile_ms(buckets, counts, (quantile,))
    assert truth_ms / TOLERANCE * 0.999 <= found_ms <= truth_ms * TOLERANCE * 1.001


@given(DURATIONS, DURATIONS)
def test_buckets_add_up(one: np.ndarray, other: np.ndarray) -> None:
    """Rows of two slots laid together, in any order, give the quantiles of all their requests."""
    quantiles = (0.5, 0.95, 0.99)
    together = bucket_of(np.concatenate([other, one]))
    ones = np.ones(len(together))
    once = quantile_ms(*np.unique(together, return_counts=True), quantiles)
    assert quantile_ms(together, ones, quantiles).tolist() == once.tolist()


def test_corrections_take_back_what_they_correct() -> None:
    """A negative row cancels an earlier one, so a corrected reading counts once."""
    bucket = np.array([100, 100, 200])
    count = np.array([1, -1, 1])
    assert quantile_ms(bucket, count, (0.5,)).tolist() == bucket_middle_ms(np.array([200])).tolist()


@pytest.mark.parametrize("count", [[], [0], [1, -1]])
def test_the_quantile_of_nothing_is_missing(count: list[int]) -> None:
    """No requests have no latency: NaN, never zero."""
    bucket = np.full(len(count), 90)
    assert np.isnan(quantile_ms(bucket, np.array(count), (0.5, 0.99))).all()
