"""Noise and difference between two windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.callgraph.significance import Blocks, discoveries, mean_p, rate_p, share_p

SECONDS = np.full(12, 300.0)
EDGES = 2000


def blocks(counts: np.ndarray) -> Blocks:
    return Blocks(counts.astype(float), SECONDS[: counts.shape[1]])


@pytest.mark.parametrize("bunched", [1e6, 2.0, 0.5], ids=["even", "bunched", "wild"])
def test_equal_rates_are_seldom_called_different(bunched: float) -> None:
    """However much calls bunch, at most about 5 % of equal rates have p below 0.05."""
    rng = np.random.default_rng(1)
    draws = rng.negative_binomial(bunched, bunched / (bunched + 40.0), (EDGES, 24))
    p = rate_p(blocks(draws[:, :12]), blocks(draws[:, 12:]))
    assert (p < 0.05).mean() < 0.08


def test_equal_shares_are_seldom_called_different() -> None:
    """The same of shares of errors, few and many."""
    rng = np.random.default_rng(2)
    for share in (0.001, 0.05, 0.6):
        hits = rng.binomial(80, share, (EDGES, 24))
        trials = np.full((EDGES, 12), 80)
        p = share_p(blocks(hits[:, :12]), blocks(trials), blocks(hits[:, 12:]), blocks(trials))
        assert (p < 0.05).mean() < 0.08


def test_equal_means_are_seldom_called_different() -> None:
    """The same of means by block."""
    draws = np.random.default_rng(3).lognormal(2.0, 0.4, (EDGES, 24))
    assert (mean_p(draws[:, :12], draws[:, 12:]) < 0.05).mean() < 0.08


def test_differences_are_found() -> None:
    """Doubled rates, errors of a tenth, and means a half longer are beyond noise."""
    rng = np.random.default_rng(4)
    trials = blocks(np.full((50, 12), 80))
    assert rate_p(blocks(rng.poisson(40, (50, 12))), blocks(rng.poisson(80, (50, 12)))).max() < 1e-6
    none, some = blocks(np.zeros((50, 12))), blocks(rng.binomial(80, 0.1, (50, 12)))
    assert share_p(none, trials, some, trials).max() < 1e-6
    assert mean_p(rng.lognormal(2, 0.1, (50, 12)), 1.5 * rng.lognormal(2, 0.1, (50, 12))).max() < 1e-6


@given(st.integers(0, 12), st.integers(0, 12), st.integers(20, 400), st.integers(20, 400))
def test_few_hits_are_judged_exactly(x: int, y: int, n: int, m: int) -> None:
    """With few hits expected, p is the doubled tail of a binomial test."""
    one = [Blocks(np.array([[float(value)]]), np.array([60.0])) for value in (x, n, y, m)]
    p = share_p(one[0], one[1], one[2], one[3])[0]
    if x + y == 0:
        assert p == 1.0
    elif (x + y) / (n + m) * min(n, m) < 5:
        tails = [stats.binomtest(y, x + y, m / (n + m), alternative=side).pvalue for side in ("less", "greater")]
        assert p == pytest.approx(min(1.0, 2 * min(tails)))


@given(st.lists(st.integers(0, 60), min_size=4, max_size=4), st.lists(st.integers(0, 60), min_size=4, max_size=4))
def test_p_is_a_probability_and_the_windows_can_be_turned(one: list[int], other: list[int]) -> None:
    """p lies in [0, 1] and does not depend on which window is the earlier; equal windows have p 1."""
    a, b = blocks(np.array([one])), blocks(np.array([other]))
    p, turned = rate_p(a, b)[0], rate_p(b, a)[0]
    assert 0.0 <= p <= 1.0 and p == pytest.approx(turned)
    assert rate_p(a, a)[0] == pytest.approx(1.0)


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """As scipy's adjusted p-values have it; what was not tested is never found and does not count."""
    p = np.random.default_rng(5).beta(0.3, 2.0, 400)
    assert discoveries(p, 0.05).tolist() == (stats.false_discovery_control(p) <= 0.05).tolist()
    holes = np.concatenate([p, np.full(1000, np.nan)])
    assert discoveries(holes, 0.05).tolist() == [*discoveries(p, 0.05).tolist(), *([False] * 1000)]
    assert not discoveries(np.full(3, np.nan), 0.05).any()
