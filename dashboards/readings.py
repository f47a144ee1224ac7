"""Numbers for pages: rates, error ratios and quantiles over time from rollups, each beside what is usual."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.world import CallSeries, World
from causeway.latency import BUCKET_MAX, bucket_middle_ms
from causeway.records import ROLLUP_STEP_NS
from causeway.window import MINUTE_NS, SECOND_NS, Window

# Points of a line: more show noise rather than shape in a chart half a screen wide.
POINTS_MAX = 72
SPARK_POINTS = 32
# The usual range of a chart: between these quantiles of the baseline's points.
USUAL_LOW, USUAL_HIGH = 0.05, 0.95
# Fewer points than this say nothing about what is usual.
USUAL_POINTS_MIN = 5


@dataclass(frozen=True, slots=True)
class Usual:
    """What a number was over the baseline: its range and its middle; all None where there was too little."""

    low: float | None = None
    middle: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Red:
    """Requests over time. times_ns: (t,) starts of steps; calls, errors: (t,); latency: (t,) ms, NaN none: NaN."""

    times_ns: np.ndarray
    step_ns: int
    calls: np.ndarray
    errors: np.ndarray
    latency_ms_p50: np.ndarray
    latency_ms_p95: np.ndarray
    latency_ms_p99: np.ndarray
    whole_ms: tuple[float, float, float]  # p50, p95, p99 over all of it

    @property
    def rate_per_s(self) -> np.ndarray:
        """(t,) requests per second."""
        return self.calls / (self.step_ns / SECOND_NS)

    @property
    def error_ratio(self) -> np.ndarray:
        """(t,) failed share; NaN where nothing was asked."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.calls > 0, self.errors / np.maximum(self.calls, 1), np.nan)

    @property
    def whole_error_ratio(self) -> float:
        """Failed share of everything; NaN where nothing was asked."""
        total = float(self.calls.sum())
        return float(self.errors.sum()) / total if total > 0 else math.nan

    @property
    def whole_rate_per_s(self) -> float:
        """Requests per second over all of it."""
        return float(self.calls.sum()) / (len(self.calls) * self.step_ns / SECOND_NS) if len(self.calls) else math.nan


def step_for(window: Window, points_max: int = POINTS_MAX) -> int:
    """The step, in whole rollup slots, that gives at most that many points."""
    slots = max(1, math.ceil(window.duration_ns / points_max / ROLLUP_STEP_NS))
    return slots * ROLLUP_STEP_NS


def red_of(operations: pa.Table, window: Window, step_ns: int, *, entry_only: bool = False) -> Red:
    """RED over the window of rollup rows with `slot_ns`: requests that reach a service, or entry requests only."""
    chosen = operations.filter(operations.column("entry" if entry_only else "inbound"))
    whole = window.aligned(step_ns)
    count = whole.duration_ns // step_ns
    slot = (chosen.column("slot_ns").to_numpy() - whole.start_ns) // step_ns
    inside = (slot >= 0) & (slot < count)
    slot = slot[inside]
    bucket = chosen.column("latency_bucket").to_numpy().astype(np.int64)[inside]
    calls = chosen.column("calls").to_numpy().astype(np.float64)[inside]
    errors = chosen.column("errors").to_numpy().astype(np.float64)[inside]
    counts = np.zeros((count, BUCKET_MAX + 1))
    np.add.at(counts, (slot, bucket), calls)
    p50, p95, p99 = (_quantile(counts, q) for q in (0.5, 0.95, 0.99))
    total = counts.sum(axis=0, keepdims=True)
    whole_ms = (
        float(_quantile(total, 0.5)[0]),
        float(_quantile(total, 0.95)[0]),
        float(_quantile(total, 0.99)[0]),
    )
    return Red(
        times_ns=whole.start_ns + np.arange(count, dtype=np.int64) * step_ns,
        step_ns=step_ns,
        calls=np.maximum(counts.sum(axis=1), 0.0),
        errors=np.maximum(np.bincount(slot, weights=errors, minlength=count), 0.0),
        latency_ms_p50=p50,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        whole_ms=whole_ms,
    )


