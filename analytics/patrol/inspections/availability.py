"""How many of the users' requests were served, against an objective."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import chart, ratio_low
from analytics.world import World
from causeway.findings import Finding, Message, Verdict


@dataclass(frozen=True, slots=True)
class AvailabilityOptions(Options):
    """Thresholds are shares of the error budget (1 - objective) that the failed requests used up."""

    objective: float = 0.999
    calls_min: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError("objective must be between 0 and 1")
        if self.critical_above < self.warn_above:
            raise ValueError("critical_above is below warn_above")


@inspection("availability", unit="ratio", warn_above=1.0, critical_above=10.0, options=AvailabilityOptions)
def availability(world: World, _graph: CallGraph, options: AvailabilityOptions) -> Iterator[Finding]:
    """One finding per service where requests enter: the share served over window and baseline together."""
    names = world.entries.keys.get_level_values("service").to_numpy(dtype=object)
    budget = 1.0 - options.objective
    for service in sorted(set(names.tolist())):
        rows = names == service
        calls = np.nan_to_num(world.entries.calls[rows]).sum(axis=0, dtype=np.float64)
        errors = np.nan_to_num(world.entries.errors[rows]).sum(axis=0, dtype=np.float64)
        total, failed = calls.sum(), errors.sum()
        if total < options.calls_min:
            yield availability.unknown(service, "too_few", {"calls": total, "calls_min": options.calls_min})
            continue
        served = 1.0 - failed / total
        verdict = options.verdict(ratio_low(failed, total) / budget)
        line = 1.0 - np.divide(errors, calls, out=np.full(len(calls), np.nan), where=calls > 0)
        yield availability.finding(
            str(service),
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {
                "served": served,
                "objective": options.objective,
                "failed": failed,
                "calls": total,
                "used": failed / total / budget,
            },
            value=served,
            threshold=1.0 - budget * options.threshold(verdict),
            chart=chart(Message("patrol.availability_title"), "ratio", world.timeline, line, low=options.objective),
        )
