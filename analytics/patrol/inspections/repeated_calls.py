"""N+1: one span makes the same call again and again, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import repeated_calls as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "repeated_calls", unit="", warn_above=10, critical_above=50, weight=0.2, options=HabitOptions, of_traces=True
)
def repeated_calls(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(repeated_calls=(options.warn_above, options.critical_above))
    return habit(repeated_calls, pattern.repeated_calls, sample, limits, options)
