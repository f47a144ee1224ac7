"""Costly habits in traces as inspections: what `causeway patterns` finds, with the options of a patrol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from analytics.patrol.inspection import BAD, EVERYTHING, Inspection, Options
from analytics.patterns.calls import Calls
from analytics.patterns.find import Pattern
from analytics.patterns.pattern import Limits
from analytics.traces.sampling import TraceSample
from causeway.findings import Finding, Message, Verdict


@dataclass(frozen=True, slots=True)
class HabitOptions(Options):
    """Thresholds: from that number on. traces_min: in how many traces the habit must show."""

    traces_min: int = 3


def habit(
    one: Inspection, pattern: Pattern, sample: TraceSample, limits: Limits, options: HabitOptions
) -> Iterator[Finding]:
    """The findings of a pattern that are bad, in its own words; else one that says how many traces were looked at.

    What cannot be told from the traces stays with `causeway patterns`. UNKNOWN about everything with fewer than
    `traces_min` traces.
    """
    counts = {"traces": sample.forest.traces, "traces_min": options.traces_min}
    if sample.forest.traces < options.traces_min:
        yield _about_all(one, Verdict.UNKNOWN, "patrol.habit_too_few", counts)
        return
    found = pattern(Calls(sample.forest), replace(limits, traces_min=options.traces_min))
    bad = [replace(finding, inspection=one.name) for finding in found if finding.verdict in BAD]
    yield from bad
    if not bad:
        yield _about_all(one, Verdict.OK, "patrol.habit_fine", counts)


def _about_all(one: Inspection, verdict: Verdict, sentence: str, counts: dict[str, int]) -> Finding:
    return Finding(one.name, EVERYTHING, verdict, Message(sentence, {**counts}), unit=one.unit)
