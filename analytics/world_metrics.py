"""Samples of any kind and interval as one matrix: rates for counters, means for gauges, NaN where unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.world import MetricSeries, Timeline
from analytics.world_rollups import text_codes
from causeway.window import SECOND_NS

META_COLUMNS = ("series_id", "service", "instance", "name", "unit", "type", "attributes")
# A value is carried on for one and a half of its own intervals, for metrics often come once a minute only.
CARRY_INTERVALS = 1.5
CARRY_MAX_NS = 90 * SECOND_NS
SERIES_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Points:
    """Values by (series, time). series: (n,) row of the meta frame. A NaN value ends a series for now."""

    series: np.ndarray
    time_ns: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, slots=True)
class _Steps:
    """What each sample tells of the time since the one before; `reset`: a counter began anew."""

    series: np.ndarray
    time_ns: np.ndarray
    seconds: np.ndarray
    first: np.ndarray
    reset: np.ndarray
    delta: np.ndarray


def metric_series(
    series: pa.Table, samples: pa.Table, histograms: pa.Table, timeline: Timeline
) -> tuple[MetricSeries, int]:
    """All series with a value in the timeline, and how many were left out.

    By (service, instance, name, attributes). Histograms give two rows: `NAME.rate` (per second) and
    `NAME.mean`. Above 50,000 series those with most values stay.
    """
    everything, points = metric_points(series, samples, histograms)
    kept, left_out = _busiest(points, len(everything), timeline)
    meta_kept = everything.iloc[kept].reset_index(drop=True)
    place = np.full(len(everything), -1)
    place[kept] = np.arange(len(kept))
    chosen = place[points.series] >= 0
    values = resample(
        Points(place[points.series[chosen]], points.time_ns[chosen], points.value[chosen]),
        len(kept),
        timeline,
    )
    order = meta_kept.sort_values(["service", "instance", "name", "attributes", "series_id"]).index.to_numpy()
    return MetricSeries(meta_kept.iloc[order].reset_index(drop=True), values[order]), left_out


def metric_points(series: pa.Table, samples: pa.Table, histograms: pa.Table) -> tuple[pd.DataFrame, Points]:
    """The META_COLUMNS of every series, two rows for a histogram, and their values where they were measured.

    A counter's value is its rate since its sample before, so its first one gives none.
    """
    meta = series_frame(series)
    scalar, scalar_meta = _scalar_points(meta, samples)
    means, rates, histogram_meta = _histogram_points(meta, histograms)
    frames = [
        (scalar_meta, scalar),
        (_renamed(histogram_meta, ".rate", "/s"), rates),
        (_renamed(histogram_meta, ".mean", None), means),
    ]
    everything = pd.concat([frame for frame, _ in frames], ignore_index=True)
    offsets = np.cumsum([0, *(len(frame) for frame, _ in frames)])
    points = Points(
        np.concatenate([part.series + offset for (_, part), offset in zip(frames, offsets, strict=False)]),
        np.concatenate([part.time_ns for _, part in frames]),
        np.concatenate([part.value for _, part in frames]),
    )
    return everything, points


def series_frame(series: pa.Table) -> pd.DataFrame:
    """One row per series_id, ascending, with its attributes as one text `k=v, k=v`."""
    ids = series.column("series_id").to_numpy()
    order = np.unique(ids, return_index=True)[1]
    table = series.take(pa.array(order))
    frame = pd.DataFrame({"series_id": ids[order]})
    for name in ("service", "instance", "name", "unit", "type", "temporality"):
        values, codes = text_codes(table.column(name))
        frame[name] = pd.Series(values[codes] if len(codes) else [], dtype=object)
    frame["monotonic"] = table.column("monotonic").to_pandas().fillna(value=False).astype(bool)
    frame["attributes"] = pd.Series(
        [
            ", ".join(f"{key}={value}" for key, value in sorted(pairs or []))
            for pairs in table["attributes"].to_pylist()
        ],
        dtype=object,
    )
    return frame


def resample(points: Points, rows: int, timeline: Timeline) -> np.ndarray:
    """(rows, t) float32: the mean of the values in each slot, carried on for 1.5 intervals, at most 90 s.

    Points up to 90 s before a slot count as carried into it, also from before the timeline.
    """
    times, kept = _with_lead(timeline)
    slots = len(times)
    slot = np.searchsorted(times, points.time_ns, side="right") - 1
    inside = slot >= 0
    inside &= points.time_ns < times[np.maximum(slot, 0)] + timeline.step_ns
    group = points.series[inside] * slots + slot[inside]
    value = points.value[inside]
    finite = np.isfinite(value)
    count = np.bincount(group[finite], minlength=rows * slots)
    total = np.bincount(group[finite], weights=value[finite], minlength=rows * slots)
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0).astype(np.float32)
    seen = np.bincount(group, minlength=rows * slots).reshape(rows, slots) > 0
    return _carried(means.reshape(rows, slots), seen, _carry_ns(points, rows), times)[:, kept]


def _with_lead(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Slot starts with those before each unbroken run as far as values carry; (n,) bool: those of the timeline."""
    step = timeline.step_ns
    begins = np.flatnonzero(np.diff(timeline.times_ns, prepend=timeline.times_ns[0] - 2 * step) != step)
    runs = np.split(timeline.times_ns, begins[1:])
    parts, kept, free_from = [], [], timeline.times_ns[0] - CARRY_MAX_NS - step
    for run in runs:
        before = np.arange(run[0] - step, max(free_from, run[0] - CARRY_MAX_NS - step) - 1, -step)[::-1]
        parts += [before, run]
        kept += [np.zeros(len(before), dtype=bool), np.ones(len(run), dtype=bool)]
        free_from = run[-1] + step
    return np.concatenate(parts), np.concatenate(kept)


