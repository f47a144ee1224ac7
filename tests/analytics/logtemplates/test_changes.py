"""New, gone, rare and rate-changed templates from counts alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.logtemplates.changes import CRITICAL_ABOVE, Kind, changes, without_history
from analytics.world import LogSeries, Timeline
from causeway.findings import Verdict

TIMELINE = Timeline(np.arange(40) * 60_000_000_000, np.arange(40) >= 30, 60_000_000_000)


def _logs(*rows: tuple[str, str, int, list[float]]) -> LogSeries:
    """Each row: service, template, severity number, and its counts a slot in the baseline and in the window."""
    meta = pd.DataFrame(
        [(service, at, template, "", severity) for at, (service, template, severity, _) in enumerate(rows, start=1)],
        columns=["service", "template_id", "template", "severity", "severity_number"],
    )
    counts = np.array([[usual] * 30 + [now] * 10 for _, _, _, (usual, now) in rows], np.float32).reshape(len(rows), 40)
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
    assert [change.verdict for change in found] == [Verdict.CRITICAL, Verdict.WARNING, Verdict.OK]


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


def test_a_short_history_is_none() -> None:
    """A service that began to log just before the window is UNKNOWN; before its first line it was not silent."""
    logs = _logs(STEADY, ("fresh", "hello", 9, [0.0, 20.0]), ("fresh", "bad", 17, [0.0, 5.0]))
    logs.counts[1, 27:30] = 20
    assert without_history(logs, TIMELINE) == ["fresh"] and changes(logs, TIMELINE) == []
    logs.counts[1, 20:30] = 20
    assert without_history(logs, TIMELINE) == []
    assert [(change.kind, change.template) for change in changes(logs, TIMELINE)] == [(Kind.NEW, "bad")]


def test_a_last_burst_is_no_habit() -> None:
    """Lines that came in one slot just before the window do not vanish by not coming again."""
    logs = _logs(STEADY, ("quiet", "burst", 17, [0.0, 0.0]))
    logs.counts[1, 29] = 40
    assert changes(logs, TIMELINE) == []


def test_fewer_errors_are_no_alarm() -> None:
    """An error that no longer comes is named, and calm."""
    found = changes(_logs(STEADY, ("cart", "bad", 17, [20.0, 0.0])), TIMELINE)
    assert [(change.kind, change.verdict) for change in found] == [(Kind.GONE, Verdict.OK)]


def test_first_and_last_lines_are_dated() -> None:
    """When a template was first and last seen is the begin of that slot."""
    logs = _logs(STEADY, ("cart", "bad", 17, [0.0, 0.0]))
    logs.counts[1, 33:36] = 30
    (found,) = changes(logs, TIMELINE)
    assert (found.first_ns, found.last_ns) == (33 * 60_000_000_000, 35 * 60_000_000_000)


def test_slots_not_read_are_no_silence() -> None:
    """Where lines were not read, nothing is gone."""
    logs = _logs(STEADY, ("cart", "cut", 9, [5.0, 5.0]))
    logs.counts[1, 30:39] = np.nan
    assert changes(logs, TIMELINE) == []


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


SEVERITIES = (0, 1, 9, 13, 17, 21)
LINES = st.tuples(
    st.sampled_from(["cart", "orders", "mail"]),
    st.sampled_from(SEVERITIES),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sets(st.integers(0, 39), max_size=5),
)


def _drawn(rows: list[tuple[str, int, int, int, set[int]]]) -> LogSeries:
    """Templates with those rates, bursts in some slots, and slots that were not read where the rates are equal."""
    logs = _logs(*((service, f"words {i}", severity, [a, b]) for i, (service, severity, a, b, _) in enumerate(rows)))
    for row, (_, _, a, b, slots) in enumerate(rows):
        logs.counts[row, sorted(slots)] = np.nan if a == b else 500
    return logs


def _told(logs: LogSeries) -> list[tuple[object, ...]]:
    return [
        (one.kind, one.service, one.template, one.lines, one.usual, one.p, one.score) for one in changes(logs, TIMELINE)
    ]


@given(st.lists(LINES, max_size=12))
def test_scores_are_finite_and_in_range(rows: list[tuple[str, int, int, int, set[int]]]) -> None:
    """Whatever comes in, every number is finite, scores are in [0, 24], the order is by score; nothing is changed."""
    logs = _drawn(rows)
    counts, meta = logs.counts.copy(), logs.meta.copy()
    found = changes(logs, TIMELINE)
    assert all(np.isfinite([one.p, one.score, one.usual]).all() for one in found)
    assert all(0 <= one.score <= 24 and 0 < one.p <= 1 and one.first_ns <= one.last_ns for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert not {one.service for one in found} & set(without_history(logs, TIMELINE))
    np.testing.assert_array_equal(logs.counts, counts)
    pd.testing.assert_frame_equal(logs.meta, meta)
    assert changes(logs, TIMELINE) == found


@given(st.lists(LINES, max_size=12), st.randoms(use_true_random=False))
def test_order_and_names_change_nothing(rows: list[tuple[str, int, int, int, set[int]]], random) -> None:
    """Shuffled rows give the same answer; renamed services and templates the same numbers under the new names."""
    logs = _drawn(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = LogSeries(logs.meta.iloc[order].reset_index(drop=True), logs.counts[order])
    assert _told(shuffled) == _told(logs)
    renamed = logs.meta.assign(service="z" + logs.meta["service"], template="other " + logs.meta["template"])
    again = {
        (s.removeprefix("z"), t.removeprefix("other "), *rest)
        for _, s, t, *rest in _told(LogSeries(renamed, logs.counts))
    }
    assert again == {(s, t, *rest) for _, s, t, *rest in _told(logs)}


@given(
    st.lists(
        st.tuples(st.sampled_from(["cart", "orders"]), st.sampled_from(SEVERITIES[:3]), st.integers(1, 60)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 50),
    st.sampled_from([17, 21]),
)
def test_an_injected_error_ranks_first(steady: list[tuple[str, int, int]], rate: int, severity: int) -> None:
    """Among templates that go on as before, or that fall silent, a new error is the first to be named."""
    rows = [
        (service, f"words {i}", one, [usual, usual if i % 3 else 0]) for i, (service, one, usual) in enumerate(steady)
    ]
    logs = _logs(STEADY, *rows, ("cart", "injected", severity, [0, rate]), ("silent", "nothing", 17, [0, 0]))
    found = changes(logs, TIMELINE)
    assert found[0].template == "injected" and found[0].verdict is not Verdict.OK
    assert (found[0].score > CRITICAL_ABOVE) == (severity == 21)
    assert "silent" not in {one.service for one in found} | set(without_history(logs, TIMELINE))
