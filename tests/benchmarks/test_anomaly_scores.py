"""Scores against labels, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.anomaly_scores import alarm_counts, delay_counts, f1, nab_percent, nab_score, vus_pr


def test_delay_decides_for_the_run() -> None:
    """An alarm at the eighth point of a run finds all of it, at the ninth none; outside it is false."""
    labels = np.r_[np.zeros(5), np.ones(20), np.zeros(5)]
    alarms = np.zeros(30)
    alarms[12] = 1
    assert delay_counts(labels, alarms) == (20, 0, 0)
    alarms = np.zeros(30)
    alarms[[2, 13]] = 1
    assert delay_counts(labels, alarms) == (0, 1, 20)
    assert alarm_counts(labels, alarms) == (1, 2, 0, 1)
    assert f1(0, 0, 0) == 0


def test_nab_by_hand() -> None:
    """At the start of the only window: all but 100; no alarms: 0; false alarms cost."""
    times, windows = np.arange(1000), [(600, 699)]
    first, none, early = np.zeros(1000), np.zeros(1000), np.zeros(1000)
    first[600] = early[600] = early[300] = 1
    assert nab_percent(nab_score(times, windows, first), 1) == pytest.approx(100, abs=0.1)
    assert nab_percent(nab_score(times, windows, none), 1) == 0
    lost = nab_score(times, windows, first) - nab_score(times, windows, early)
    assert lost == pytest.approx(0.11)


def test_vus_pr_between_chance_and_perfect() -> None:
    """A score that is the label is near 1, a random one near the share of labels."""
    labels = np.zeros(20_000)
    labels[5000:5100] = labels[12_000:12_200] = 1
    rng = np.random.default_rng(0)
    assert vus_pr(labels, labels + 0.01 * rng.random(20_000), buffer_max=0, buffers=0) == pytest.approx(1.0, abs=0.05)
    assert vus_pr(labels, rng.random(20_000)) < 0.05
    assert np.isnan(vus_pr(np.zeros(100), np.zeros(100)))