def _carried(means: np.ndarray, seen: np.ndarray, carry_ns: np.ndarray, times: np.ndarray) -> np.ndarray:
    place = np.where(seen, np.arange(len(times)), -1)
    last = np.maximum.accumulate(place, axis=1)
    age = times - times[np.maximum(last, 0)]
    known = (last >= 0) & (age <= carry_ns[:, None])
    return np.where(known, np.take_along_axis(means, np.maximum(last, 0), axis=1), np.float32(np.nan))


def _carry_ns(points: Points, rows: int) -> np.ndarray:
    """(rows,) how long each series' values hold, from the median of its own intervals."""
    gap = np.diff(points.time_ns)
    same = np.diff(points.series) == 0
    order = np.lexsort((gap[same], points.series[1:][same]))
    owner, gaps = points.series[1:][same][order], gap[same][order]
    count = np.bincount(owner, minlength=rows)
    middle = np.cumsum(count) - count + count // 2
    interval = np.zeros(rows)
    interval[count > 0] = gaps[middle[count > 0]]
    return np.minimum(interval * CARRY_INTERVALS, CARRY_MAX_NS)


def _scalar_points(meta: pd.DataFrame, samples: pa.Table) -> tuple[Points, pd.DataFrame]:
    table, owner = _of_known_series(meta, samples)
    value = table.column("value").to_numpy().astype(np.float64)
    steps = _steps(table, owner, value, meta)
    counter = (meta["type"].to_numpy() == "sum") & meta["monotonic"].to_numpy()
    counter |= (meta["type"].to_numpy() == "sum") & (meta["temporality"].to_numpy() == "DELTA")
    rate = _increments(value, steps) / steps.seconds
    is_counter = counter[owner]
    value = np.where(is_counter, rate, value)
    usable = ~is_counter | _has_step(steps)
    shown = meta.copy()
    shown.loc[counter, "unit"] = shown.loc[counter, "unit"] + "/s"
    return Points(owner[usable], steps.time_ns[usable], value[usable]), shown[list(META_COLUMNS)]


