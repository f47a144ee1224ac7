"""Metrics of every entity: the mean over a service's instances, so that a new deployment is no new series."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.anomalies.series import STEP_NS, Kind, Part, SeriesKey
from analytics.world_metrics import Points, metric_points
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window

# A counter's rate needs its sample before; one that comes more rarely than this has none where a reading begins.
LEAD_NS = 10 * MINUTE_NS


def read_metrics(reader: Reader, times_ns: np.ndarray) -> Part:
    """One series for each entity, metric and set of attributes; none where the store has no samples.

    A minute's value is the mean of each instance's values in it, then over the instances.
    """
    none = Part((), np.empty((0, len(times_ns))))
    if not reader.capabilities().samples:
        return none
    window = Window(int(times_ns[0]), int(times_ns[-1]) + STEP_NS)
    wider = Window(window.start_ns - LEAD_NS, window.end_ns)
    samples, histograms = reader.samples(wider), reader.histograms(wider)
    if not samples.num_rows and not histograms.num_rows:
        return none
    meta, points = metric_points(reader.series(), samples, histograms)
    inside = (points.time_ns >= window.start_ns) & (points.time_ns < window.end_ns) & np.isfinite(points.value)
    if not inside.any():
        return none
    points = Points(points.series[inside], points.time_ns[inside], points.value[inside])
    series, values = _means(points, len(times_ns), window.start_ns)
    return _by_entity(meta.iloc[series], values)


def _means(points: Points, slots: int, start_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """The series with a value, ascending, and their (n, t) means; NaN where none came."""
    series, row = np.unique(points.series, return_inverse=True)
    cell = row * slots + (points.time_ns - start_ns) // STEP_NS
    count = np.bincount(cell, minlength=len(series) * slots)
    total = np.bincount(cell, weights=points.value, minlength=len(series) * slots)
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return series, means.reshape(len(series), slots)


def _by_entity(meta: pd.DataFrame, values: np.ndarray) -> Part:
    entity = meta["service"].where(meta["service"] != "", meta["instance"]).to_numpy(dtype=object)
    attributes = meta["attributes"].to_numpy(dtype=object)
    names = meta["name"].to_numpy(dtype=object)
    units = meta["unit"].fillna("").to_numpy(dtype=object)
    named = [
        SeriesKey(Kind.METRICS, str(one), f"{name} {{{pairs}}}" if pairs else str(name), str(unit))
        for one, name, pairs, unit in zip(entity, names, attributes, units, strict=True)
    ]
    keys = sorted({key for key in named if key.entity})
    place = {key: row for row, key in enumerate(keys)}
    row = np.array([place.get(key, len(keys)) for key in named], dtype=np.int64)
    known = np.isfinite(values)
    total, count = np.zeros((len(keys) + 1, values.shape[1])), np.zeros((len(keys) + 1, values.shape[1]))
    np.add.at(total, row, np.where(known, values, 0.0))
    np.add.at(count, row, known)
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return Part(keys, means[:-1])
