"""Who depends on whom as metrics tell it: for systems that send no traces.

Known are the service-graph connector of the OpenTelemetry collector and everything else that labels a series with
`client` and `server`, and the request metrics of service meshes (source and destination workload).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.world import CallSeries, MetricSeries

_PAIRS = (("client", "server"), ("source_workload", "destination_workload"), ("source_app", "destination_app"))


def dependencies(metrics: MetricSeries) -> list[tuple[str, str]]:
    """(caller, callee) pairs named by the attributes of any series, by name."""
    found: set[tuple[str, str]] = set()
    for text in set(metrics.meta["attributes"]):
        for keys in _PAIRS:
            caller, callee = (_value(str(text), key) for key in keys)
            if caller and callee:
                found.add((caller, callee))
    return sorted(found)


def with_dependencies(edges: CallSeries, pairs: list[tuple[str, str]]) -> CallSeries:
    """The edges of traces, and those that only metrics tell of, without any request."""
    known = set(edges.keys)
    more = [pair for pair in pairs if pair not in known]
    if not more:
        return edges
    keys = pd.MultiIndex.from_tuples([*edges.keys, *more], names=edges.keys.names)
    shape = (len(more), edges.calls.shape[1])
    none, unknown = np.zeros(shape, edges.calls.dtype), np.full(shape, np.nan, edges.latency_ms_mean.dtype)
    return replace(
        edges,
        keys=keys,
        calls=np.vstack([edges.calls, none]),
        errors=np.vstack([edges.errors, none]),
        latency_ms_mean=np.vstack([edges.latency_ms_mean, unknown]),
        latency_ms_p50=np.vstack([edges.latency_ms_p50, unknown]),
        latency_ms_p99=np.vstack([edges.latency_ms_p99, unknown]),
        self_ms=None if edges.self_ms is None else np.vstack([edges.self_ms, unknown]),
        gap_ms=None if edges.gap_ms is None else np.vstack([edges.gap_ms, unknown]),
    )


def _value(text: str, key: str) -> str:
    """The value of a key in `a=b, c=d`; a value may hold commas and equals signs."""
    found = re.search(rf"(?:^|, ){key}=(.*?)(?=, [\w.]+=|$)", text)
    return found.group(1) if found else ""