def _histogram_points(meta: pd.DataFrame, histograms: pa.Table) -> tuple[Points, Points, pd.DataFrame]:
    """Mean and rate of each point of histograms and summaries, with the meta rows of those series only."""
    table, owner = _of_known_series(meta, histograms)
    count = table.column("count").to_numpy().astype(np.float64)
    total = table.column("sum").to_pandas().to_numpy(dtype=np.float64)
    steps = _steps(table, owner, count, meta)
    calls, sums = _increments(count, steps), _increments(total, steps)
    usable = _has_step(steps)
    mean = np.divide(sums, calls, out=np.full(len(calls), np.nan), where=calls > 0)
    present, row = np.unique(owner, return_inverse=True)
    means = Points(row[usable & (calls > 0)], steps.time_ns[usable & (calls > 0)], mean[usable & (calls > 0)])
    rates = Points(row[usable], steps.time_ns[usable], (calls / steps.seconds)[usable])
    return means, rates, meta.iloc[present][list(META_COLUMNS)].reset_index(drop=True)


def _of_known_series(meta: pd.DataFrame, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The rows of known series by (series, time), and which meta row each belongs to."""
    ids = meta["series_id"].to_numpy()
    found = table.column("series_id").to_numpy()
    owner = np.searchsorted(ids, found)
    known = (owner < len(ids)) & (ids[np.minimum(owner, max(len(ids) - 1, 0))] == found) if len(ids) else found != found
    order = np.lexsort((table.column("time_ns").to_numpy(), owner))
    order = order[known[order]]
    return table.take(pa.array(order)), owner[order]


def _steps(table: pa.Table, owner: np.ndarray, value: np.ndarray, meta: pd.DataFrame) -> _Steps:
    time_ns = table.column("time_ns").to_numpy()
    start_ns = table.column("start_ns").to_pandas().fillna(0).to_numpy(dtype=np.int64)
    first = np.ones(len(owner), dtype=bool)
    first[1:] = owner[1:] != owner[:-1]
    before_ns = np.where(first, 0, np.roll(time_ns, 1))
    delta = (meta["temporality"].to_numpy() == "DELTA")[owner]
    since = np.where(delta & (start_ns > 0), start_ns, before_ns)
    restarted = (start_ns > before_ns) & ~first
    reset = ~delta & ~first & (restarted | (value < np.roll(value, 1)))
    seconds = np.where(since > 0, time_ns - since, 0) / SECOND_NS
    return _Steps(owner, time_ns, np.maximum(seconds, 1e-9), first, reset, delta)


def _increments(value: np.ndarray, steps: _Steps) -> np.ndarray:
    """What was added since the sample before: the value itself for deltas and after a reset."""
    before = np.where(steps.first | steps.reset | steps.delta, 0.0, np.roll(value, 1))
    return value - before


def _has_step(steps: _Steps) -> np.ndarray:
    return (steps.seconds > 1e-6) & (steps.delta | ~steps.first)


def _busiest(points: Points, rows: int, timeline: Timeline) -> tuple[np.ndarray, int]:
    """Rows with a value inside the timeline, ascending; the busiest where there are too many."""
    end = timeline.times_ns[-1] + timeline.step_ns
    inside = (points.time_ns >= timeline.times_ns[0]) & (points.time_ns < end) & np.isfinite(points.value)
    count = np.bincount(points.series[inside], minlength=rows)
    present = np.flatnonzero(count)
    if len(present) <= SERIES_MAX:
        return present, 0
    busiest = present[np.argsort(-count[present], kind="stable")[:SERIES_MAX]]
    return np.sort(busiest), len(present) - SERIES_MAX


def _renamed(meta: pd.DataFrame, ending: str, unit: str | None) -> pd.DataFrame:
    return meta.assign(name=meta["name"] + ending, **({"unit": unit} if unit else {}))
