"""How often something happens per request of its service: the test that logs and the structure of traces share."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from analytics.anomalies.counts import dispersion, rate_shift_p, share_dispersion, share_shift_p
from analytics.rootcause.calibration import P_SLOT_AFTER
from analytics.rootcause.split import Split
from analytics.world import World

_ONCE_EXCESS = 0.02  # of all counts may lie above one per request while "at most once a request" still holds
_SHADOW_MAX = 0.1  # of the counts may stray from the requests they follow
_SLOTS_PER_KIND = 3
_TIED_COUNT_MIN, _TIED_SLOTS_MIN = 6, 3  # of a thing before the onset, for others to come in step with it
_TIED_APART_MAX = 0.05  # of its count may come in other slots
_REQUESTS_MIN = 8  # of a service; with fewer its traces say nothing about its load


def rate_changes(counts: np.ndarray, requests: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(p of a rise, p of a fall) of counts per request, each (n,), for counts and requests (n, t).

    What happens at most once a request is tested as a share of the requests, the rest as a rate. However many there
    were, one slot is one burst: each p is floored by the slots with requests since the onset.
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
    floor = np.power(P_SLOT_AFTER, (requests[:, split.after] > 0).sum(axis=1))
    return np.maximum(rise, floor), np.maximum(fall, floor)


def tied_falls(counts: np.ndarray, codes: np.ndarray, split: Split) -> np.ndarray:
    """(n,) p of a fall relative to what used to come in step with it, within the same code; 1 where nothing did.

    What came together in every slot before belongs to the same kind of request; when it comes apart, the rest of
    that kind is missing, however much its share of all requests has changed.
    """
    before, after = counts[:, split.before], counts[:, split.after].sum(axis=1)
    total = before.sum(axis=1)
    steady = (total >= _TIED_COUNT_MIN) & ((before > 0).sum(axis=1) >= _TIED_SLOTS_MIN)
    trials, tests = np.zeros(len(counts)), np.ones(len(counts))
    for code in np.unique(codes[steady]):
        rows = np.flatnonzero(steady & (codes == code))
        apart = np.abs(before[rows][:, None, :] - before[rows][None, :, :]).sum(axis=2)
        in_step = apart <= _TIED_APART_MAX * total[rows][:, None]
        trials[rows] = np.where(in_step, after[rows][None, :], 0.0).max(axis=1)
        tests[rows] = in_step.sum(axis=1)
    _, fall = share_shift_p(total, np.minimum(after, trials), total, trials)
    return np.where(trials > 0, np.minimum(1.0, fall * tests), 1.0)


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
    """(n,) whether counts are the same mix of what is asked of the service throughout: its operations, its callers.

    Then a change is one of what others ask for, not of what the service does. The mix is a non-negative least
    squares fit over all slots, tried only with a third as many kinds of requests as there are slots with any.
    """
    follows = np.zeros(len(services), dtype=bool)
    asked = [
        (world.inbound.keys.get_level_values("service").to_numpy(), world.inbound.calls),
        (world.edge_series.keys.get_level_values("callee").to_numpy(), world.edge_series.calls),
    ]
    codes, names = pd.factorize(services)
    for code, service in enumerate(names):
        rows = np.flatnonzero(codes == code)
        for owner, calls in asked:
            kinds = np.nan_to_num(calls[owner == service].astype(np.float64))
            if 0 < len(kinds) <= (kinds.sum(axis=0) > 0).sum() / _SLOTS_PER_KIND:
                follows[rows] |= _is_mix(counts[rows], kinds)
    return follows


def _is_mix(counts: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    found = np.zeros(len(counts), dtype=bool)
    for row in np.flatnonzero(counts.any(axis=1)):
        rates, _ = nnls(kinds.T, counts[row])
        found[row] = np.abs(counts[row] - rates @ kinds).sum() <= _SHADOW_MAX * counts[row].sum()
    return found
