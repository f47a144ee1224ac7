"""Request metrics of services without traces: own time and own failures, beyond what their callees contribute."""

from __future__ import annotations

import numpy as np

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.anomalies.tails import window_tail_p
from analytics.metric_requests import MetricRequests, metric_requests, own_parts
from analytics.rootcause.calibration import calibrated_p
from analytics.rootcause.evidence.observations import Observations, chart, level, nothing, number, usual_level
from analytics.rootcause.metric_symptoms import ASSUMED_REQUESTS
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

LATENCY, FAILING = "metric_latency", "metric_failing"
_SPREAD_FLOOR = 0.05
_BASE = 0.1  # part of the whole latency that is added before the logarithm: a small own part is mostly noise
_SHARE_BASE = 0.01


def observe_latency(world: World, split: Split) -> Observations:
    """One row per service: slower by itself. `excess`: milliseconds of all its requests together."""
    found = metric_requests(world)
    if not np.isfinite(found.latency_ms).any():
        return nothing(LATENCY)
    own_ms, _ = own_parts(world, found)
    p, extra_ms = _slower(found, own_ms, _calls(found), split)

    def tell(row: int) -> Evidence:
        return _tell(world, split, LATENCY, str(found.services[row]), own_ms[row], float(p[row]))

    return Observations(LATENCY, found.services, p, extra_ms, "ms", tell)


def observe_failing(world: World, split: Split) -> Observations:
    """One row per service: failing more by itself. `excess`: failed requests."""
    found = metric_requests(world)
    if not np.isfinite(found.failing).any():
        return nothing(FAILING)
    _, own = own_parts(world, found)
    p, failed = _failing(own, _calls(found), split)

    def tell(row: int) -> Evidence:
        return _tell(world, split, FAILING, str(found.services[row]), own[row], float(p[row]))

    return Observations(FAILING, found.services, p, failed, "errors", tell)


def _calls(found: MetricRequests) -> np.ndarray:
    """(n, t) requests; an assumed number where only shares and times are told."""
    known = np.isfinite(found.latency_ms) | np.isfinite(found.failing)
    counted = np.isfinite(found.requests).any(axis=1, keepdims=True)
    return np.where(counted, np.nan_to_num(found.requests), np.where(known, ASSUMED_REQUESTS, 0.0))


def _slower(
    found: MetricRequests, own_ms: np.ndarray, calls: np.ndarray, split: Split
) -> tuple[np.ndarray, np.ndarray]:
    whole = np.array([usual_level(row, split.before) for row in found.latency_ms])
    logs = np.log(own_ms + _BASE * whole[:, None] + 1e-6)
    _, rise, _ = calibrated_p(logs, split, weights=calls, scale_floor=_SPREAD_FLOOR)
    rise = np.fmax(rise, window_tail_p(logs, split.before, split.after))
    extra = _level(own_ms, split.after) - np.array([usual_level(row, split.before) for row in own_ms])
    return rise, np.maximum(np.nan_to_num(extra), 0.0) * calls[:, split.after].sum(axis=1)


def _failing(own: np.ndarray, calls: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(own)
    errors, trials = np.where(known, own * calls, 0.0), np.where(known, calls, 0.0)
    bursts = dispersion(errors[:, split.before], trials[:, split.before])
    sums = [part[:, slots].sum(axis=1) for part in (errors, trials) for slots in (split.before, split.after)]
    rise, _ = rate_shift_p(sums[0], sums[1], sums[2], sums[3], bursts=bursts)
    logs = np.log(own + _SHARE_BASE)
    _, level_rise, _ = calibrated_p(logs, split, weights=calls, scale_floor=_SPREAD_FLOOR)
    level_rise = np.fmax(level_rise, window_tail_p(logs, split.before, split.after))
    p = np.where((sums[2] > 0) & (sums[3] > 0), np.maximum(rise, np.nan_to_num(level_rise, nan=1.0)), np.nan)
    usual = sums[0] / np.maximum(sums[2], 1e-9)
    return p, np.maximum(sums[1] - usual * sums[3], 0.0)


def _level(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
    return np.array([level(row, slots) for row in values])


def _tell(world: World, split: Split, family: str, service: str, values: np.ndarray, p: float) -> Evidence:
    now, usual = level(values, split.after), usual_level(values, split.before)
    return Evidence(
        family,
        service,
        Message(f"rootcause.own_{family}", {"entity": service, "now": number(now), "usual": number(usual)}),
        p=p if np.isfinite(p) else None,
        chart=chart(
            Message(f"rootcause.chart_{family}", {"entity": service}),
            "ms" if family == LATENCY else "ratio",
            world.timeline,
            values,
            split,
        ),
    )
