"""New, gone, rare and rate-changed templates from counts alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.logtemplates.changes import Kind, changes, findings, without_history
from analytics.world import LogSeries, Timeline
from causeway.findings import Verdict
from causeway.messages import LANGUAGES, text

TIMELINE = Timeline(np.arange(40) * 60_000_000_000, np.arange(40) >= 30, 60_000_000_000)


def _logs(*rows: tuple[str, str, int, list[float]], before: float = 0.0) -> LogSeries:
    """Each row: service, template, severity number, and its counts a slot in the baseline and in the window."""
    meta = pd.DataFrame(
        [(service, at, template, "", severity) for at, (service, template, severity, _) in enumerate(rows, start=1)],
        columns=["service", "template_id", "template", "severity", "severity_number"],
    )
    counts = np.array([[usual] * 30 + [now] * 10 for _, _, _, (usual, now) in rows], np.float32)
    return LogSeries(meta, counts)


STEADY = ("cart", "steady", 9, [20.0, 20.0])


@pytest.mark.parametrize(
    ("usual", "now", "kind"),
    [(0.0, 5.0, Kind.NEW), (5.0, 0.0, Kind.GONE), (2.0, 8.0, Kind.MORE), (8.0, 2.0, Kind.LESS)],
)
def test_finds_changes(usual: float, now: float, kind: Kind) -> None:
    """Each kind of change is found for what it is, and the steady template beside it is not."""
    found = changes(_logs(STEADY, ("cart", "the one", 9, [usual, now])), TIMELINE)
    assert [(change.kind, change.template) for change in found] == [(kind, "the one")]
    assert found[0].lines == int(10 * now) and found[0].usual == pytest.approx(10 * usual)


def test_bursts_are_no_change() -> None:
    """A template that came in bursts before may do so again: rates are judged by their own scatter."""
    logs = _logs(STEADY, ("cart", "bursty", 9, [0.0, 0.0]))
    logs.counts[1, [3, 11, 19]] = 300
    logs.counts[1, 35] = 600
    assert changes(logs, TIMELINE) == []


def test_load_explains_more_lines() -> None:
    """Twice the requests, twice the lines: that is no change."""
    logs = _logs(STEADY, ("cart", "per request", 9, [10.0, 30.0]))
    assert [change.kind for change in changes(logs, TIMELINE)] == [Kind.MORE]
    assert not [change for change in changes(logs, TIMELINE, load={"cart": 3.0}) if change.kind is Kind.MORE]


def test_severity_weighs() -> None:
    """Of two equal changes the error comes first, and a fatal one is critical."""
    logs = _logs(
        STEADY, ("cart", "calm", 9, [0.0, 5.0]), ("cart", "bad", 17, [0.0, 5.0]), ("cart", "dead", 21, [0.0, 5.0])
    )
    found = changes(logs, TIMELINE)
    assert [change.template for change in found] == ["dead", "bad", "calm"]
    verdicts = [finding.verdict for finding in findings(logs, TIMELINE, found)]
    assert verdicts == [Verdict.CRITICAL, Verdict.WARNING, Verdict.OK]


def test_words_stand_in_for_a_severity() -> None:
    """A line without severity that speaks of an exception weighs as an error."""
    found = changes(_logs(STEADY, ("cart", "Unhandled exception in <*>", 0, [0.0, 5.0])), TIMELINE)
    assert found[0].severity_number == 17


def test_a_rare_error_is_named() -> None:
    """One error among many lines is worth a look although one line proves nothing; one debug line is not."""
    rows = _logs(STEADY, ("cart", "odd", 17, [0.0, 0.0]), ("cart", "dull", 5, [0.0, 0.0]))
    rows.counts[1:, 33] = 1
    assert [(change.kind, change.template) for change in changes(rows, TIMELINE)] == [(Kind.RARE, "odd")]


def test_without_history_nothing_is_new() -> None:
    """A service that logged nothing before is UNKNOWN, not new in everything."""
    logs = _logs(STEADY, ("fresh", "anything", 17, [0.0, 50.0]))
    assert changes(logs, TIMELINE) == [] and without_history(logs, TIMELINE) == ["fresh"]
    unknown = findings(logs, TIMELINE, [])
    assert [(finding.entity, finding.verdict) for finding in unknown] == [("fresh", Verdict.UNKNOWN)]


def test_slots_not_read_are_no_silence() -> None:
    """Where lines were not read, nothing is gone."""
    logs = _logs(STEADY, ("cart", "cut", 9, [5.0, 5.0]))
    logs.counts[1, 30:39] = np.nan
    assert changes(logs, TIMELINE) == []


def test_findings_read_in_both_languages() -> None:
    """Every kind has its sentence."""
    found = changes(_logs(STEADY, ("cart", "a {b} <*>", 17, [0.0, 5.0])), TIMELINE)
    for kind in Kind:
        finding = findings(_logs(STEADY), TIMELINE, [replace(found[0], kind=kind)])[0]
        assert all("a {b} <*>" in text(finding.reason, language) for language in LANGUAGES)


@given(st.integers(1, 200), st.integers(0, 200))
def test_chances_are_chances(usual: int, now: int) -> None:
    """p is in (0, 1], and the more a rate grows the smaller it is."""
    logs = _logs(STEADY, ("cart", "x", 9, [usual, now]))
    more = _logs(STEADY, ("cart", "x", 9, [usual, now + 50]))
    for change in changes(logs, TIMELINE):
        assert 0 < change.p <= 1 and change.score >= 0
    grown = [change.p for change in changes(more, TIMELINE) if change.kind is Kind.MORE]
    was = [change.p for change in changes(logs, TIMELINE) if change.kind is Kind.MORE]
    assert not (grown and was) or grown[0] <= was[0]


def test_no_lines_no_changes() -> None:
    """Nothing in, nothing out."""
    assert changes(_logs(), Timeline(TIMELINE.times_ns, TIMELINE.in_window, TIMELINE.step_ns)) == []
