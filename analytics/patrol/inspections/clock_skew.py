"""Spans that begin before the call that caused them: clocks disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import coverage
from analytics.world import World
from causeway.findings import Finding, Verdict


@dataclass(frozen=True, slots=True)
class ClockSkewOptions(Options):
    """Thresholds are shares of the spans with a known parent. linked_min: fewer give no verdict."""

    linked_min: int = 50


@inspection("clock_skew", unit="ratio", warn_above=0.02, critical_above=0.5, weight=0.2, options=ClockSkewOptions)
def clock_skew(world: World, _graph: CallGraph, options: ClockSkewOptions) -> Iterator[Finding]:
    """One finding per service that has spans with known parents in the window."""
    for row in coverage(world):
        if not row.linked:
            continue
        if row.linked < options.linked_min:
            yield clock_skew.unknown(row.service, "too_few", {"spans": row.linked, "spans_min": options.linked_min})
            continue
        share = row.skewed / row.linked
        verdict = options.verdict(share)
        yield clock_skew.finding(
            row.service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {"share": share, "skewed": row.skewed, "spans": row.linked},
            value=share,
            threshold=options.threshold(verdict),
        )