def _quantile(counts: np.ndarray, q: float) -> np.ndarray:
    """(t, buckets) -> (t,) ms; NaN for a row that counts nothing."""
    counts = np.maximum(counts, 0.0)
    cumulative = counts.cumsum(axis=1)
    total = cumulative[:, -1]
    place = (cumulative >= (q * total)[:, None]).argmax(axis=1)
    return np.where(total > 0, bucket_middle_ms(place), np.nan)


def usual(values: np.ndarray) -> Usual:
    """The range in which most of the baseline's points lie."""
    seen = values[~np.isnan(values)]
    if len(seen) < USUAL_POINTS_MIN:
        return Usual()
    low, middle, high = np.quantile(seen, [USUAL_LOW, 0.5, USUAL_HIGH])
    return Usual(float(low), float(middle), float(high))


def since_first(values: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """(t,) the values, NaN before anything was ever counted: what was not yet watched is not zero."""
    seen = np.flatnonzero(calls > 0)
    begun = int(seen[0]) if len(seen) else len(values)
    return np.where(np.arange(len(values)) >= begun, values, np.nan)


def spark(values: np.ndarray, points: int = SPARK_POINTS) -> list[float | None]:
    """At most `points` means of neighbouring values, None where all are missing."""
    if not len(values):
        return []
    parts = np.array_split(values.astype(np.float64), min(points, len(values)))
    means = [float(part[~np.isnan(part)].mean()) if (~np.isnan(part)).any() else None for part in parts]
    return [None if mean is None else float(f"{mean:.3g}") for mean in means]


def reading(series: CallSeries, world: World) -> pd.DataFrame:
    """Per row of the series, indexed by its keys: rate, errors and p99 in the window and the baseline, and a spark.

    rate_per_s, rate_usual; error_ratio, error_usual; latency_ms_p50, latency_ms_p99, p99_usual (the middle slot's, like
    latency_ms_p99 of series without rollups); calls, errors; spark (calls over the window). NaN where nothing came.
    """
    inside = world.timeline.in_window
    seconds = max(1, int(inside.sum())) * world.timeline.step_ns / SECOND_NS
    watched = np.flatnonzero(world.services.calls[:, ~inside].sum(axis=0) > 0)
    slots = int((~inside).sum()) - int(watched[0]) if len(watched) else 0
    before_s = slots * world.timeline.step_ns / SECOND_NS if slots >= USUAL_POINTS_MIN else np.nan
    calls, errors = series.calls[:, inside].sum(axis=1), series.errors[:, inside].sum(axis=1)
    calls_before, errors_before = series.calls[:, ~inside].sum(axis=1), series.errors[:, ~inside].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        frame = pd.DataFrame(
            {
                "calls": calls,
                "errors": errors,
                "rate_per_s": calls / seconds,
                "rate_usual": np.where(calls_before > 0, calls_before / before_s, np.nan),
                "error_ratio": np.where(calls > 0, errors / np.maximum(calls, 1), np.nan),
                "error_usual": np.where(calls_before > 0, errors_before / np.maximum(calls_before, 1), np.nan),
                "latency_ms_p50": _middle(series.latency_ms_p50[:, inside]),
                "latency_ms_p99": _middle(series.latency_ms_p99[:, inside]),
                "p99_usual": _middle(series.latency_ms_p99[:, ~inside]),
            },
            index=series.keys,
        )
    frame["spark"] = [spark(row) for row in series.calls[:, inside]]
    return frame


def _middle(values: np.ndarray) -> np.ndarray:
    """(n, t) -> (n,) median of what is there, NaN where nothing is."""
    if not values.shape[1]:
        return np.full(values.shape[0], np.nan)
    filled = np.sort(values, axis=1)  # NaN last
    seen = (~np.isnan(values)).sum(axis=1)
    place = np.maximum((seen - 1) // 2, 0)
    return np.where(seen > 0, filled[np.arange(len(filled)), place], np.nan)


def change_of(value: float | None, was: float | None) -> float | None:
    """The ratio of a number to what is usual for it; None where that cannot be said."""
    if value is None or was is None or math.isnan(value) or math.isnan(was) or was <= 0:
        return None
    return value / was


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The frame's rows as named tuples, for small tables that are written out one by one."""
    yield from frame.itertuples()


def per_minute(rate_per_s: float) -> float:
    """Requests a minute, as people count them."""
    return rate_per_s * (MINUTE_NS / SECOND_NS)
