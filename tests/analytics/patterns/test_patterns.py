"""Each pattern is found where it is planted, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.patterns.find import find_patterns
from analytics.traces.forest import build_forest
from causeway.findings import Finding, Verdict
from causeway.messages import LANGUAGES, text
from tests.analytics.made_traces import Made, call, renamed, table_of

TRACES = 6


def clean(at: int = 0) -> Made:
    """Two calls side by side and a lookup: nothing to complain about."""
    calls = (call("a", "b", "x", 5, 60), call("a", "c", "y", 5, 70 + at % 3))
    return Made("a", "top", 0, 100, calls)


def n_plus_one(at: int) -> Made:
    return Made("a", "top", 0, 300, tuple(call("a", "b", "item", 5 + 20 * place, 15) for place in range(12 + at % 2)))


def chatty(at: int) -> Made:
    steps = tuple(
        Made("a", f"step {step}", 150 * step, 140, tuple(call("a", "b", f"op {step}", 30 * n, 20) for n in range(4)),
             kind="INTERNAL")
        for step in range(6)
    )  # fmt: skip
    return Made("a", "top", 0, 900, steps)


def retried(at: int) -> Made:
    tries = [call("a", "b", "x", 20 * place, 10, failed=place < 2) for place in range(3)]
    return Made("a", "top", 0, 100, tuple(tries))


def amplified(at: int) -> Made:
    def tries(
        caller: str, callee: str, operation: str, took_ms: float, below: Callable[[], Sequence[Made]]
    ) -> list[Made]:
        return [
            call(caller, callee, operation, place * (took_ms + 5), took_ms, below(), failed=place < 2)
            for place in range(3)
        ]

    return Made("a", "top", 0, 400, tuple(tries("a", "b", "outer", 100, lambda: tries("b", "c", "inner", 20, list))))


def ring(at: int) -> Made:
    return Made("a", "top", 0, 100, (call("a", "b", "x", 5, 80, [call("b", "a", "back", 5, 60)]),))


def fan_out(at: int) -> Made:
    return Made("a", "top", 0, 100, tuple(call("a", "b", "x", place / 10, 90) for place in range(30)))


def abandoned(at: int) -> Made:
    server = Made("b", "slow", 1, 500)
    return Made("a", "top", 0, 110, (Made("a", "ask", 2, 100, (server,), kind="CLIENT", failed=True),))


def serial(at: int) -> Made:
    names = ("x", "y") if at % 2 else ("y", "x")
    return Made("a", "top", 0, 100, tuple(call("a", "b", name, 2 + 48 * place, 47) for place, name in enumerate(names)))


def in_order(at: int) -> Made:
    return Made("a", "top", 0, 100, tuple(call("a", "b", name, 2 + 48 * place, 47) for place, name in enumerate("xy")))


PLANTED = {
    "repeated_calls": n_plus_one,
    "chatty_pairs": chatty,
    "retry_storms": retried,
    "retry_amplification": amplified,
    "call_rings": ring,
    "fan_outs": fan_out,
    "abandoned_calls": abandoned,
    "serial_calls": serial,
}


def findings_of(make: Callable[[int], Made], *, traces: int = TRACES, seed: int = 0) -> tuple[Finding, ...]:
    return find_patterns(build_forest(table_of([[make(at)] for at in range(traces)], seed=seed)))


@pytest.mark.parametrize("pattern", PLANTED)
def test_what_is_planted_is_found(pattern: str) -> None:
    """The pattern's finding names the caller, says so in both languages, and gives an example trace that has it."""
    found = [one for one in findings_of(PLANTED[pattern]) if one.inspection == pattern]
    assert len(found) == 1
    assert found[0].entity == "a" and found[0].verdict in {Verdict.WARNING, Verdict.CRITICAL}
    for language in LANGUAGES:
        assert str(found[0].reason.values["example"]) in text(found[0].reason, language)
        assert found[0].remedy is not None and text(found[0].remedy, language)
    assert 1 <= int(str(found[0].reason.values["example"]), 16) <= TRACES


@pytest.mark.parametrize("pattern", PLANTED)
def test_nothing_else_is_found(pattern: str) -> None:
    """A planted pattern is not taken for another one; retries of retries are retries too."""
    expected = {pattern, "retry_storms"} if pattern == "retry_amplification" else {pattern}
    assert {one.inspection for one in findings_of(PLANTED[pattern])} == expected


@pytest.mark.parametrize("pattern", PLANTED)
def test_twice_is_no_habit(pattern: str) -> None:
    """Below the least number of traces there is no finding."""
    assert findings_of(PLANTED[pattern], traces=2) == ()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 20), st.integers(0, 1000))
def test_a_clean_system_is_silent(traces: int, seed: int) -> None:
    """However many traces, in whatever order: no finding."""
    assert findings_of(clean, traces=traces, seed=seed) == ()


@settings(max_examples=24, deadline=None)
@given(st.sampled_from(sorted(PLANTED)), st.integers(0, 1000))
def test_names_and_order_do_not_matter(pattern: str, seed: int) -> None:
    """Shuffled spans give the same findings; renamed services give them under the new names."""
    names = {"a": "zeta", "b": "alpha", "c": "m"}
    traces = [[PLANTED[pattern](at)] for at in range(TRACES)]
    plain = find_patterns(build_forest(table_of(traces)))
    assert find_patterns(build_forest(table_of(traces, seed=seed))) == plain
    other = find_patterns(build_forest(renamed(table_of(traces), names)))
    said = [(names[one.entity], one.inspection, one.verdict, one.value) for one in plain]
    assert sorted(said) == sorted((one.entity, one.inspection, one.verdict, one.value) for one in other)


def test_numbers_of_retries() -> None:
    """Three attempts a call; where both levels retry, nine attempts at the end."""
    (storm,) = findings_of(retried)
    assert storm.value == 3 and storm.verdict is Verdict.CRITICAL
    assert (storm.reason.values["retries"], storm.reason.values["calls"]) == (2 * TRACES, TRACES)
    chain = next(one for one in findings_of(amplified) if one.inspection == "retry_amplification")
    assert (chain.value, chain.reason.values["levels"]) == (9, 2)


def test_numbers_of_abandoned_calls() -> None:
    """How long the caller waited, how long the callee worked, and for how long for nobody."""
    (found,) = findings_of(abandoned)
    assert (found.value, found.reason.values["waited"], found.reason.values["worked"]) == (1, 100, 500)
    assert found.reason.values["wasted"] == pytest.approx(401)


def test_the_ring_is_spelt_out() -> None:
    """In the order of the calls."""
    (found,) = findings_of(ring)
    assert (found.reason.values["ring"], found.value) == ("a → b → a", 1)


def test_a_fixed_order_cannot_be_told() -> None:
    """Calls that always come in one order may need each other: UNKNOWN, with what it would save."""
    (found,) = findings_of(in_order)
    assert (found.inspection, found.verdict, found.value) == ("serial_calls", Verdict.UNKNOWN, 47)


def test_no_traces_no_findings() -> None:
    """Nothing to look at is nothing found; the command says that there was nothing."""
    assert find_patterns(build_forest(table_of([]))) == ()
