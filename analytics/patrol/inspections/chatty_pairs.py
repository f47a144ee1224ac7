"""Two services that exchange many calls in every trace."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import chatty_pairs as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "chatty_pairs", unit="", warn_above=20, critical_above=100, weight=0.2, options=HabitOptions, of_traces=True
)
def chatty_pairs(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(chatty_calls=(options.warn_above, options.critical_above))
    return habit(chatty_pairs, pattern.chatty_pairs, sample, limits, options)
