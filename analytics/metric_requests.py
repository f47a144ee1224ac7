"""Requests, failures and latency of services that send no traces, as far as their metrics tell.

A service counts as traced where its spans say more than its metrics could; there nothing is read from metrics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.metric_roles import Role, is_share, ms_factor, role_of, share_factor
from analytics.world import World

TRACED_CALLS_MIN = 8  # requests in spans of the baseline from which on a service counts as traced
_MEAN = re.compile(r"average|mean|avg|\.mean$|_sum_count", re.IGNORECASE)
_MIDDLE = re.compile(r"p50|median|quantile=0\.5\b|percentile=50\b", re.IGNORECASE)
_OUTBOUND = re.compile(r"client|outbound|upstream|egress|downstream|dependency", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MetricRequests:
    """One row per service; matrices are (n, t), NaN where nothing is known.

    requests: a number in proportion to the requests of the slot. latency_ms: their mean, or what comes nearest.
    failing: the share that failed, in [0, 1].
    """

    services: np.ndarray
    requests: np.ndarray
    latency_ms: np.ndarray
    failing: np.ndarray


def metric_requests(world: World) -> MetricRequests:
    """What metrics say of the services without traces; no row where they say nothing of requests."""
    meta = world.metrics.meta
    untraced = (meta["service"] != "").to_numpy(dtype=bool) & ~meta["service"].isin(_traced(world)).to_numpy()
    roles = np.array([role_of(str(name)) for name in meta["name"]], dtype=object)
    chosen = np.flatnonzero(untraced & (roles != Role.OTHER))
    meta, values, roles = meta.iloc[chosen], world.metrics.values[chosen].astype(np.float64), roles[chosen]
    share = np.array([is_share(*said) for said in zip(meta["name"], meta["unit"], strict=True)], dtype=bool)
    told = roles == Role.LATENCY
    told |= share & ((roles == Role.ERRORS) | (roles == Role.SUCCESS))
    services = np.array(sorted(set(meta["service"][told | (roles == Role.REQUESTS)])), dtype=object)
    shape = (len(services), values.shape[1])
    requests, latency, failing = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    owners = meta["service"].to_numpy()
    for row, service in enumerate(services):
        mine = owners == service
        requests[row] = _best(meta, values, mine & (roles == Role.REQUESTS), 1.0)
        latency[row] = _latency(meta, values, mine & (roles == Role.LATENCY))
        failing[row] = _failing(meta, values, roles, mine & share)
    return MetricRequests(services, np.maximum(requests, 0.0), latency, failing)


def _traced(world: World) -> set[str]:
    """Services whose spans say more, and where there are traces those that no trace names: summaries for users."""
    calls = np.nan_to_num(world.services.calls[:, ~world.timeline.in_window]).sum(axis=1)
    names = world.services.keys.get_level_values("service").to_numpy()
    traced = set(map(str, names[calls >= TRACED_CALLS_MIN]))
    if not traced:
        return traced
    named = {str(name) for pair in world.edge_series.keys for name in pair} | set(map(str, names))
    return traced | (set(map(str, world.metrics.meta["service"])) - named)


def _text(meta: pd.DataFrame) -> list[str]:
    return [f"{name} {attributes}" for name, attributes in zip(meta["name"], meta["attributes"], strict=True)]


def _best(meta: pd.DataFrame, values: np.ndarray, rows: np.ndarray, factor: float) -> np.ndarray:
    """The one series with most values; requests that it answers rather than those it makes."""
    places = np.flatnonzero(rows)
    if not len(places):
        return np.full(values.shape[1], np.nan)
    known = np.isfinite(values[places]).sum(axis=1)
    outbound = np.array([bool(_OUTBOUND.search(text)) for text in _text(meta.iloc[places])])
    return values[places[np.lexsort((-known, outbound))[0]]] * factor


def _latency(meta: pd.DataFrame, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The mean latency where there is one, else the median, else whatever quantile; of answers before calls made."""
    places = np.flatnonzero(rows)
    if not len(places):
        return np.full(values.shape[1], np.nan)
    texts = _text(meta.iloc[places])
    order = sorted(
        range(len(places)),
        key=lambda i: (bool(_OUTBOUND.search(texts[i])), not _MEAN.search(texts[i]), not _MIDDLE.search(texts[i]), i),
    )
    best = places[order[0]]
    return values[best] * ms_factor(str(meta["name"].iloc[best]), str(meta["unit"].iloc[best]))


def _failing(meta: pd.DataFrame, values: np.ndarray, roles: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The largest share of failures that any series tells, slot by slot."""
    failing = np.full(values.shape[1], np.nan)
    for place in np.flatnonzero(rows & ((roles == Role.ERRORS) | (roles == Role.SUCCESS))):
        factor = share_factor(str(meta["name"].iloc[place]), str(meta["unit"].iloc[place]))
        if factor is None:
            top = np.nanmax(values[place], initial=0.0)
            factor = 0.01 if top > 1.5 else 1.0
        share = np.clip(values[place] * factor, 0.0, 1.0)
        failing = np.fmax(failing, 1.0 - share if roles[place] == Role.SUCCESS else share)
    return failing


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What each service adds itself. Matrices are (n, t), NaN where unknown.

    whole: (n,) bool: the metrics of some service it calls are not known, so that its part could not be taken away.
    """

    latency_ms: np.ndarray
    failing: np.ndarray
    whole: np.ndarray


def own_parts(world: World, found: MetricRequests) -> OwnParts:
    """Latency and failures of each service less what its callees contribute.

    A callee adds its latency (its failures) once per request that it gets from the caller; its requests are shared out
    among its callers in proportion to theirs. At least a twentieth of the latency stays the service's own. A callee
    without a past takes nothing away: that it is called at all is the caller's doing.
    """
    latency, failing = found.latency_ms.copy(), found.failing.copy()
    whole = np.zeros(len(found.services), dtype=bool)
    place = {str(name): row for row, name in enumerate(found.services)}
    counted = np.asarray(np.isfinite(found.requests).any(axis=1))
    separable = np.isfinite(found.requests) & (found.requests > 0)
    requests = np.nan_to_num(found.requests)
    callers: dict[int, list[int]] = {}
    for caller, callee in ((str(caller), str(callee)) for caller, callee in world.edge_series.keys):
        if caller == callee or caller not in place:
            continue
        if callee in place and counted[place[caller]] and counted[place[callee]]:
            callers.setdefault(place[callee], []).append(place[caller])
        elif str(world.nodes["type"].get(callee, "service")) == "service":
            whole[place[caller]] = True
    linked = {str(name) for pair in world.edge_series.keys for name in pair}
    if linked:  # a service outside a graph that is known calls something, but nobody knows what
        whole |= np.array([str(name) not in linked for name in found.services], dtype=bool)
    before = ~world.timeline.in_window
    known = np.asarray((np.isfinite(found.latency_ms) | np.isfinite(found.failing))[:, before].any(axis=1))
    for row, of in callers.items():
        if not known[row]:
            continue
        total = np.maximum(requests[of].sum(axis=0), 1e-9)
        for asking in of:
            load = np.where(separable[asking], requests[row] / total, 0.0)  # calls per request of the caller
            latency[asking] -= load * np.nan_to_num(found.latency_ms[row])
            failing[asking] -= load * np.nan_to_num(found.failing[row])
    return OwnParts(np.maximum(latency, 0.05 * found.latency_ms), np.maximum(failing, 0.0), whole)
