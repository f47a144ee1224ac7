"""The detector of series: what it finds, what it does not, and what may not change its answers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from analytics.anomalies.alarms import AlarmGate, alarms
from analytics.anomalies.causes import Cause
from analytics.anomalies.detector import Detector, DetectorSettings, Judged
from analytics.anomalies.kernel import BY_WEEK
from analytics.anomalies.saving import load, save
from causeway.errors import ConfigError
from causeway.window import SECOND_NS

STEP_NS = 60 * SECOND_NS
POINTS = 4000


def _times(points: int = POINTS) -> np.ndarray:
    return np.arange(points, dtype=np.int64) * STEP_NS


def _noise(rows: int = 3, points: int = POINTS, seed: int = 0) -> np.ndarray:
    return default_rng(seed).normal(100.0, 5.0, (rows, points))


def _judge(values: np.ndarray, *, block_points: int | None = None) -> Judged:
    return Detector(len(values), step_ns=STEP_NS, block_points=block_points).judge(_times(values.shape[1]), values)


def _same(one: Judged, other: Judged) -> None:
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.cause, other.cause)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, POINTS), max_size=5),
    seed=st.integers(0, 1000),
    gaps=st.floats(0.0, 0.3),
)
def test_restarts_change_nothing(cuts: list[int], seed: int, gaps: float) -> None:
    """Judged in pieces, each by a new detector that was given the state, a series has the scores it has in one go."""
    rng = default_rng(seed)
    values = _noise(2, seed=seed)
    values[rng.random(values.shape) < gaps] = np.nan
    whole = _judge(values)
    marks = alarms(whole.score)
    edges = sorted({0, POINTS, *cuts})
    detector, gate = Detector(2, step_ns=STEP_NS), AlarmGate(2)
    for start, end in itertools.pairwise(edges):
        again, gate_again = Detector(2, step_ns=STEP_NS), AlarmGate(2)
        again.restore(detector.state())
        gate_again.restore(gate.state())
        detector, gate = again, gate_again
        piece = detector.judge(_times()[start:end], values[:, start:end])
        np.testing.assert_array_equal(piece.score, whole.score[:, start:end])
        np.testing.assert_array_equal(piece.cause, whole.cause[:, start:end])
        np.testing.assert_array_equal(gate.starts(piece.score), marks[:, start:end])


def test_saved_detector_goes_on(tmp_path: Path) -> None:
    """A detector read from its file judges as the one that was saved, settings and all."""
    values = _noise()
    detector = Detector(3, step_ns=STEP_NS, settings=DetectorSettings(alarms_per_week=3.0), block_points=90)
    detector.judge(_times()[:2500], values[:, :2500])
    save(detector, tmp_path / "detector.npz")
    again = load(tmp_path / "detector.npz")
    assert again.settings == detector.settings
    _same(detector.judge(_times()[2500:], values[:, 2500:]), again.judge(_times()[2500:], values[:, 2500:]))
    assert [path.name for path in tmp_path.iterdir()] == ["detector.npz"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_torn_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that holds no detector is an error that names it."""
    path = tmp_path / "detector.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"detector\.npz"):
        load(path)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), place=st.integers(3000, POINTS - 1), up=st.booleans(), row=st.integers(0, 4))
def test_injected_spike_ranks_first(seed: int, place: int, up: bool, row: int) -> None:
    """A spike of twelve standard deviations has the largest score of all points of all series, and alarms."""
    values = _noise(5, seed=seed)
    values[row, place] += 60.0 if up else -60.0
    score = _judge(values).score
    assert int(np.nanargmax(score)) == row * POINTS + place
    assert alarms(score)[row, place]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), order=st.permutations(range(4)))
def test_order_of_series_is_nothing(seed: int, order: list[int]) -> None:
    """Series are judged each by itself: in another order the scores come in that order."""
    values = _noise(4, 1500, seed)
    whole, turned = _judge(values), _judge(values[order])
    np.testing.assert_array_equal(turned.score, whole.score[order])


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True, width=64), st.sampled_from([0.0, 1.0, -1e300, np.nan])
        ),
        min_size=1,
        max_size=60,
    ),
    repeat=st.integers(1, 40),
)
def test_any_values_are_judged(values: list[float], repeat: int) -> None:
    """Whatever the values, nothing crashes, no score is infinite, causes are known, and the input stays as it was."""
    rows = np.tile(np.array(values), repeat)[None, :]
    before = rows.copy()
    found = _judge(rows, block_points=12)
    np.testing.assert_array_equal(rows, before)
    assert not np.isinf(found.score).any()
    assert set(np.unique(found.cause)) <= {int(cause) for cause in Cause}
    _same(found, _judge(rows, block_points=12))


