"""Services that are called again while they wait."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import call_rings as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "call_rings", unit="ratio", warn_above=0.0, critical_above=1.0, weight=0.2, options=HabitOptions, of_traces=True
)
def call_rings(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits()
    return habit(call_rings, pattern.call_rings, sample, limits, options)
