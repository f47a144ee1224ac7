"""Services that others depend on and that run only once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import window_sum
from analytics.world import World
from causeway.findings import Finding, Verdict


@dataclass(frozen=True, slots=True)
class SingleInstanceOptions(Options):
    """warn_above and critical_above: how many callers a service that runs once may have."""

    calls_min: int = 20


@inspection("single_instance", unit="", warn_above=1.0, critical_above=1e9, weight=0.15, options=SingleInstanceOptions)
def single_instance(world: World, _graph: CallGraph, options: SingleInstanceOptions) -> Iterator[Finding]:
    """One finding per called service: with several callers, or as an entry point, it should run more than
    once.

    Where nothing at all runs twice (a trial, one host) that is said once, for the busiest entry point.
    """
    running = _running(world, options)
    if not running:
        return
    callers = world.asked[world.asked["callee_type"] == "service"].groupby("callee")["caller"].nunique()
    entries = set(world.entries.keys.get_level_values("service"))
    if max(count for count, _ in running.values()) == 1 and len(running) > 1:
        busiest = max(running, key=lambda name: (name in entries, running[name][1], name))
        yield single_instance.finding(
            busiest, Verdict.WARNING, "nowhere", {"services": len(running)}, value=1, threshold=2
        )
        return
    for service, (count, _) in sorted(running.items()):
        depending = int(callers.get(service, 0))
        verdict = options.verdict(depending + (options.warn_above + 1 if service in entries else 0))
        verdict = verdict if count == 1 else Verdict.OK
        yield single_instance.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else ("entry" if service in entries else "off"),
            {"count": count, "callers": depending},
            value=count,
            threshold=2,
        )


def _running(world: World, options: SingleInstanceOptions) -> dict[str, tuple[int, float]]:
    """service -> (instances that served in the window, calls), for services with enough calls."""
    frame = world.instances.keys.to_frame(index=False)
    frame["calls"] = window_sum(world.instances.calls, world.timeline.in_window)
    frame = frame[(frame["instance"] != "") & (frame["calls"] > 0)]
    grouped = frame.groupby("service").agg(count=("instance", "nunique"), calls=("calls", "sum"))
    busy = grouped[grouped["calls"] >= options.calls_min]
    numbers = zip(busy["count"].tolist(), busy["calls"].tolist(), strict=True)
    return dict(zip((str(name) for name in busy.index), numbers, strict=True))
