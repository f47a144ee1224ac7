"""Work that goes on after its caller gave up: a timeout longer than the caller's."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import abandoned_calls as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "abandoned_calls",
    unit="ratio",
    warn_above=0.01,
    critical_above=0.1,
    weight=0.2,
    options=HabitOptions,
    of_traces=True,
)
def abandoned_calls(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(abandoned=(options.warn_above, options.critical_above))
    return habit(abandoned_calls, pattern.abandoned_calls, sample, limits, options)
