"""Services that get far fewer requests than they usually do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.patrol.inspection import Options, inspection
from analytics.patrol.numbers import by_service, chart, slots_of, window_sum
from analytics.world import World
from causeway.findings import Finding, Message, Verdict
from causeway.window import SECOND_NS

# A drop counts when chance makes it in less than one of 30,000 stretches (four standard deviations of a
# Poisson count).
_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class TrafficDropOptions(Options):
    """Thresholds are shares of the usual rate that are gone.

    lasting_s: how long the drop must last; calls_min: so many are expected in that time, or it cannot be
    told.
    """

    lasting_s: float = 180.0
    calls_min: int = 30


@inspection("traffic_drop", unit="ratio", warn_above=0.5, critical_above=0.9, options=TrafficDropOptions)
def traffic_drop(world: World, _graph: CallGraph, options: TrafficDropOptions) -> Iterator[Finding]:
    """One finding per service that got requests before.

    The emptiest stretch of the window against the usual rate.
    """
    inside = world.timeline.in_window
    series = world.services
    calls_before = window_sum(series.calls, ~inside)
    before_slots = _slots_with_data(world, ~inside)
    for service, row in by_service(series):
        rate = calls_before[row] / before_slots if before_slots else 0.0  # per slot
        slots = _stretch(rate, int(inside.sum()), slots_of(world.timeline, options.lasting_s), options.calls_min)
        stretch_s = slots * world.timeline.step_ns / SECOND_NS
        expected = rate * slots
        least, least_before = (_least(series.calls[row, part], slots) for part in (inside, ~inside))
        if expected < options.calls_min or least is None:
            values = {"expected": expected, "calls_min": options.calls_min, "lasting": stretch_s}
            yield traffic_drop.unknown(service, "too_few", values)
            continue
        lost = max(0.0, 1.0 - least / expected)
        by_chance = expected - least <= _DEVIATIONS * math.sqrt(expected)
        as_before = least_before is not None and least >= least_before
        verdict = Verdict.OK if by_chance or as_before else options.verdict(lost)
        yield traffic_drop.finding(
            service,
            verdict,
            "fine" if verdict is Verdict.OK else "off",
            {"rate": least / stretch_s, "usual": expected / stretch_s, "lost": lost, "lasting": stretch_s},
            value=lost,
            threshold=options.threshold(verdict),
            chart=chart(
                Message("patrol.traffic_drop_chart"),
                "/s",
                world.timeline,
                series.calls[row] / (world.timeline.step_ns / SECOND_NS),
                low=expected / stretch_s * (1 - options.warn_above),
            ),
        )


def _stretch(rate: float, window_slots: int, slots: int, calls_min: int) -> int:
    """How many slots to look at together: longer where a service is quiet, at most the whole window."""
    wanted = math.ceil(calls_min / rate) if rate > 0 else slots
    return min(window_slots, max(slots, wanted))


def _slots_with_data(world: World, mask: np.ndarray) -> int:
    """Slots from the first to the last with any request in the masked part.

    History may be shorter than the baseline.
    """
    busy = np.flatnonzero(np.nansum(world.services.calls[:, mask], axis=0) > 0)
    return int(busy[-1] - busy[0] + 1) if len(busy) else 0


def _least(calls: np.ndarray, slots: int) -> float | None:
    """The fewest calls in any `slots` neighbouring slots; None when there are not that many."""
    if len(calls) < slots:
        return None
    summed = np.cumsum(np.concatenate(([0.0], np.nan_to_num(calls))))
    return float((summed[slots:] - summed[:-slots]).min())
