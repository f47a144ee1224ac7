"""Calls that need several attempts."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import retries as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "retry_storms", unit="", warn_above=1.2, critical_above=2.0, weight=0.2, options=HabitOptions, of_traces=True
)
def retry_storms(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(attempts=(options.warn_above, options.critical_above))
    return habit(retry_storms, pattern.retry_storms, sample, limits, options)
