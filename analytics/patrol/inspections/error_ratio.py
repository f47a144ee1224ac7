"""Requests that fail, per service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import by_service, chart, ratio_low, window_sum
from analytics.world import World
from causeway.findings import Finding, Message, Verdict


@dataclass(frozen=True, slots=True)
class ErrorRatioOptions(Options):
    """Thresholds are shares of failed requests. calls_min.

    Fewer requests without a failure give no verdict.
    """

    calls_min: int = 20


@inspection("error_ratio", unit="ratio", warn_above=0.01, critical_above=0.05, options=ErrorRatioOptions)
def error_ratio(world: World, _graph: CallGraph, options: ErrorRatioOptions) -> Iterator[Finding]:
    """One finding per service that gets requests.

    Judged by the lower bound of the share, as few calls prove little.
    """
    inside = world.timeline.in_window
    series = world.services
    calls, errors = window_sum(series.calls, inside), window_sum(series.errors, inside)
    calls_before, errors_before = window_sum(series.calls, ~inside), window_sum(series.errors, ~inside)
    for service, row in by_service(series):
        if calls[row] < options.calls_min and not errors[row]:
            yield error_ratio.unknown(service, "too_few", {"calls": calls[row], "calls_min": options.calls_min})
            continue
        share = errors[row] / calls[row]
        usual = errors_before[row] / calls_before[row] if calls_before[row] else None
        verdict = options.verdict(ratio_low(errors[row], calls[row]))
        failed = np.divide(
            series.errors[row],
            series.calls[row],
            out=np.full(len(world.timeline), np.nan),
            where=series.calls[row] > 0,
        )
        yield error_ratio.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {"share": share, "errors": errors[row], "calls": calls[row], "usual": usual},
            value=share,
            threshold=options.threshold(verdict),
            chart=chart(Message("patrol.error_ratio_title"), "ratio", world.timeline, failed, high=options.warn_above),
        )
