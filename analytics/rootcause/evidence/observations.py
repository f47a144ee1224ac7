"""What an evidence family hands over: many observations as columns, put into words only where asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analytics.anomalies.usual import usual_range
from analytics.rootcause.split import Split
from analytics.world import Timeline, World
from causeway.findings import Chart, Evidence, Message

CHART_POINTS_MAX = 400


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of one family: who, how unlikely by its own history, and how much of the harm it accounts for.

    entities: (n,) node ids. p: (n,) calibrated tail probability of harm, NaN where it cannot be told.
    excess: (n,) what went wrong in the unit of `currency` (ms, errors), NaN where the family has none.
    tell: the evidence of one row, in words and with its chart.
    """

    family: str
    entities: np.ndarray
    p: np.ndarray
    excess: np.ndarray
    currency: str
    tell: Callable[[int], Evidence]


Look = Callable[[Split], Observations]


class Prepare(Protocol):
    """One kind of evidence; pure, and blind to the other families.

    What is the same for every onset is done once, here; `first` is the split with the earliest onset that will be
    asked for, so that what lies before it is history for all of them.
    """

    def __call__(self, world: World, first: Split) -> Look: ...


def nothing(family: str) -> Observations:
    """No observation at all: the signal is missing."""
    none = np.zeros(0)
    return Observations(family, np.zeros(0, dtype=object), none, none, "", _untold)


def no_look(family: str) -> Look:
    """The look of a family whose signal is missing."""
    return lambda _: nothing(family)


def _untold(row: int) -> Evidence:
    raise IndexError(f"there is no observation {row}")


def chart(title: Message, unit: str, timeline: Timeline, values: np.ndarray, split: Split | None = None) -> Chart:
    """The series with its usual range, thinned to a few hundred points."""
    usual_until = ~timeline.in_window if split is None else split.before
    low, high = usual_range(values[None, :], ~usual_until)
    every = max(1, -(-len(values) // CHART_POINTS_MAX))
    kept = slice(None, None, every)
    return Chart(
        title=title,
        unit=unit,
        times_ns=tuple(int(time) for time in timeline.times_ns[kept]),
        values=tuple(float(value) if np.isfinite(value) else None for value in values[kept]),
        low=number(low[0]),
        high=number(high[0]),
    )


def number(value: float) -> float | None:
    """A plain float for a message; None for NaN and infinities."""
    return float(value) if np.isfinite(value) else None


def level(values: np.ndarray, slots: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The mean over those slots, weighted, of one series; NaN where nothing is known."""
    known = slots & np.isfinite(values)
    if weights is not None:
        known &= weights > 0
    if not known.any():
        return float("nan")
    return float(np.average(values[known], weights=None if weights is None else weights[known]))


def usual_level(values: np.ndarray, slots: np.ndarray) -> float:
    """The median over those slots of one series: faults in the history do not move it; NaN where unknown."""
    known = values[slots & np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
