"""Level shifts, rates of rare events, usual ranges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.anomalies.shifts import level_shifts
from analytics.anomalies.usual import tail_p, usual_range

SLOTS = 60
IN_WINDOW = np.arange(SLOTS) >= 40


def _noise(rows: int, seed: int = 0) -> np.ndarray:
    return default_rng(seed).normal(10.0, 1.0, (rows, SLOTS))


def test_p_is_uniform_where_nothing_changed() -> None:
    """On unchanged series a tail probability below q comes about a share q of the time."""
    p = level_shifts(_noise(4000), ~IN_WINDOW, IN_WINDOW).p_above
    for q in (0.01, 0.1, 0.5):
        assert np.mean(p < q) == pytest.approx(q, abs=3.5 * np.sqrt(q / 4000))


def test_a_shift_is_seen_on_its_side() -> None:
    """A rise has a small p of rising and a large p of falling, and the levels are those of the two parts."""
    values = _noise(1)
    values[0, IN_WINDOW] += 5.0
    shift = level_shifts(values, ~IN_WINDOW, IN_WINDOW, scale_prior=1.0)
    assert shift.p_above[0] < 1e-9 < 0.99 < shift.p_below[0]
    assert shift.before[0] == pytest.approx(10.0, abs=0.6) and shift.after[0] == pytest.approx(15.0, abs=0.8)


def test_one_spike_is_no_shift() -> None:
    """A single wild value on either side does not move a level."""
    values = _noise(2, seed=3)
    values[0, 50], values[1, 5] = 1e6, 1e6
    shift = level_shifts(values, ~IN_WINDOW, IN_WINDOW, scale_prior=1.0)
    assert (np.abs(shift.t) < 4.0).all()


def test_kin_lend_their_spread_to_short_series() -> None:
    """With one slot of history a series is judged by the spread of its kin; without any it is unknown."""
    values = _noise(30)
    values[0, :39] = np.nan
    values[1, :40] = np.nan
    values[0, IN_WINDOW] += 8.0
    shift = level_shifts(values, ~IN_WINDOW, IN_WINDOW)
    assert shift.p_above[0] < 0.01
    assert np.isnan(shift.p_above[1])


def test_weights_say_what_a_value_is_worth() -> None:
    """A slot with few requests behind its mean moves the level less."""
    values, weights = np.full((1, SLOTS), 10.0), np.full((1, SLOTS), 100.0)
    values[0, 45], weights[0, 45] = 20.0, 1.0
    light = level_shifts(values, ~IN_WINDOW, IN_WINDOW, weights=weights, scale_prior=1.0).after[0]
    assert light < level_shifts(values, ~IN_WINDOW, IN_WINDOW, scale_prior=1.0).after[0]


@pytest.mark.parametrize(
    ("before", "after", "small"),
    [((2, 1000), (40, 1000), True), ((2, 1000), (3, 1000), False), ((0, 1000), (0, 1000), False)],
)
def test_rates_of_rare_events(before: tuple[int, int], after: tuple[int, int], small: bool) -> None:
    """Errors are compared as counts: two against three of a thousand is nothing, two against forty is."""
    rise, fall = rate_shift_p(np.array([before[0]]), np.array([after[0]]), np.array([before[1]]), np.array([after[1]]))
    assert bool(rise[0] < 1e-6) is small
    assert fall[0] > 0.05


def test_rates_need_exposure() -> None:
    """Without requests on one side nothing can be told."""
    rise, fall = rate_shift_p(np.array([0]), np.array([0]), np.array([0]), np.array([0]))
    assert rise[0] == fall[0] == 1.0


def test_bursts_count_as_fewer_events() -> None:
    """Errors that come in bursts are dispersed, and the same excess then says less."""
    exposure = np.full((1, 50), 100.0)
    steady = default_rng(0).poisson(2.0, (1, 50)).astype(float)
    bursts = np.zeros((1, 50))
    bursts[0, ::10] = 20.0
    assert dispersion(steady, exposure)[0] < 2.0 < 8.0 < dispersion(bursts, exposure)[0]
    calm, _ = rate_shift_p(np.array([10]), np.array([30]), np.array([1000]), np.array([1000]))
    wild, _ = rate_shift_p(np.array([10]), np.array([30]), np.array([1000]), np.array([1000]), bursts=10.0)
    assert calm[0] < 0.01 < wild[0]


def test_usual_range_is_that_of_the_history() -> None:
    """The range holds nearly all of the history, not the window, and never goes below zero for counts."""
    values = np.abs(_noise(3))
    values[0, IN_WINDOW] = 100.0
    values[1, :] = np.nan
    low, high = usual_range(values, IN_WINDOW)
    inside = (values[0, ~IN_WINDOW] >= low[0]) & (values[0, ~IN_WINDOW] <= high[0])
    assert inside.mean() >= 0.95 and high[0] < 20.0 and low[0] >= 0.0
    assert np.isnan(low[1]) and np.isnan(high[1])


def test_usual_range_without_history_is_that_of_the_series() -> None:
    """A series that only exists in the window is measured by itself."""
    values = _noise(1)
    values[0, ~IN_WINDOW] = np.nan
    low, high = usual_range(values, IN_WINDOW)
    assert low[0] < 10.0 < high[0]


def test_tail_p_looks_at_both_sides() -> None:
    """A fall is as unusual as a rise."""
    values = _noise(3)
    values[0, IN_WINDOW] += 6.0
    values[1, IN_WINDOW] -= 6.0
    p = tail_p(values, IN_WINDOW)
    assert p[0] < 1e-6 and p[1] < 1e-6 and p[2] > 0.001
