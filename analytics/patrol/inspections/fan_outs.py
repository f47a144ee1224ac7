"""One span that has many calls under way at once."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import fan_outs as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection("fan_outs", unit="", warn_above=20, critical_above=100, weight=0.2, options=HabitOptions, of_traces=True)
def fan_outs(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(fan_out=(options.warn_above, options.critical_above))
    return habit(fan_outs, pattern.fan_outs, sample, limits, options)
