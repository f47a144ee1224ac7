"""How likely a service is to fail soon: five reasons, each between 0 and 1 or unknown. See docs/impact.md.

Nothing here is learned. What the numbers mean is a decision that is written down, so that anybody can disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analytics.impact.placement import Redundancy
from analytics.patrol.numbers import ratio_low
from analytics.patrol.resources import CPU, MEMORY, ResourceSeries, shares
from analytics.patrol.trend import Trend, trends
from analytics.world import CallSeries, World
from causeway.findings import Finding, Message, MessageValue, Verdict
from causeway.window import HOUR_NS, SECOND_NS

# The most that each part can add to the likelihood.
WEIGHTS: Mapping[str, float] = {
    "budget": 0.5,
    "anomaly": 0.4,
    "saturation": 0.4,
    "change": 0.2,
    "fragility": 0.1,
}
OBJECTIVE = 0.999
CALLS_MIN = 100
# The burn rate at which Google's SRE Workbook (chapter 5) wakes somebody: a month's budget gone in two days.
BURN_MAX = 14.4
# A burn counts only while it goes on: in this last part of the window too.
RECENT_SHARE = 0.25
# What is within this distance of its limit is as good as there; nearer than FORECAST_H at its present pace counts.
FULL, ROOMY = 0.95, 0.7
FORECAST_H = 24.0
RISING_MIN = 0.9
SAMPLES_MIN = 8
CHANGE_KINDS = ("deploy", "config", "flag", "scale")
CHANGE_HALF_LIFE_NS = HOUR_NS
# Judgements of patrol that say that something is not as usual.
UNUSUAL = ("error_ratio", "latency", "database_latency", "traffic_drop", "error_logs", "restarts", "silent_services")
_SEVERITY = {Verdict.OK: 0.0, Verdict.WARNING: 0.5, Verdict.CRITICAL: 1.0}


@dataclass(frozen=True, slots=True)
class LikelihoodPart:
    """One reason for or against failing soon. name: one of WEIGHTS.

    value: in [0, 1], None where unknown; weight: the most it can add to the likelihood. reason: in words, also why it
    is unknown.
    """

    name: str
    value: float | None
    weight: float
    reason: Message


def likelihood(parts: Iterable[LikelihoodPart]) -> float:
    """1 - product of (1 - weight x value) over the known parts: each may fail it, none waits for another."""
    return 1.0 - math.prod(1.0 - part.weight * part.value for part in parts if part.value is not None)


def likelihood_parts(
    world: World, findings: Iterable[Finding], redundancies: Mapping[str, Redundancy]
) -> dict[str, tuple[LikelihoodPart, ...]]:
    """The parts of every node of the World, in the order of WEIGHTS.

    findings: of a patrol of this World; redundancies: by service. Cost: that of the trends of resource metrics.
    """
    unusual: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.inspection in UNUSUAL:
            unusual.setdefault(finding.entity, []).append(finding)
    parts: Mapping[str, Callable[[str], LikelihoodPart]] = {
        "budget": _Budget(world).of,
        "anomaly": lambda service: _anomaly(unusual.get(service, [])),
        "saturation": _Saturation(world).of,
        "change": _Change(world).of,
        "fragility": lambda service: _fragility(redundancies.get(service)),
    }
    return {str(name): tuple(parts[part](str(name)) for part in WEIGHTS) for name in world.nodes.index}


def _part(
    name: str, value: float | None, case: str, values: Mapping[str, MessageValue] | None = None
) -> LikelihoodPart:
    known = None if value is None else min(1.0, max(0.0, float(value)))
    return LikelihoodPart(name, known, WEIGHTS[name], Message(f"risk.{name}_{case}", dict(values or {})))


class _Budget:
    """How fast failed requests use up the error budget: those of its own requests, or of the calls made to it."""

    def __init__(self, world: World) -> None:
        self._world = world
        places = np.flatnonzero(world.timeline.in_window)
        self._long = places
        self._short = places[-max(1, round(len(places) * RECENT_SHARE)) :]
        self._rows = _rows_by(world.services, "service")
        self._called = _rows_by(world.edge_series, "callee")

    def of(self, service: str) -> LikelihoodPart:
        series, rows = self._world.services, self._rows.get(service)
        if rows is None:
            series, rows = self._world.edge_series, self._called.get(service)
        if rows is None:
            return _part("budget", None, "none")
        burns = [self._burn(series, rows, slots) for slots in (self._long, self._short)]
        calls, errors = _sums(series, rows, self._long)
        if calls < CALLS_MIN:
            return _part("budget", None, "few", {"calls": calls, "calls_min": CALLS_MIN})
        burn = min(burns)
        values: dict[str, MessageValue] = {"burn": burn, "ratio": errors / calls, "objective": OBJECTIVE}
        if burn <= 1.0:
            return _part("budget", 0.0, "over" if burns[0] > 1.0 else "fine", values)
        return _part("budget", math.log(burn) / math.log(BURN_MAX), "burns", values)

    @staticmethod
    def _burn(series: CallSeries, rows: np.ndarray, slots: np.ndarray) -> float:
        calls, errors = _sums(series, rows, slots)
        return ratio_low(errors, calls) / (1.0 - OBJECTIVE)


def _rows_by(series: CallSeries, level: str) -> dict[str, np.ndarray]:
    names = series.keys.get_level_values(level).to_numpy(dtype=object)
    return {str(name): np.flatnonzero(names == name) for name in set(names.tolist())}


def _sums(series: CallSeries, rows: np.ndarray, slots: np.ndarray) -> tuple[float, float]:
    chosen = np.ix_(rows, slots)
    return float(np.nansum(series.calls[chosen], dtype=np.float64)), float(
        np.nansum(series.errors[chosen], dtype=np.float64)
    )


def _anomaly(findings: list[Finding]) -> LikelihoodPart:
    """The worst of what patrol says is not as usual; a second sign beside the worst adds nothing."""
    known = [finding for finding in findings if finding.verdict is not Verdict.UNKNOWN]
    if not known:
        return _part("anomaly", None, "none")
    worst = min(known, key=lambda one: (-_SEVERITY[one.verdict], UNUSUAL.index(one.inspection)))
    if worst.verdict is Verdict.OK:
        return _part("anomaly", 0.0, "fine", {"looked": len(known)})
    return LikelihoodPart("anomaly", _SEVERITY[worst.verdict], WEIGHTS["anomaly"], worst.reason)


class _Saturation:
    """How near processors and memory are to a known limit, and when they get there at their present pace."""

    def __init__(self, world: World) -> None:
        inside = world.timeline.in_window
        self._kinds: list[tuple[str, ResourceSeries, Trend]] = []
        self._last: list[np.ndarray] = []
        for kind, names in (("cpu", CPU), ("memory", MEMORY)):
            share = shares(world.metrics, names)
            trend = trends(share.values, world.timeline.times_ns, samples_min=SAMPLES_MIN)
            self._kinds.append((kind, share, trend))
            self._last.append(_last(share.values[:, inside]))

    def of(self, service: str) -> LikelihoodPart:
        found = sorted(self._found(service), key=lambda one: (-(one.value or 0.0), one.reason.id))
        return found[0] if found else _part("saturation", None, "none")

    def _found(self, service: str) -> Iterator[LikelihoodPart]:
        for (kind, share, trend), last in zip(self._kinds, self._last, strict=True):
            rows = [int(row) for row in share.of(service) if np.isfinite(last[row])]
            if not rows:
                continue
            fullest = max(rows, key=lambda row: last[row])
            yield self._part(kind, "level", (last[fullest] - ROOMY) / (FULL - ROOMY), fullest, share, last)
            hours = {row: _hours_left(trend, row, float(last[row])) for row in rows}
            soonest = min(rows, key=lambda row: hours[row])
            if hours[soonest] < FORECAST_H:
                value = 1.0 - hours[soonest] / FORECAST_H
                yield self._part(kind, "forecast", value, soonest, share, last, hours=hours[soonest])

    @staticmethod
    def _part(
        kind: str, case: str, value: float, row: int, share: ResourceSeries, last: np.ndarray, hours: float = 0.0
    ) -> LikelihoodPart:
        values: dict[str, MessageValue] = {
            "share": float(last[row]),
            "instance": str(share.keys["instance"].iloc[row]),
            "after": hours * 3600.0,
        }
        return _part("saturation", value, f"{kind}_{case}", values)


def _last(values: np.ndarray) -> np.ndarray:
    """(n, t) -> (n,) the newest value of each row, NaN where there is none."""
    found = np.full(values.shape[0], np.nan)
    if not values.size:
        return found
    known = np.isfinite(values)
    newest = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    some = known.any(axis=1)
    found[some] = values[np.flatnonzero(some), newest[some]]
    return found


def _hours_left(trend: Trend, row: int, last: float) -> float:
    """Hours until the limit at the present pace; infinite without a steady rise."""
    steady = trend.rising[row] >= RISING_MIN and trend.goes_on[row] and trend.per_hour[row] > 0
    return max(0.0, (1.0 - last) / float(trend.per_hour[row])) if steady else math.inf


class _Change:
    """The newest recorded or seen change of a service; it counts half as much with every hour."""

    def __init__(self, world: World) -> None:
        events, self._end_ns = world.events, world.window.end_ns
        names = world.instances.keys.to_frame(index=False)
        # Where versions are told a change would have shown, and where events are recorded one would be among them.
        self._told = set(names.loc[names["version"] != "", "service"].astype(str))
        self._recorded = bool(sum(world.seen.get("events", (0, 0))))
        self._newest: dict[str, tuple[int, str]] = {}
        times = events["time_ns"].to_numpy(dtype=np.int64)
        chosen = events["kind"].isin(CHANGE_KINDS).to_numpy() & (times < self._end_ns)
        order = np.flatnonzero(chosen)[np.argsort(times[chosen], kind="stable")]
        for row in order.tolist():
            event = events.iloc[row]
            words = next((str(event[key]) for key in ("message", "reason", "kind") if event[key]), "")
            self._newest[str(event["service"] or event["entity"])] = (int(times[row]), words)

    def of(self, service: str) -> LikelihoodPart:
        newest = self._newest.get(service)
        if newest is not None:
            age_ns = max(0, self._end_ns - newest[0])
            value = math.exp2(-age_ns / CHANGE_HALF_LIFE_NS)
            return _part("change", value, "recent", {"message": newest[1], "age": age_ns / SECOND_NS})
        if self._recorded or service in self._told:
            return _part("change", 0.0, "fine")
        return _part("change", None, "none")


def _fragility(known: Redundancy | None) -> LikelihoodPart:
    """One instance, one node or one zone that takes everything with it."""
    if known is None or known.instances is None:
        return _part("fragility", None, "none")
    if known.instances <= 1:
        return _part("fragility", 1.0, "instance")
    values: dict[str, MessageValue] = {"instances": known.instances}
    if known.hosts == 1:
        return _part("fragility", 0.7, "host", values)
    if known.zones == 1:
        return _part("fragility", 0.3, "zone", values)
    return _part("fragility", 0.0, "fine", values)
