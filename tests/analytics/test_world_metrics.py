"""Samples on slots: rates, gauges, resets, intervals, histograms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from analytics import world_metrics
from analytics.world import MetricSeries, Timeline
from analytics.world_metrics import Points, metric_series, resample
from causeway.records import HISTOGRAMS, SAMPLES, SERIES
from causeway.window import SECOND_NS

STEP = 10 * SECOND_NS
SLOTS = 18
TIMELINE = Timeline(np.arange(SLOTS) * STEP + 1000 * STEP, np.arange(SLOTS) >= 12, STEP)
START = int(TIMELINE.times_ns[0])


def series_row(series_id: int = 1, **changes: object) -> dict:
    usual = {
        "series_id": series_id,
        "name": "m",
        "unit": "By",
        "type": "gauge",
        "temporality": "UNSPECIFIED",
        "monotonic": False,
        "service": "cart",
        "instance": "cart-0",
        "attributes": [],
        "first_ns": START,
    }
    return {**usual, **changes}


def counter_row(series_id: int = 1, temporality: str = "CUMULATIVE") -> dict:
    return series_row(series_id, type="sum", temporality=temporality, monotonic=True)


def build(series: list[dict], samples: list[tuple], histograms: list[dict] | None = None) -> MetricSeries:
    """samples: (series_id, seconds after the timeline's start, value[, start seconds])."""
    rows = [
        {
            "series_id": sample[0],
            "time_ns": START + int(sample[1] * SECOND_NS),
            "value": sample[2],
            "start_ns": START + int(sample[3] * SECOND_NS) if len(sample) > 3 else None,
        }
        for sample in samples
    ]
    return metric_series(
        pa.Table.from_pylist(series, schema=SERIES),
        pa.Table.from_pylist(rows, schema=SAMPLES),
        pa.Table.from_pylist(histograms or [], schema=HISTOGRAMS),
        TIMELINE,
    )[0]


def test_gauges_are_means_of_their_slot() -> None:
    """Several values in a slot are averaged."""
    found = build([series_row()], [(1, 1, 10.0), (1, 6, 20.0), (1, 11, 7.0), (1, 16, 9.0)])
    assert found.values[0, :2].tolist() == [15.0, 8.0]
    assert np.isnan(found.values[0, 3:]).all()


def test_minutely_gauges_are_carried_on() -> None:
    """A value that comes once a minute holds until the next one comes, and at most 90 s."""
    found = build([series_row()], [(1, 5, 1.0), (1, 65, 2.0)])
    assert found.values[0, :6].tolist() == [1.0] * 6
    assert found.values[0, 6:16].tolist() == [2.0] * 10
    assert np.isnan(found.values[0, 16:]).all()


def test_values_from_before_the_timeline_are_carried_into_it() -> None:
    """A minutely value from just before the first slot holds there; one from long before does not."""
    found = build(
        [series_row(1), series_row(2, name="n")],
        [(1, -65, 1.0), (1, -5, 2.0), (1, 55, 3.0), (2, -100, 4.0), (2, 75, 5.0)],
    )
    assert found.values[0, :6].tolist() == [2.0] * 5 + [3.0]
    assert np.isnan(found.values[1, :7]).all()


def test_a_gap_between_baseline_and_window_is_not_bridged() -> None:
    """Values of a baseline that lies apart are not carried into the window, but those just before it are."""
    times = np.concatenate([TIMELINE.times_ns[:6], TIMELINE.times_ns[:6] + 3600 * SECOND_NS])
    apart = Timeline(times, np.arange(12) >= 6, STEP)
    points = Points(np.zeros(5, dtype=int), START + np.array([-30, 30, 90, 3580, 3630]) * SECOND_NS, np.arange(5.0))
    values = resample(points, 1, apart)[0]
    assert values.tolist() == [0.0] * 3 + [1.0] * 3 + [3.0] * 3 + [4.0] * 3


def test_an_end_mark_stops_the_carrying() -> None:
    """NaN means "no longer there": nothing is carried over it."""
    found = build([series_row()], [(1, 5, 1.0), (1, 35, 1.0), (1, 41, float("nan")), (1, 95, 3.0)])
    assert np.isnan(found.values[0, 4:9]).all()
    assert found.values[0, 9] == 3.0


@pytest.mark.parametrize(
    ("samples", "rates"),
    [
        ([(1, 0, 100.0), (1, 10, 150.0), (1, 20, 150.0)], [5.0, 0.0]),
        ([(1, 0, 100.0), (1, 10, 30.0), (1, 20, 50.0)], [3.0, 2.0]),
        ([(1, 0, 100.0, -50), (1, 10, 120.0, 5), (1, 20, 130.0, 5)], [12.0, 1.0]),
    ],
    ids=["steady", "value-falls", "start-moves"],
)
def test_counters_are_rates_with_resets(samples: list[tuple], rates: list[float]) -> None:
    """A cumulative counter is its increase per second; after a reset it counts from zero, never negative."""
    found = build([counter_row()], samples)
    assert np.isnan(found.values[0, 0])
    assert found.values[0, 1:3].tolist() == pytest.approx(rates)
    assert found.meta["unit"].tolist() == ["By/s"]


def test_a_counter_uses_the_sample_before_the_timeline() -> None:
    """The first slot has a rate when an earlier sample was read."""
    found = build([counter_row()], [(1, -5, 10.0), (1, 5, 30.0)])
    assert found.values[0, 0] == pytest.approx(2.0)


def test_deltas_are_rates_over_their_own_time() -> None:
    """A delta counts over [start, time), the first one too."""
    found = build([counter_row(temporality="DELTA")], [(1, 5, 20.0, -5), (1, 15, 40.0, 5)])
    assert found.values[0, :2].tolist() == pytest.approx([2.0, 4.0])


def test_up_down_counters_stay_levels() -> None:
    """A cumulative sum that may fall is a level, not a rate."""
    found = build([series_row(type="sum", temporality="CUMULATIVE")], [(1, 1, 5.0), (1, 11, 3.0)])
    assert found.values[0, :2].tolist() == [5.0, 3.0]
    assert found.meta["unit"].tolist() == ["By"]


def test_histograms_give_rate_and_mean() -> None:
    """Two rows: points per second and mean value, from the increase of count and sum."""
    points = [(0, 10, 100.0), (10, 30, 200.0), (20, 30, 200.0)]
    rows = [
        {"series_id": 4, "time_ns": START + t * SECOND_NS, "count": count, "sum": total} for t, count, total in points
    ]
    row = series_row(4, name="h", unit="s", type="histogram", temporality="CUMULATIVE")
    found = build([row], [], rows)
    assert found.meta[["name", "unit"]].values.tolist() == [["h.mean", "s"], ["h.rate", "/s"]]
    assert found.values[0, 1] == pytest.approx(5.0)
    assert found.values[1, 1:3].tolist() == pytest.approx([2.0, 0.0])


def test_series_with_other_attributes_are_other_rows() -> None:
    """Rows are unique: what tells two series apart is kept, in a fixed order."""
    series = [
        series_row(1, attributes=[("state", "used"), ("device", "a")]),
        series_row(2, attributes=[("state", "free")]),
        series_row(3, service="api"),
    ]
    found = build(series, [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0)])
    assert found.meta["attributes"].tolist() == ["", "device=a, state=used", "state=free"]
    assert found.values[:, 0].tolist() == [3.0, 1.0, 2.0]


def test_unknown_and_empty_series_are_left_out() -> None:
    """A sample of a series nobody declared, and a series without samples, make no row."""
    found = build([series_row(1), series_row(2)], [(1, 1, 1.0), (99, 1, 5.0)])
    assert found.meta["series_id"].tolist() == [1]


def test_too_many_series_are_capped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busiest series stay, and the answer says how many went."""
    monkeypatch.setattr(world_metrics, "SERIES_MAX", 1)
    rows = [(1, 1, 1.0), (2, 1, 1.0), (2, 11, 1.0)]
    tables = [
        pa.Table.from_pylist([series_row(1), series_row(2)], schema=SERIES),
        pa.Table.from_pylist(
            [{"series_id": i, "time_ns": START + t * SECOND_NS, "value": v} for i, t, v in rows], schema=SAMPLES
        ),
        HISTOGRAMS.empty_table(),
    ]
    found, left_out = metric_series(*tables, TIMELINE)
    assert found.meta["series_id"].tolist() == [2]
    assert left_out == 1
