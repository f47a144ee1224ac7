"""What users notice where no traces tell it: the request metrics of the services that nobody calls."""

from __future__ import annotations

import numpy as np

from analytics.metric_requests import metric_requests
from analytics.world import World

ASSUMED_REQUESTS = 100.0  # of a slot, where a share of failures or a latency comes without their number


def metric_indicators(world: World) -> tuple[tuple[tuple[str, str], ...], np.ndarray, np.ndarray, np.ndarray]:
    """(names, calls, errors, latency_ms): one row per entry, as `symptoms.Indicators`; no row without metrics.

    Entries are the services that no other service with request metrics calls; all of them where each is called.
    """
    found = metric_requests(world)
    names = set(map(str, found.services))
    called = {str(callee) for caller, callee in world.edge_series.keys if str(caller) in names and caller != callee}
    told = (np.isfinite(found.latency_ms) | np.isfinite(found.failing)).any(axis=1)
    rows = told & np.array([str(name) not in called for name in found.services], dtype=bool)
    rows = rows if rows.any() else told
    known = np.isfinite(found.latency_ms[rows]) | np.isfinite(found.failing[rows])
    counted = np.isfinite(found.requests[rows]).any(axis=1, keepdims=True)
    calls = np.where(counted, np.nan_to_num(found.requests[rows]), np.where(known, ASSUMED_REQUESTS, 0.0))
    errors = np.nan_to_num(found.failing[rows]) * calls
    return tuple((str(name), "") for name in found.services[rows]), calls, errors, found.latency_ms[rows]
