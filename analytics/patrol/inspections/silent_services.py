"""Services that sent telemetry and do not any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import EVERYTHING, Options, inspection
from analytics.patrol.numbers import services
from analytics.world import World
from causeway.findings import Finding, Verdict
from causeway.window import SECOND_NS


@dataclass(frozen=True, slots=True)
class SilentServicesOptions(Options):
    """Thresholds are seconds of silence.

    gaps, longest: a silence up to so many of its usual gaps, or of its longest one, is nothing unusual.
    """

    gaps: float = 10.0
    longest: float = 1.5
    slots_min: int = 6


@inspection("silent_services", unit="s", warn_above=120.0, critical_above=300.0, options=SilentServicesOptions)
def silent_services(world: World, _graph: CallGraph, options: SilentServicesOptions) -> Iterator[Finding]:
    """One finding per service: how long before the last span of anybody its own last one came."""
    step_s = world.timeline.step_ns / SECOND_NS
    spoke = _spoke(world)
    anybody = np.flatnonzero(np.any(list(spoke.values()), axis=0)) if spoke else np.empty(0, dtype=int)
    if not services(world):
        yield silent_services.unknown(EVERYTHING, "nothing")
    for service in services(world):
        if service not in spoke:
            yield silent_services.unknown(service, "no_spans")
            continue
        slots = np.flatnonzero(spoke[service])
        if len(slots) < options.slots_min:
            yield silent_services.unknown(service, "too_few", {"slots": len(slots) * step_s})
            continue
        if not world.timeline.in_window[anybody[-1]]:
            yield silent_services.unknown(service, "nobody")
            continue
        silent_s = float(anybody[-1] - slots[-1]) * step_s
        usual_s = float(slots[-1] - slots[0]) / max(1, len(slots) - 1) * step_s
        longest_s = float(np.diff(slots).max()) * step_s
        unusual = silent_s > options.gaps * usual_s and silent_s > options.longest * longest_s
        verdict = options.verdict(silent_s) if unusual else Verdict.OK
        yield silent_services.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {"silent": silent_s, "usual": usual_s},
            value=silent_s,
            threshold=options.threshold(verdict),
        )


def _spoke(world: World) -> dict[str, np.ndarray]:
    """service -> (t,) bool: it sent a span in that slot."""
    names = world.operations.keys.get_level_values("service").to_numpy(dtype=object)
    spoke = np.nan_to_num(world.operations.calls) > 0
    return {str(name): np.any(spoke[names == name], axis=0) for name in sorted(set(names.tolist()))}
