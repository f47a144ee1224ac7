"""Instances that ended or were killed."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import services
from analytics.world import World
from causeway.findings import Finding, Verdict

_KINDS = ("restart", "oom")


@inspection("restarts", unit="", warn_above=0.0, critical_above=2.0, weight=0.7)
def restarts(world: World, _graph: CallGraph, options: Options) -> Iterator[Finding]:
    """One finding per service whose instances are known: restarts and out-of-memory kills in the window."""
    events = world.events
    start_ns, end_ns = world.window.start_ns, world.window.end_ns
    chosen = events[
        events["kind"].isin(_KINDS)
        & (events["time_ns"] >= start_ns)
        & (events["time_ns"] < end_ns)
        & (events["reason"] != "instance_new")
    ]
    counts = chosen.groupby("service").size()
    killed = chosen[chosen["kind"] == "oom"].groupby("service").size()
    names = world.instances.keys.to_frame(index=False)
    named = set(names.loc[names["instance"] != "", "service"]) | set(counts.index)
    for service in services(world):
        if service not in named:
            yield restarts.unknown(service, "no_instances")
            continue
        count, memory = int(counts.get(service, 0)), int(killed.get(service, 0))
        verdict = Verdict.CRITICAL if memory else options.verdict(count)
        last = chosen[chosen["service"] == service]
        yield restarts.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else ("oom" if memory else "off"),
            {"count": count, "killed": memory, "instance": str(last["entity"].iloc[-1]) if len(last) else ""},
            value=count,
            threshold=options.threshold(verdict),
        )
