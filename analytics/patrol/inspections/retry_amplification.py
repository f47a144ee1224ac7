"""Retries of retries: attempts that multiply over several levels."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import retries as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "retry_amplification", unit="", warn_above=4, critical_above=9, weight=0.2, options=HabitOptions, of_traces=True
)
def retry_amplification(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(amplified=(options.warn_above, options.critical_above))
    return habit(retry_amplification, pattern.retry_amplification, sample, limits, options)