def test_series_without_data_never_rank_first() -> None:
    """All NaN, constant, and too short: no alarm; the first and the last have no score at all."""
    values = np.full((2, POINTS), np.nan)
    values[1] = 7.0
    found = _judge(values)
    assert np.isnan(found.score[0]).all()
    assert not alarms(found.score).any()
    assert np.isnan(_judge(_noise(1, 500)).score).all()


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        ("level", {Cause.LEVEL, Cause.JUMP, Cause.EXTREME}),
        ("flat", {Cause.FLAT}),
        ("saturated", {Cause.SATURATED, Cause.EXTREME}),
        ("missing", {Cause.MISSING}),
    ],
)
def test_kinds_of_trouble(change: str, causes: set[Cause]) -> None:
    """A shift, a flat line, a plateau at the maximum and silence each alarm, with their name on it."""
    values = _noise(1)
    late = values[0, 3000:3300]
    if change == "level":
        late += 25.0
    elif change == "flat":
        late[:] = late[0]
    elif change == "saturated":
        late[:] = values[0, :3000].max()
    else:
        late[:] = np.nan
    found = _judge(values)
    marks = alarms(found.score)[0]
    assert marks[3000:3300].any()
    assert set(found.cause[0, 3000:3300][marks[3000:3300]]) <= {int(cause) for cause in causes}


def test_daily_peak_is_no_alarm() -> None:
    """A peak at the same time every day stops alarming; at another time it alarms."""
    points = 1440 * 12
    values = _noise(1, points)
    for day in range(12):
        values[0, day * 1440 + 700 : day * 1440 + 760] += 80.0
    values[0, 11 * 1440 + 300 : 11 * 1440 + 360] += 80.0
    marks = alarms(_judge(values).score)[0]
    assert not marks[10 * 1440 + 690 : 10 * 1440 + 770].any()
    assert marks[11 * 1440 + 300 : 11 * 1440 + 310].any()


def test_noise_rarely_alarms() -> None:
    """Twenty weeks of noise alarm no more often than a series may."""
    values = _noise(10, 2 * 7 * 1440, seed=4)
    assert alarms(_judge(values).score).sum() / 20 < 7 * 1440 / DetectorSettings().points_per_alarm


def test_knob_means_fewer_alarms() -> None:
    """Fewer alarms a week never alarm at a point where more would not."""
    values = default_rng(3).standard_t(2, (5, 3 * 7 * 1440))
    few, many = (
        Detector(5, step_ns=STEP_NS, settings=DetectorSettings(alarms_per_week=rate)).judge(
            _times(values.shape[1]), values
        )
        for rate in (2.0, 50.0)
    )
    assert not ((few.score > 0) & ~(many.score > 0)).any()
    assert 0 < (few.score > 0).sum() < (many.score > 0).sum()


def test_bad_settings_are_refused() -> None:
    """Nothing below or at zero."""
    for options in ({"level": 0.0}, {"points_per_alarm": -1.0}, {"alarms_per_week": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            DetectorSettings(**options)
    with pytest.raises(ConfigError, match="step_ns"):
        Detector(1, step_ns=0)
    with pytest.raises(ValueError, match="needed"):
        Detector(1, step_ns=STEP_NS).restore(Detector(2, step_ns=STEP_NS).state())


def test_gate_is_quiet_and_wakes() -> None:
    """One alarm for a run, another when it gets worse, another after quiet."""
    score = np.array([np.nan, 1.0, 0.5, -1.0, 1.5, 2.6, -1.0, -1.0, -1.0, 0.1])
    assert np.flatnonzero(alarms(score, quiet_points=3)).tolist() == [1, 5, 9]


def test_quiet_weekends_become_usual() -> None:
    """A quarter-hourly business series: after two weeks the hour of the week errs less, and weekends alarm seldom."""
    day_points, weeks = 96, 12
    points = np.arange(weeks * 7 * day_points)
    times = points.astype(np.int64) * 900 * SECOND_NS
    hour, weekday = points % day_points / 4.0, points // day_points % 7
    busy = 100.0 + 80.0 * np.exp(-(((hour - 10.0) / 3.0) ** 2))
    usual = np.where(weekday >= 5, 100.0, busy)
    values = usual * (1.0 + 0.03 * default_rng(3).standard_normal((8, len(points))))
    detector = Detector(len(values), step_ns=900 * SECOND_NS)
    alarmed = detector.judge(times, values).score > 0
    late = points >= len(points) // 2
    starts = alarmed & ~np.roll(alarmed, 1, axis=1)
    per_week = starts[:, late & (weekday >= 5)].sum() / len(values) / (weeks / 2)
    assert per_week < 1.5  # without the hour of the week it is more than 2
    assert (detector.state()["level"][:, BY_WEEK] > 0).all()


def test_without_a_weekly_rhythm_the_week_is_left_out() -> None:
    """The same every day: what the hour of the week would add is noise, so it is not used."""
    points = np.arange(6 * 7 * 96)
    values = 100.0 + 50.0 * np.sin(points % 96 / 96 * 2 * np.pi) + default_rng(4).normal(0.0, 3.0, (8, len(points)))
    detector = Detector(len(values), step_ns=900 * SECOND_NS)
    detector.judge(points.astype(np.int64) * 900 * SECOND_NS, values)
    assert not (detector.state()["level"][:, BY_WEEK] > 0).any()
