"""What users notice: entry points that fail more, or answer later, than they usually do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.anomalies.counts import dispersion, rate_shift_p
from analytics.rootcause.calibration import calibrated_p, corrected
from analytics.rootcause.evidence.observations import chart, level, usual_level
from analytics.rootcause.metric_symptoms import metric_indicators
from analytics.rootcause.split import Split
from analytics.world import CallSeries, World
from causeway.findings import Message, Symptom

P_MAX = 0.01  # after correction for all indicators looked at
SLOWER_MIN = 1.15  # a smaller factor on latency is not worth waking anybody for
SLOWER_MS_MIN = 2.0
FAILING_MIN = 0.005  # nor is a smaller share of requests that fail in addition
CALLS_MIN = 8  # requests on each side below which an entry point says nothing
METRICS_FROM = 25  # times CALLS_MIN: fewer requests in spans than that, and metrics tell more
_SPREAD_FLOOR = 0.06


@dataclass(frozen=True, slots=True)
class Indicators:
    """User-facing series: names[i] is (service, operation) of row i; matrices are (n, t)."""

    names: tuple[tuple[str, str], ...]
    calls: np.ndarray
    errors: np.ndarray
    latency_ms: np.ndarray


def indicators(world: World) -> Indicators:
    """Each operation of the entry points, and what they ask of the services behind them, as they wait for it.

    The second kind is there because one operation of a gateway may stand for very different requests. All services
    with requests where no entry is known.
    """
    if float(np.nan_to_num(world.services.calls).sum()) < CALLS_MIN * METRICS_FROM:
        told = Indicators(*metric_indicators(world))
        if len(told.names):
            return told
    series = world.entries if len(world.entries.keys) else world.services
    names = [tuple(map(str, _as_tuple(key))) for key in series.keys]
    own = Indicators(
        tuple((name[0], name[1] if len(name) > 1 else "") for name in names),
        np.nan_to_num(series.calls).astype(np.float64),
        np.nan_to_num(series.errors).astype(np.float64),
        _latency(series),
    )
    asked = _asked_by({name[0] for name in names}, world.edge_series) if series is world.entries else None
    return own if asked is None else _joined(own, asked)


def _asked_by(entries: set[str], edges: CallSeries) -> Indicators | None:
    rows = np.flatnonzero(edges.keys.get_level_values(0).isin(entries))
    if not len(rows):
        return None
    gap = 0.0 if edges.gap_ms is None else np.maximum(np.nan_to_num(edges.gap_ms[rows]), 0.0)
    return Indicators(
        tuple((str(caller), f"→ {callee}") for caller, callee in edges.keys[rows]),
        np.nan_to_num(edges.calls[rows]).astype(np.float64),
        np.nan_to_num(edges.errors[rows]).astype(np.float64),
        edges.latency_ms_mean[rows].astype(np.float64) + gap,
    )


def _joined(one: Indicators, other: Indicators) -> Indicators:
    return Indicators(
        (*one.names, *other.names),
        np.vstack([one.calls, other.calls]),
        np.vstack([one.errors, other.errors]),
        np.vstack([one.latency_ms, other.latency_ms]),
    )


def _as_tuple(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _latency(series: CallSeries) -> np.ndarray:
    """Geometric middle of mean and median: the mean sees a slow tenth, the median shrugs off one slow request."""
    return np.sqrt(series.latency_ms_mean.astype(np.float64) * series.latency_ms_p50.astype(np.float64))


def tail_probabilities(found: Indicators, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(p of failing more, p of answering later), each (n,); 1 where too few requests came."""
    calls_before = found.calls[:, split.before].sum(axis=1)
    calls_after = found.calls[:, split.after].sum(axis=1)
    bursts = dispersion(found.errors[:, split.before], found.calls[:, split.before])
    failing, _ = rate_shift_p(
        found.errors[:, split.before].sum(axis=1),
        found.errors[:, split.after].sum(axis=1),
        calls_before,
        calls_after,
        bursts=bursts,
    )
    logs = np.log(found.latency_ms + 0.1)
    _, later, _ = calibrated_p(logs, split, weights=found.calls, scale_floor=_SPREAD_FLOOR)
    enough = (calls_before >= CALLS_MIN) & (calls_after >= CALLS_MIN)
    return np.where(enough, failing, 1.0), np.where(enough, np.nan_to_num(later, nan=1.0), 1.0)


def symptoms(world: World, found: Indicators, split: Split, *, looks: int = 1) -> tuple[Symptom, ...]:
    """The indicators that left their usual range, worst first. `looks`: onsets that were tried before."""
    failing, later = tail_probabilities(found, split)
    tests = 2 * max(len(found.names), 1) * max(looks, 1)
    shown = [
        *(_failing(world, found, i, split, corrected(failing[i], tests)) for i in range(len(found.names))),
        *(_slower(world, found, i, split, corrected(later[i], tests)) for i in range(len(found.names))),
    ]
    return tuple(sorted((s for s in shown if s is not None), key=lambda s: (s.p, s.entity, s.indicator)))


def _failing(world: World, found: Indicators, i: int, split: Split, p: np.ndarray) -> Symptom | None:
    calls, errors = found.calls[i], found.errors[i]
    now = errors[split.after].sum() / max(calls[split.after].sum(), 1.0)
    usual = errors[split.before].sum() / max(calls[split.before].sum(), 1.0)
    if p > P_MAX or now - usual < FAILING_MIN:
        return None
    ratio = np.divide(errors, calls, out=np.full(len(calls), np.nan), where=calls > 0)
    return _symptom(world, found.names[i], "error_ratio", (now, usual), "ratio", float(p), ratio, split)


def _slower(world: World, found: Indicators, i: int, split: Split, p: np.ndarray) -> Symptom | None:
    now = level(found.latency_ms[i], split.after, found.calls[i])
    usual = usual_level(found.latency_ms[i], split.before)
    slower = now > usual * SLOWER_MIN and now - usual > SLOWER_MS_MIN
    if p > P_MAX or not slower:
        return None
    return _symptom(world, found.names[i], "latency", (now, usual), "ms", float(p), found.latency_ms[i], split)


def _symptom(
    world: World,
    name: tuple[str, str],
    indicator: str,
    levels: tuple[float, float],
    unit: str,
    p: float,
    values: np.ndarray,
    split: Split,
) -> Symptom:
    now, usual = levels
    title = Message(f"rootcause.symptom_{indicator}", {"entity": name[0], "operation": name[1]})
    return Symptom(
        entity=name[0],
        indicator=indicator,
        value=float(now),
        usual=float(usual),
        unit=unit,
        p=p,
        chart=chart(title, unit, world.timeline, values, split),
    )
