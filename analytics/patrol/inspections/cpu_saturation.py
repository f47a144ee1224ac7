"""Processors at their limit, or used far more than usual where no limit is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import chart, row_quantile, services, slots_of, sustained
from analytics.patrol.resources import CPU, ResourceSeries, shares, uses
from analytics.world import World
from causeway.findings import Finding, Message, Verdict


@dataclass(frozen=True, slots=True)
class CpuSaturationOptions(Options):
    """Thresholds are shares of the limit, held for `sustained_s`.

    Without a limit: a warning where use is `factor` times the usual and at least `cores_min` above it.
    """

    sustained_s: float = 120.0
    factor: float = 3.0
    cores_min: float = 0.2
    samples_min: int = 3


@inspection("cpu_saturation", unit="ratio", warn_above=0.8, critical_above=0.95, options=CpuSaturationOptions)
def cpu_saturation(world: World, _graph: CallGraph, options: CpuSaturationOptions) -> Iterator[Finding]:
    """One finding per service, about its busiest instance."""
    share, use = shares(world.metrics, CPU), uses(world.metrics, CPU)
    slots = slots_of(world.timeline, options.sustained_s)
    peak_share = _peak(share, world, slots, options)
    peak_use = _peak(use, world, slots, options)
    usual = row_quantile(use.values[:, ~world.timeline.in_window], 0.5)
    for service in services(world):
        bounded = [row for row in share.of(service) if np.isfinite(peak_share[row])]
        free = [row for row in use.of(service) if np.isfinite(peak_use[row])]
        if bounded:
            row = max(bounded, key=lambda row: peak_share[row])
            yield _against_limit(world, service, share, row, float(peak_share[row]), options)
        elif free:
            told = [row for row in free if np.isfinite(usual[row])]
            if not told:
                yield cpu_saturation.unknown(service, "no_history")
                continue
            row = max(told, key=lambda row: peak_use[row] - usual[row])
            yield _against_history(world, service, use, row, float(peak_use[row]), float(usual[row]), options)
        else:
            yield cpu_saturation.unknown(service, "no_metric")


def _peak(series: ResourceSeries, world: World, slots: int, options: CpuSaturationOptions) -> np.ndarray:
    """(n,) highest sustained value in the window; NaN where there are too few values."""
    inside = world.timeline.in_window
    peak = row_quantile(sustained(series.values, slots)[:, inside], 1.0)
    enough = np.isfinite(series.values[:, inside]).sum(axis=1) >= options.samples_min
    return np.where(enough, peak, np.nan)


def _against_limit(
    world: World, service: str, share: ResourceSeries, row: int, peak: float, options: CpuSaturationOptions
) -> Finding:
    verdict = options.verdict(peak)
    return cpu_saturation.finding(
        service,
        verdict,
        "fine" if verdict is Verdict.OK else "off",
        {"share": peak, "instance": str(share.keys["instance"].iloc[row]), "lasting": options.sustained_s},
        value=peak,
        threshold=options.threshold(verdict),
        chart=chart(
            Message("patrol.cpu_saturation_title"),
            "ratio",
            world.timeline,
            share.values[row],
            high=options.warn_above,
        ),
    )


def _against_history(
    world: World,
    service: str,
    use: ResourceSeries,
    row: int,
    peak: float,
    usual: float,
    options: CpuSaturationOptions,
) -> Finding:
    """The value is use over usual here, as a share; no limit is known, so that CRITICAL cannot be told."""
    limit = max(options.factor * usual, usual + options.cores_min)
    verdict = Verdict.WARNING if peak > limit else Verdict.OK
    return cpu_saturation.finding(
        service,
        verdict,
        "usual" if verdict is Verdict.OK else "rise",
        {"cores": peak, "usual": usual, "instance": str(use.keys["instance"].iloc[row])},
        value=peak / max(usual, 1e-3),
        threshold=limit / max(usual, 1e-3),
        chart=chart(Message("patrol.cpu_saturation_chart"), "", world.timeline, use.values[row], low=0.0, high=limit),
    )
