"""How often something happens per request of its service: the test that logs and the structure of traces share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.anomalies.counts import dispersion, rate_shift_p, share_dispersion, share_shift_p
from analytics.rootcause.split import Split
from analytics.world import World

_ONCE_EXCESS = 0.02  # of all counts may lie above one per request while "at most once a request" still holds
_SHADOW_MAX = 0.1  # of the counts may stray from an operation's requests while they still follow them
_REQUESTS_MIN = 8  # of a service; with fewer its traces say nothing about its load


def rate_changes(counts: np.ndarray, requests: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(p of a rise, p of a fall) of counts per request, each (n,), for counts and requests (n, t).

    What happens at most once a request is tested as a share of the requests, the rest as a rate.
    """
    before, after = (counts[:, part].sum(axis=1) for part in (split.before, split.after))
    asked_before, asked_after = (requests[:, part].sum(axis=1) for part in (split.before, split.after))
    past, load = counts[:, split.before], requests[:, split.before]
    rise, fall = rate_shift_p(before, after, asked_before, asked_after, bursts=dispersion(past, load))
    once = np.maximum(counts - requests, 0.0).sum(axis=1) <= _ONCE_EXCESS * counts.sum(axis=1)
    if once.any():
        bursts = share_dispersion(past[once], load[once])
        sides = (before[once], after[once], asked_before[once], asked_after[once])
        rise[once], fall[once] = share_shift_p(*sides, bursts=bursts)
    return rise, fall


def service_requests(world: World, services: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(n, t) requests of each row's service; `otherwise` (n, t) where it has no traces to count them."""
    place = world.services.keys.get_level_values("service").get_indexer(pd.Index(services))
    requests = otherwise.astype(np.float64).copy()
    if not len(world.services.keys):
        return requests
    served = np.nan_to_num(world.services.calls.astype(np.float64))
    traced = (place >= 0) & (served.sum(axis=1)[place] >= _REQUESTS_MIN)
    requests[traced] = served[place[traced]]
    return requests


def follows_traffic(world: World, services: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n,) whether counts are in a fixed proportion to the requests of one operation throughout.

    Then a change is one of what callers ask for, not of what the service does.
    """
    follows = np.zeros(len(services), dtype=bool)
    names = world.inbound.keys.get_level_values("service").to_numpy()
    asked = np.nan_to_num(world.inbound.calls.astype(np.float64))
    for service in np.unique(services.astype(str)):
        operations = asked[names == service]
        rows = np.flatnonzero(services == service)
        if len(operations):
            follows[rows] = _in_proportion(counts[rows], operations)
    return follows


def _in_proportion(counts: np.ndarray, operations: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=1)
    ratio = total[:, None] / np.maximum(operations.sum(axis=1), 1e-9)[None, :]
    apart = np.abs(counts[:, None, :] - ratio[:, :, None] * operations[None, :, :]).sum(axis=2)
    return np.asarray((apart <= _SHADOW_MAX * np.maximum(total, 1e-9)[:, None]).any(axis=1) & (total > 0))
