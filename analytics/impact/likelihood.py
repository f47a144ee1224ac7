"""How likely a service is to fail soon: five reasons, each between 0 and 1 or unknown. See docs/risk.md.

Nothing here is learned. What the numbers mean is a decision that is written down, so that anybody can disagree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analytics.impact.inherited import SLOW, Failures, slow_sources
from analytics.impact.placement import Redundancy
from analytics.patrol.numbers import ratio_low
from analytics.patrol.resources import CPU, MEMORY, ResourceSeries, shares
from analytics.patrol.trend import Trend, trends
from analytics.world import World
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
FAILING = ("error_ratio", "error_logs")
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

    @property
    def inherited(self) -> bool:
        """Whether it is 0 because it counts for a service that this one calls."""
        return self.reason.id.endswith("_inherited")


def likelihood(parts: Iterable[LikelihoodPart]) -> float:
    """1 - product of (1 - weight x value) over the known parts: each may fail it, none waits for another."""
    return 1.0 - math.prod(1.0 - part.weight * part.value for part in parts if part.value is not None)


def likelihood_parts(
    world: World, findings: Iterable[Finding], redundancies: Mapping[str, Redundancy]
) -> dict[str, tuple[LikelihoodPart, ...]]:
    """The parts of every node of the World, in the order of WEIGHTS.

    findings: of a patrol of this World; redundancies: by service. Cost: that of the trends of resource metrics.
    """
    budget = _Budget(Failures(world), np.flatnonzero(world.timeline.in_window))
    parts: Mapping[str, Callable[[str], LikelihoodPart]] = {
        "budget": budget.of,
        "anomaly": _Anomaly(world, findings, budget).of,
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
    """How fast failures that are a service's own use up the error budget."""

    def __init__(self, failures: Failures, places: np.ndarray) -> None:
        self._failures = failures
        self._long = places
        self._short = places[-max(1, round(len(places) * RECENT_SHARE)) :]

    def of(self, service: str) -> LikelihoodPart:
        failed, lately = (self._failures.of(service, slots) for slots in (self._long, self._short))
        if failed is None or lately is None:
            return _part("budget", None, "none")
        if failed.calls < CALLS_MIN:
            return _part("budget", None, "few", {"calls": failed.calls, "calls_min": CALLS_MIN})
        own, now = (_burn(one.own, one.calls) for one in (failed, lately))
        values: dict[str, MessageValue] = {"burn": min(own, now), "objective": OBJECTIVE}
        values["ratio"] = (failed.own if own > 1.0 else failed.errors) / failed.calls
        if min(own, now) > 1.0:
            return _part("budget", math.log(min(own, now)) / math.log(BURN_MAX), "burns", values)
        if own > 1.0:
            return _part("budget", 0.0, "over", values)
        if _burn(failed.errors, failed.calls) > 1.0:
            values["callee"] = self._failures.source(service, self._long)
            return _part("budget", 0.0, "inherited", values)
        return _part("budget", 0.0, "fine", values)

    def inherits(self, service: str) -> str | None:
        """Whose failures its own budget does not answer for; None where its failures are its own, or are few."""
        part = self.of(service)
        return str(part.reason.values["callee"]) if part.reason.id == "risk.budget_inherited" else None


def _burn(errors: float, calls: float) -> float:
    return ratio_low(min(errors, calls), calls) / (1.0 - OBJECTIVE) if calls else 0.0


class _Anomaly:
    """The worst of what patrol says is not as usual; a second sign beside the worst adds nothing.

    Failures and slowness that come from a service that is called count there.
    """

    def __init__(self, world: World, findings: Iterable[Finding], budget: _Budget) -> None:
        self._budget = budget
        self._by_service: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.inspection in UNUSUAL and finding.verdict is not Verdict.UNKNOWN:
                self._by_service.setdefault(finding.entity, []).append(finding)
        self._slow = slow_sources(world, itertools.chain.from_iterable(self._by_service.values()))

    def of(self, service: str) -> LikelihoodPart:
        known = self._by_service.get(service, [])
        if not known:
            return _part("anomaly", None, "none")
        unusual = [one for one in known if _SEVERITY[one.verdict] > 0]
        sources = {one.inspection: self._source(service, one) for one in unusual}
        own = [one for one in unusual if sources[one.inspection] is None]
        if own:
            worst = min(own, key=lambda one: (-_SEVERITY[one.verdict], UNUSUAL.index(one.inspection)))
            return LikelihoodPart("anomaly", _SEVERITY[worst.verdict], WEIGHTS["anomaly"], worst.reason)
        source = next((name for name in sources.values() if name is not None), None)
        if source is not None:
            return _part("anomaly", 0.0, "inherited", {"callee": source})
        return _part("anomaly", 0.0, "fine", {"looked": len(known)})

    def _source(self, service: str, finding: Finding) -> str | None:
        if finding.inspection in SLOW:
            return self._slow.get(service)
        return self._budget.inherits(service) if finding.inspection in FAILING else None


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
