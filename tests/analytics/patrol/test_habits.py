"""Inspections of traces: habits that cost time or load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from analytics.callgraph.graph import call_graph
from analytics.patrol.inspection import inspections
from analytics.patrol.run import patrol
from analytics.traces.forest import build_forest
from analytics.traces.sampling import TraceSample
from analytics.traces.spreading import Spread
from causeway.findings import PatrolReport, Verdict
from causeway.messages import LANGUAGES, text
from causeway.window import Window
from tests.analytics.made_traces import Made, table_of
from tests.analytics.patrol.patrols import world_of
from tests.analytics.patterns.test_patterns import PLANTED, TRACES, clean

HABITS = sorted(one.name for one in inspections() if one.of_traces)


def sample_of(make: Callable[[int], Made], traces: int = TRACES) -> TraceSample:
    forest = build_forest(table_of([[make(at)] for at in range(traces)]))
    window = Window(0, 1)
    return TraceSample(forest, window, Spread.EVEN, (window,), traces, len(forest), traces, capped=False)


def report_with(sample: Callable[[], TraceSample] | None, config: dict[str, object] | None = None) -> PatrolReport:
    world = world_of()
    return patrol(world, call_graph(world), (), config, traces=sample)


def verdicts(report: PatrolReport) -> dict[str, Verdict]:
    return {one.inspection: one.verdict for one in report.findings if one.inspection in HABITS}


def test_there_is_an_inspection_for_every_pattern() -> None:
    """What `causeway patterns` finds, a patrol finds too."""
    assert set(PLANTED) == set(HABITS)


@pytest.mark.parametrize("name", HABITS)
def test_a_habit_is_found_with_its_number_and_remedy(name: str) -> None:
    """The finding is about the service that does it, has a value, and says in both languages what and what to do."""
    report = report_with(lambda: sample_of(PLANTED[name]))
    found = next(one for one in report.findings if one.inspection == name)
    assert found.entity == "a" and found.verdict in {Verdict.WARNING, Verdict.CRITICAL} and found.value is not None
    for language in LANGUAGES:
        assert text(found.reason, language) and found.remedy is not None and text(found.remedy, language)


def test_a_clean_system_has_nothing_to_say() -> None:
    """Every habit is looked for and none is found: OK about everything, with the number of traces."""
    report = report_with(lambda: sample_of(clean))
    assert verdicts(report) == dict.fromkeys(HABITS, Verdict.OK)
    said = next(one for one in report.findings if one.inspection == HABITS[0])
    assert str(TRACES) in text(said.reason) and text(said.reason, "zh-CN")


@pytest.mark.parametrize("traces", [0, 2])
def test_without_traces_it_cannot_be_told(traces: int) -> None:
    """No spans, or too few traces, are UNKNOWN with the reason, never fine."""
    report = report_with(lambda: sample_of(clean, traces))
    assert verdicts(report) == dict.fromkeys(HABITS, Verdict.UNKNOWN)
    said = next(one for one in report.findings if one.inspection == HABITS[0])
    assert all(text(said.reason, language) for language in LANGUAGES)


def test_traces_are_read_once_and_only_when_asked_for() -> None:
    """All inspections share one sample; with all off nothing is read; without a source they are left out."""
    asked = []

    def read() -> TraceSample:
        asked.append(1)
        return sample_of(clean)

    report_with(read)
    assert len(asked) == 1
    off = {name: {"enabled": False} for name in HABITS}
    assert verdicts(report_with(read, off)) == {} and len(asked) == 1
    assert verdicts(report_with(None)) == {}


def test_thresholds_are_those_of_the_patrol() -> None:
    """A higher limit lets the same calls pass; a lower one makes them CRITICAL."""
    for limits, verdict in (((200, 300), Verdict.OK), ((2, 3), Verdict.CRITICAL)):
        config = {"repeated_calls": {"warn_above": limits[0], "critical_above": limits[1]}}
        report = report_with(lambda: sample_of(PLANTED["repeated_calls"]), config)  # type: ignore[arg-type]
        assert verdicts(report)["repeated_calls"] is verdict


def test_a_sample_that_cannot_be_read_is_unknown() -> None:
    """A failing read becomes findings that say so; the other inspections go on."""

    def broken() -> TraceSample:
        raise RuntimeError("disk on fire")

    report = report_with(broken)
    assert verdicts(report) == dict.fromkeys(HABITS, Verdict.UNKNOWN)
    assert len(report.findings) > len(HABITS)
