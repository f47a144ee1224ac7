"""Databases that answer slower than they usually do, as their callers see it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import inspection
from analytics.patrol.numbers import chart
from analytics.patrol.slowness import Slowness, SlownessOptions, slowness
from analytics.world import World
from causeway.findings import Finding, Message, Verdict


@inspection("database_latency", unit="ms", warn_above=2.0, critical_above=5.0, options=SlownessOptions)
def database_latency(world: World, _graph: CallGraph, options: SlownessOptions) -> Iterator[Finding]:
    """One finding per database: the caller for whom it got slowest."""
    series = world.edge_series
    slow = slowness(series, world.timeline, options)
    callers = series.keys.get_level_values("caller").to_numpy(dtype=object)
    callees = series.keys.get_level_values("callee").to_numpy(dtype=object)
    for database in sorted(str(name) for name in world.nodes.index[world.nodes["type"] == "database"]):
        rows = np.flatnonzero(callees == database)
        row = _worst(slow, rows, options)
        if row is None:
            counted = float(slow.calls[rows].sum())
            yield database_latency.unknown(database, "too_few", {"calls": counted, "calls_min": options.calls_min})
            continue
        verdict = slow.verdict(row, options)
        worst, usual = slow.worst_ms[row], slow.usual_ms[row]
        limit = max(slow.limit_ms[row], usual * options.critical_above if verdict is Verdict.CRITICAL else 0.0)
        yield database_latency.finding(
            database,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {
                "caller": str(callers[row]),
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


def _worst(slow: Slowness, rows: np.ndarray, options: SlownessOptions) -> int | None:
    """The row with the worst verdict, then the highest factor, among those that can be told."""
    told = [int(row) for row in rows if slow.lacks(int(row), options) is None]
    return max(
        told,
        key=lambda row: (slow.verdict(row, options).rank, slow.worst_ms[row] / max(slow.usual_ms[row], 1e-6)),
        default=None,
    )
