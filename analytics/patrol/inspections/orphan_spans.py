"""Spans whose parent never arrived: the call graph has holes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import coverage
from analytics.world import World
from causeway.findings import Finding, Verdict


@dataclass(frozen=True, slots=True)
class OrphanSpansOptions(Options):
    """Thresholds are shares of a service's spans. spans_min: fewer give no verdict."""

    spans_min: int = 50


@inspection("orphan_spans", unit="ratio", warn_above=0.05, critical_above=0.3, weight=0.2, options=OrphanSpansOptions)
def orphan_spans(world: World, _graph: CallGraph, options: OrphanSpansOptions) -> Iterator[Finding]:
    """One finding per service that sent spans in the window."""
    for row in coverage(world):
        if row.spans < options.spans_min:
            yield orphan_spans.unknown(row.service, "too_few", {"spans": row.spans, "spans_min": options.spans_min})
            continue
        share = max(0, row.orphans) / row.spans
        verdict = options.verdict(share)
        yield orphan_spans.finding(
            row.service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {"share": share, "orphans": row.orphans, "spans": row.spans},
            value=share,
            threshold=options.threshold(verdict),
        )
