"""Memory near its limit, or growing without end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import chart, row_quantile, services, slots_of, sustained
from analytics.patrol.resources import MEMORY, ResourceSeries, shares, uses
from analytics.patrol.trend import Trend, trends
from analytics.world import World
from causeway.findings import Chart, Finding, Message, Verdict

_BAD_FIRST = (Verdict.CRITICAL, Verdict.WARNING, Verdict.OK)


@dataclass(frozen=True, slots=True)
class MemoryOptions(Options):
    """Thresholds are shares of the limit, held for `sustained_s`.

    A leak: use rose in at least `rising_min` of all pairs of times (1 = always), by at least `growth_min`
    of what
    it was, and the rise goes on in the window.
    """

    sustained_s: float = 60.0
    rising_min: float = 0.9
    growth_min: float = 0.2
    samples_min: int = 8


@inspection("memory", unit="ratio", warn_above=0.85, critical_above=0.95, options=MemoryOptions)
def memory(world: World, _graph: CallGraph, options: MemoryOptions) -> Iterator[Finding]:
    """One finding per service, about the instance that is worst off."""
    share, use = shares(world.metrics, MEMORY), uses(world.metrics, MEMORY)
    level = sustained(share.values, slots_of(world.timeline, options.sustained_s))
    inside, times = world.timeline.in_window, world.timeline.times_ns
    peak = row_quantile(level[:, inside], 1.0)
    trend = (
        trends(use.values, times, samples_min=options.samples_min),
        trends(use.values[:, inside], times[inside], samples_min=options.samples_min),
    )
    for service in services(world):
        found = [
            _against_limit(world, service, share, int(row), float(peak[row]), options)
            for row in share.of(service)
            if np.isfinite(peak[row])
        ]
        found += [
            _growth(world, service, use, int(row), trend, options)
            for row in use.of(service)
            if np.isfinite(trend[0].growth[row])
        ]
        if found:
            yield min(found, key=lambda finding: (_BAD_FIRST.index(finding.verdict), -(finding.value or 0.0)))
        else:
            yield memory.unknown(service, "no_metric")


def _against_limit(
    world: World, service: str, share: ResourceSeries, row: int, peak: float, options: MemoryOptions
) -> Finding:
    verdict = options.verdict(peak)
    return memory.finding(
        service,
        verdict,
        "fine" if verdict is Verdict.OK else "off",
        {"share": peak, "instance": str(share.keys["instance"].iloc[row])},
        value=peak,
        threshold=options.threshold(verdict),
        chart=_chart(world, share.values[row], "ratio", options.warn_above),
    )


def _growth(
    world: World, service: str, use: ResourceSeries, row: int, trend: tuple[Trend, Trend], options: MemoryOptions
) -> Finding:
    """Judged over everything, and over the window alone, where a leak may have begun."""
    leaking = [part for part in trend if _leaks(part, row, options)]
    shown = leaking[0] if leaking else trend[0]
    growth = float(shown.growth[row])
    return memory.finding(
        service,
        Verdict.WARNING if leaking else Verdict.OK,
        "leak" if leaking else "steady",
        {
            "growth": growth,
            "per_hour": float(shown.per_hour[row]),
            "bytes": float(shown.last[row]),
            "instance": str(use.keys["instance"].iloc[row]),
        },
        value=growth,
        threshold=options.growth_min,
        chart=_chart(world, use.values[row], "By", None),
    )


def _leaks(trend: Trend, row: int, options: MemoryOptions) -> bool:
    enough = trend.growth[row] > options.growth_min and trend.rising[row] >= options.rising_min
    return bool(enough and trend.goes_on[row])


def _chart(world: World, values: np.ndarray, unit: str, high: float | None) -> Chart:
    return chart(Message("patrol.memory_title"), unit, world.timeline, values, high=high)
