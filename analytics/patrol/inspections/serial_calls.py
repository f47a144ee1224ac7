"""Calls one after the other that could be made side by side."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.patrol.habits import HabitOptions, habit
from analytics.patrol.inspection import inspection
from analytics.patterns import serial_calls as pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding


@inspection(
    "serial_calls", unit="ms", warn_above=0.2, critical_above=1.0, weight=0.2, options=HabitOptions, of_traces=True
)
def serial_calls(sample: TraceSample, options: HabitOptions) -> Iterator[Finding]:
    """One finding per place in the code that does it; one about everything where none does."""
    limits = Limits(serial_ratio=options.warn_above)
    return habit(serial_calls, pattern.serial_calls, sample, limits, options)
