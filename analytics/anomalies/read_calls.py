"""Requests, their errors and their latency, of services and of what they call that sends no spans."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.anomalies.series import STEP_NS, Kind, Part, SeriesKey
from analytics.world import CallSeries, Timeline
from analytics.world_rollups import call_series, regrouped, rollup
from causeway.stores.contract import Reader
from causeway.window import Window

REQUESTS, ERROR_RATIO, LATENCY = "requests", "error_ratio", "latency_ms"
_PEERS = ("database", "queue", "external")


def read_calls(reader: Reader, times_ns: np.ndarray) -> Part:
    """Three series of each entity. A name that sends spans and is called is a service."""
    window = Window(int(times_ns[0]), int(times_ns[-1]) + STEP_NS)
    timeline = Timeline(times_ns, np.ones(len(times_ns), dtype=bool), STEP_NS)
    rows = rollup(reader.operations(window, step_ns=STEP_NS), ("service",), timeline)
    served = call_series(regrouped(rows.where(rows.columns["inbound"]), ("service",)), timeline)
    edges = rollup(reader.edges(window, step_ns=STEP_NS), ("callee", "callee_type", "kind"), timeline)
    peer = np.isin(edges.keys.get_level_values("callee_type").to_numpy(dtype=object), _PEERS)
    peer &= edges.keys.get_level_values("kind").to_numpy(dtype=object) != "link"
    peer &= ~edges.keys.get_level_values("callee").isin(_names(rows.keys))
    asked = call_series(regrouped(edges.where(peer[edges.key]), ("callee",)), timeline)
    keys, values = _series(served)
    more_keys, more_values = _series(asked)
    together = np.concatenate([values, more_values])
    heard = (np.nan_to_num(served.calls).sum(axis=0) + np.nan_to_num(asked.calls).sum(axis=0)) > 0
    return Part([*keys, *more_keys], together, {Kind.CALLS: heard})


def _names(keys: pd.MultiIndex) -> set[str]:
    return {str(name) for name in keys.get_level_values(0)}


def _series(calls: CallSeries) -> tuple[list[SeriesKey], np.ndarray]:
    names = [str(name) for name in calls.keys.get_level_values(0)]
    count = calls.calls.astype(np.float64)
    some = count > 0
    alone = (calls.errors == 1) & (count > 1)
    ratio = np.divide(np.where(alone, 0.0, calls.errors), count, out=np.full(count.shape, np.nan), where=some)
    middle = np.sqrt(np.maximum(calls.latency_ms_mean.astype(np.float64), 1e-6) * calls.latency_ms_p50)
    keys = [SeriesKey(Kind.CALLS, name, REQUESTS, "/min", is_count=True) for name in names]
    keys += [SeriesKey(Kind.CALLS, name, ERROR_RATIO, "ratio") for name in names]
    keys += [SeriesKey(Kind.CALLS, name, LATENCY, "ms") for name in names]
    return keys, np.concatenate([np.where(some, count, np.nan), ratio, np.where(some, middle, np.nan)])
