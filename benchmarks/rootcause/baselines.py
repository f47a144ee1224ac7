"""Simple methods on the same World: what a diagnosis must beat to be worth its code.

Each gives every service a score; a series is all that the World holds of a service as numbers over time: its
metrics, and the rate, errors and latency of its requests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analytics.world import World

_IQR_FLOOR = 1e-9


def robust_scaler(world: World) -> dict[str, float]:
    """The largest departure of any series in units of its interquartile range (BARO: Pham et al., FSE 2024)."""

    def score(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        low, middle, high = np.nanpercentile(before, (25, 50, 75), axis=1)
        departure: np.ndarray = _largest(after - middle[:, None]) / _scale(high - low)
        return departure

    return _by_service(world, score)


def n_sigma(world: World) -> dict[str, float]:
    """The largest departure of any series in standard deviations."""

    def score(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        usual = np.nanmean(before, axis=1)[:, None]
        departure: np.ndarray = _largest(after - usual) / _scale(np.nanstd(before, axis=1))
        return departure

    return _by_service(world, score)


def last_changed(world: World) -> dict[str, float]:
    """The service whose last recorded change is the latest one before the window ends."""
    found = dict.fromkeys(map(str, world.nodes.index), float("-inf"))
    events = world.events[world.events["kind"].isin(["deploy", "config", "flag", "scale"])]
    services = events["service"].where(events["service"].fillna("") != "", events["entity"])
    for name, time_ns in zip(services.astype(str), events["time_ns"].to_numpy(dtype=np.int64).tolist(), strict=True):
        if name in found and time_ns < world.window.end_ns:
            found[name] = max(found[name], float(time_ns))
    return found


def chance(world: World) -> dict[str, float]:
    """All services alike."""
    return dict.fromkeys(map(str, world.nodes.index), 0.0)


BASELINES: dict[str, Callable[[World], dict[str, float]]] = {
    "robust_scaler": robust_scaler,
    "n_sigma": n_sigma,
    "last_changed": last_changed,
    "random": chance,
}


def _by_service(world: World, score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict[str, float]:
    names, values = _series(world)
    found = dict.fromkeys(map(str, world.nodes.index), 0.0)
    after = world.timeline.in_window
    usable = np.isfinite(values[:, ~after]).sum(axis=1) > 1
    usable &= np.isfinite(values[:, after]).any(axis=1)
    names, values = names[usable], values[usable]
    if not len(names):
        return found
    for name, value in zip(names.tolist(), score(values[:, ~after], values[:, after]).tolist(), strict=True):
        if name in found and np.isfinite(value):
            found[name] = max(found[name], value)
    return found


def _series(world: World) -> tuple[np.ndarray, np.ndarray]:
    services = world.services
    named = services.keys.get_level_values("service").to_numpy().astype(object)
    blocks = [world.metrics.values, services.calls, services.errors, services.latency_ms_mean]
    names = np.concatenate([world.metrics.meta["service"].to_numpy().astype(object), named, named, named])
    return names, np.concatenate([block.astype(np.float64) for block in blocks])


def _largest(differences: np.ndarray) -> np.ndarray:
    largest: np.ndarray = np.nanmax(np.abs(differences), axis=1)
    return largest


def _scale(spread: np.ndarray) -> np.ndarray:
    return np.where(spread > _IQR_FLOOR, spread, 1.0)
