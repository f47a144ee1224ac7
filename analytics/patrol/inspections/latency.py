"""Services that are slower than they usually are."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import inspection
from analytics.patrol.numbers import by_service, chart
from analytics.patrol.slowness import SlownessOptions, slowness
from analytics.world import World
from causeway.findings import Finding, Message, Verdict


@inspection("latency", unit="ms", warn_above=2.0, critical_above=5.0, options=SlownessOptions)
def latency(world: World, _graph: CallGraph, options: SlownessOptions) -> Iterator[Finding]:
    """One finding per service that gets requests: its worst sustained p99 against its usual one."""
    series = world.services
    slow = slowness(series, world.timeline, options)
    for service, row in by_service(series):
        lacks = slow.lacks(row, options)
        if lacks:
            counted = slow.calls[row] if lacks == "too_few" else slow.calls_before[row]
            yield latency.unknown(service, lacks, {"calls": counted, "calls_min": options.calls_min})
            continue
        verdict = slow.verdict(row, options)
        worst, usual = slow.worst_ms[row], slow.usual_ms[row]
        limit = max(slow.limit_ms[row], usual * options.critical_above if verdict is Verdict.CRITICAL else 0.0)
        yield latency.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {
                "worst": worst,
                "usual": usual,
                "factor": worst / max(usual, 1e-6),
                "lasting": options.sustained_s,
            },
            value=worst,
            threshold=limit,
            chart=chart(
                Message("patrol.latency_chart"),
                "ms",
                world.timeline,
                series.latency_ms_p99[row],
                low=0.0,
                high=limit,
            ),
        )
