"""Change points: the optimum, exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from analytics.anomalies.pelt import change_points


def _cost(values: np.ndarray, changes: list[int], penalty: float) -> float:
    edges = [0, *changes, len(values)]
    parts = (values[a:b] for a, b in itertools.pairwise(edges))
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + penalty * len(changes)


def _least_cost(values: np.ndarray, penalty: float, least: int) -> float:
    """By every last change before every end."""
    best = [-penalty] + [np.inf] * len(values)
    for end in range(least, len(values) + 1):
        best[end] = min(best[start] + _cost(values[start:end], [], 0.0) + penalty for start in range(end - least + 1))
    return best[-1]


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=40),
    penalty=st.floats(0.01, 2000),
    least=st.integers(1, 6),
)
def test_the_optimum_is_found(values: list[float], penalty: float, least: int) -> None:
    """No way to cut costs less than ours, and no segment is shorter than asked."""
    series = np.array(values)
    found = change_points(series, penalty=penalty, points_min=least).tolist()
    if len(values) < 2 * least:
        assert found == []
        return
    assert min(np.diff([0, *found, len(values)])) >= least
    assert _cost(series, found, penalty) == pytest.approx(_least_cost(series, penalty, least), rel=1e-6, abs=1e-6)


def test_levels_are_told_from_noise() -> None:
    """Three levels give two changes, about where they are; noise alone gives none."""
    rng = default_rng(1)
    values = np.concatenate([np.zeros(200), np.full(100, 3.0), np.ones(150)]) + rng.normal(0, 0.5, 450)
    assert change_points(values) == pytest.approx([200, 300], abs=2)
    assert len(change_points(rng.normal(0, 1, 2000))) == 0


def test_gaps_and_constants() -> None:
    """NaN is left out; nothing, a constant and a short series have no change."""
    values = np.concatenate([np.zeros(30), np.full(20, np.nan), np.ones(30)]) + default_rng(0).normal(0, 0.01, 80)
    assert change_points(values).tolist() == [50]
    for none in (np.zeros(0), np.full(50, np.nan), np.full(50, 3.0), np.arange(5.0)):
        assert len(change_points(none)) == 0
