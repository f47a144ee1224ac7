"""Where inside a service it happens: on one of its instances only, or on all of them alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.anomalies.counts import rate_shift_p
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message, MessageValue

CALLS_MIN = 8  # requests of an instance, and of the others, below which nothing is told
P_MAX = 0.01  # corrected for the number of instances
FAILING_APART = 3.0  # times the others' failing share
FAILING_MIN = 0.02
SLOWER_APART = 1.5  # times the others' growth of latency
SLOWER_MIN = 1.3  # growth of latency below which there is nothing to place


@dataclass(frozen=True, slots=True)
class _Instances:
    """Instances of one service with requests since the onset; all (n,). usual_ms is NaN without history."""

    names: np.ndarray
    calls: np.ndarray
    errors: np.ndarray
    now_ms: np.ndarray
    usual_ms: np.ndarray
    usual_failing: float


def placed(world: World, split: Split, service: str) -> Evidence | None:
    """The instance of a service that alone fails or is slow, or that all of them are; None where neither can be told.

    It says where to look and never changes a ranking. Times of an instance hold those of the calls it makes.
    """
    found = _instances(world, split, service)
    if len(found.names) < 2:
        return None
    return _failing(found, service) or _slower(found, service) or _all_alike(found, service)


def _instances(world: World, split: Split, service: str) -> _Instances:
    series = world.instances
    rows = np.flatnonzero(series.keys.get_level_values("service") == service)
    codes, names = pd.factorize(series.keys.get_level_values("instance").to_numpy()[rows], sort=True)

    def total(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
        return np.bincount(codes, np.nan_to_num(values[rows][:, slots]).sum(axis=1), minlength=len(names))

    spent = np.nan_to_num(series.latency_ms_mean) * np.nan_to_num(series.calls)
    calls, before = total(series.calls, split.after), total(series.calls, split.before)
    usual_ms = np.where(before >= CALLS_MIN, total(spent, split.before) / np.maximum(before, 1.0), np.nan)
    usual_failing = float(total(series.errors, split.before).sum() / max(before.sum(), 1.0))
    now_ms = total(spent, split.after) / np.maximum(calls, 1.0)
    errors, busy = total(series.errors, split.after), calls >= CALLS_MIN
    return _Instances(
        np.asarray(names, dtype=object)[busy], calls[busy], errors[busy], now_ms[busy], usual_ms[busy], usual_failing
    )


def _failing(found: _Instances, service: str) -> Evidence | None:
    shares = found.errors / found.calls
    worst = int(np.argmax(shares))
    calls, errors = found.calls.sum() - found.calls[worst], found.errors.sum() - found.errors[worst]
    others = float(errors / calls)
    rise, _ = rate_shift_p(
        np.array([errors]), found.errors[[worst]], np.array([calls]), found.calls[[worst]], bursts=np.ones(1)
    )
    p = min(1.0, float(rise[0]) * len(found.names))
    if p > P_MAX or shares[worst] < max(FAILING_MIN, FAILING_APART * others):
        return None
    return _one(found, worst, service, "errors", (float(shares[worst]), others), p)


def _slower(found: _Instances, service: str) -> Evidence | None:
    growth = found.now_ms / np.maximum(found.usual_ms, 1e-6)
    if np.isfinite(growth).sum() < 2:
        return None
    worst = int(np.nanargmax(growth))
    others = float(np.nanmax(np.delete(growth, worst)))
    if growth[worst] < SLOWER_APART * max(others, 1.0):
        return None
    rest = np.delete(np.arange(len(growth)), worst)
    elsewhere = float(np.average(found.now_ms[rest], weights=found.calls[rest]))
    return _one(found, worst, service, "self_time", (float(found.now_ms[worst]), elsewhere), None)


def _one(
    found: _Instances, worst: int, service: str, family: str, levels: tuple[float, float], p: float | None
) -> Evidence:
    now, others = levels
    values: dict[str, MessageValue] = {
        "instance": str(found.names[worst]),
        "now": now,
        "others": others,
        "count": len(found.names) - 1,
    }
    return Evidence(family, service, Message(f"rootcause.where_{family}", values), p=p)


def _all_alike(found: _Instances, service: str) -> Evidence | None:
    shares = found.errors / found.calls
    growth = found.now_ms / np.maximum(found.usual_ms, 1e-6)
    if shares.min() >= max(FAILING_MIN, FAILING_APART * found.usual_failing):
        family = "errors"
    elif np.isfinite(growth).all() and growth.min() >= SLOWER_MIN:
        family = "self_time"
    else:
        return None
    return Evidence(family, service, Message("rootcause.where_all", {"count": len(found.names)}))
