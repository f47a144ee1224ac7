from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.patrol.score import overall, score
from causeway.findings import Finding, Message, Verdict

REASON = Message("patrol.crashed", {"error": ""})
findings = st.lists(
    st.builds(
        Finding,
        inspection=st.sampled_from(["a", "b"]),
        entity=st.sampled_from(["x", "y", "z"]),
        verdict=st.sampled_from(list(Verdict)),
        reason=st.just(REASON),
        impact=st.one_of(st.none(), st.floats(0, 100)),
    ),
    max_size=12,
)
WEIGHTS = {"a": 1.0, "b": 0.3}


def finding(verdict, entity="x", impact=100.0, inspection="a"):
    return Finding(inspection, entity, verdict, REASON, impact=impact)


@pytest.mark.parametrize(
    ("given_findings", "expected"),
    [
        ([], None),
        ([finding(Verdict.UNKNOWN)], None),
        ([finding(Verdict.OK), finding(Verdict.UNKNOWN, "y")], 100.0),
        ([finding(Verdict.CRITICAL)], 40.0),
        ([finding(Verdict.WARNING)], 85.0),
        ([finding(Verdict.CRITICAL, impact=0.0)], 97.0),
        ([finding(Verdict.CRITICAL), finding(Verdict.CRITICAL, inspection="b")], 40.0),
        ([finding(Verdict.CRITICAL), finding(Verdict.CRITICAL, "y")], 16.0),
        ([finding(Verdict.CRITICAL, inspection="b")], 82.0),
    ],
)
def test_score_follows_its_formula(given_findings, expected):
    """The documented formula, on cases that can be worked out by hand."""
    assert score(given_findings, WEIGHTS) == expected


@given(findings)
def test_score_is_within_its_scale_and_ignores_the_unknown(some):
    """0 to 100; None exactly when nothing was judged; UNKNOWN changes nothing."""
    value = score(some, WEIGHTS)
    judged = [one for one in some if one.verdict is not Verdict.UNKNOWN]
    assert (value is None) == (not judged)
    assert value is None or 0 <= value <= 100
    assert value == score(judged, WEIGHTS)


@given(findings, st.integers(0, 11))
def test_worse_never_raises_the_score(some, place):
    """Making any one judged finding worse cannot raise the score."""
    if place >= len(some) or some[place].verdict in {Verdict.UNKNOWN, Verdict.CRITICAL}:
        return
    worse = {Verdict.OK: Verdict.WARNING, Verdict.WARNING: Verdict.CRITICAL}[some[place].verdict]
    changed = [*some]
    changed[place] = finding(worse, some[place].entity, some[place].impact, some[place].inspection)
    assert score(changed, WEIGHTS) <= score(some, WEIGHTS)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, Verdict.UNKNOWN),
        ({"OK": 5}, Verdict.OK),
        ({"OK": 5, "UNKNOWN": 5}, Verdict.OK),
        ({"OK": 4, "UNKNOWN": 5}, Verdict.UNKNOWN),
        ({"OK": 50, "WARNING": 1}, Verdict.WARNING),
        ({"UNKNOWN": 50, "CRITICAL": 1, "WARNING": 3}, Verdict.CRITICAL),
    ],
)
def test_overall_verdict_is_the_worst_but_never_fine_in_the_dark(counts, verdict):
    """The worst judged verdict; OK only where at least half could be judged."""
    assert overall(counts) is verdict
