"""Request metrics of services without traces: own time and own failures, beyond what their callees contribute."""

from __future__ import annotations

import numpy as np

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.anomalies.tails import window_tail_p
from analytics.metric_requests import MetricRequests, metric_requests, own_parts
from analytics.rootcause.calibration import calibrate
from analytics.rootcause.evidence.observations import Look, Observations, chart, level, no_look, number, usual_level
from analytics.rootcause.metric_symptoms import ASSUMED_REQUESTS
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

LATENCY, FAILING = "metric_latency", "metric_failing"
_SPREAD_FLOOR = 0.05
_BASE = 0.1  # part of the whole latency that is added before the logarithm: a small own part is mostly noise
_SHARE_BASE = 0.01
_P_WHOLE = 1e-3  # the least p where a callee's part may still be in it


def prepare_latency(world: World, first: Split) -> Look:
    """One row per service: slower by itself. `excess`: milliseconds of all its requests together."""
    found = metric_requests(world)
    if not np.isfinite(found.latency_ms).any():
        return no_look(LATENCY)
    own, calls = own_parts(world, found), _calls(found)
    usual = np.array([usual_level(row, first.before) for row in found.latency_ms])
    logs = np.log(own.latency_ms + _BASE * usual[:, None] + 1e-6)
    noise = calibrate(logs, first.before, weights=calls, scale_floor=_SPREAD_FLOOR)

    def look(split: Split) -> Observations:
        rise = np.fmax(noise.tails(split)[1], window_tail_p(logs, split.before, split.after))
        p = np.maximum(rise, np.where(own.whole, _P_WHOLE, 0.0))
        usual_ms = np.array([usual_level(row, split.before) for row in own.latency_ms])
        extra_ms = np.maximum(np.nan_to_num(_levels(own.latency_ms, split.after) - usual_ms), 0.0)

        def tell(row: int) -> Evidence:
            return _tell(world, split, LATENCY, str(found.services[row]), own.latency_ms[row], float(p[row]))

        return Observations(LATENCY, found.services, p, extra_ms * calls[:, split.after].sum(axis=1), "ms", tell)

    return look


def prepare_failing(world: World, first: Split) -> Look:
    """One row per service: failing more by itself. `excess`: failed requests."""
    found = metric_requests(world)
    if not np.isfinite(found.failing).any():
        return no_look(FAILING)
    own = own_parts(world, found)
    known = np.isfinite(own.failing)
    trials = np.where(known, _calls(found), 0.0)
    errors = np.where(known, own.failing * trials, 0.0)
    logs = np.log(own.failing + _SHARE_BASE)
    noise = calibrate(logs, first.before, weights=trials, scale_floor=_SPREAD_FLOOR)

    def look(split: Split) -> Observations:
        rise, failed = _rise(errors, trials, split)
        p = np.fmax(rise, np.nan_to_num(noise.tails(split)[1], nan=1.0))
        p = np.maximum(p, np.where(own.whole, _P_WHOLE, 0.0))

        def tell(row: int) -> Evidence:
            return _tell(world, split, FAILING, str(found.services[row]), own.failing[row], float(p[row]))

        return Observations(FAILING, found.services, np.where(np.isfinite(rise), p, np.nan), failed, "errors", tell)

    return look


def _rise(errors: np.ndarray, trials: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """((n,) p of more failures, NaN where a side has no request; (n,) failures beyond the usual share)."""
    bursts = dispersion(errors[:, split.before], trials[:, split.before])
    failed = [errors[:, slots].sum(axis=1) for slots in (split.before, split.after)]
    asked = [trials[:, slots].sum(axis=1) for slots in (split.before, split.after)]
    rise, _ = rate_shift_p(*failed, *asked, bursts=bursts)
    usual = failed[0] / np.maximum(asked[0], 1e-9)
    both = (asked[0] > 0) & (asked[1] > 0)
    return np.where(both, rise, np.nan), np.maximum(failed[1] - usual * asked[1], 0.0)


def _calls(found: MetricRequests) -> np.ndarray:
    """(n, t) requests; an assumed number where only shares and times are told."""
    known = np.isfinite(found.latency_ms) | np.isfinite(found.failing)
    counted = np.isfinite(found.requests).any(axis=1, keepdims=True)
    return np.where(counted, np.nan_to_num(found.requests), np.where(known, ASSUMED_REQUESTS, 0.0))


def _levels(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
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
