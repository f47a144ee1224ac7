"""Risk: what raises it, what is not known, and the shop's faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.callgraph.graph import call_graph
from analytics.impact.likelihood import (
    BURN_MAX,
    CALLS_MIN,
    WEIGHTS,
    LikelihoodPart,
    likelihood,
    likelihood_parts,
)
from analytics.impact.placement import Redundancy
from analytics.impact.risk import Risk, risk_json, risk_verdict, risks
from analytics.impact.scores import impact_scores
from analytics.impact.show_risk import risks_csv
from analytics.patrol.run import patrol
from analytics.world import World
from causeway.findings import Finding, Message, Verdict
from causeway.messages import LANGUAGES
from causeway.window import HOUR_NS
from tests.worlds import Fault, empty_world, shop_world

values = st.none() | st.floats(0, 1)


def part(name: str, value: float | None) -> LikelihoodPart:
    return LikelihoodPart(name, value, WEIGHTS[name], Message("risk.change_none"))


def risks_of_world(world: World) -> tuple[Risk, ...]:
    impacts = impact_scores(world, call_graph(world))
    return risks(world, impacts, patrol(world, call_graph(world), impacts).findings)


def of(world: World, service: str, name: str, findings: Sequence[Finding] = ()) -> LikelihoodPart:
    found = likelihood_parts(world, findings, {})[service]
    return next(one for one in found if one.name == name)


@given(st.lists(values, min_size=5, max_size=5), st.integers(0, 4), st.floats(0, 1))
def test_one_more_reason_never_lowers_the_likelihood(parts: list[float | None], place: int, worse: float) -> None:
    """In [0, 1), whatever is known; a worse part raises it; an unknown part counts as nothing."""
    made = [part(name, value) for name, value in zip(WEIGHTS, parts, strict=True)]
    found = likelihood(made)
    assert 0.0 <= found < 1.0
    higher = max(worse, parts[place] or 0.0)
    raised = [replace(one, value=higher) if i == place else one for i, one in enumerate(made)]
    assert likelihood(raised) >= found - 1e-12
    assert likelihood([one for one in made if one.value is not None]) == pytest.approx(found)


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        (Fault("errors", "payment"), "payment"),
        (Fault("slow_db", "orders-db"), "orders-db"),
        (Fault("cpu", "recommendations"), "recommendations"),
        (Fault("leak", "cart"), "cart"),
        (Fault("release", "checkout"), "checkout"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.kind,
)
def test_what_is_broken_is_likely_to_fail(fault: Fault, first: str) -> None:
    """The broken service is among the likeliest, and its risk is well above what it is on a quiet day."""
    found = {one.service: one for one in risks_of_world(shop_world(faults=[fault]))}
    quiet = {one.service: one for one in risks_of_world(shop_world())}
    likeliest = sorted(found.values(), key=lambda one: -one.likelihood)[:3]
    assert first in {one.service for one in likeliest}
    assert found[first].likelihood > quiet[first].likelihood + 0.25
    assert risk_verdict(list(found.values())).rank >= risk_verdict(list(quiet.values())).rank
    assert list(found) == [one.service for one in sorted(found.values(), key=lambda one: -one.risk)]


def test_a_quiet_day_is_no_risk() -> None:
    """Nothing unusual: no verdict, and every part is told in words in both languages."""
    found = risks_of_world(shop_world())
    assert risk_verdict(found) is Verdict.OK
    for one in found:
        assert one.risk == pytest.approx(one.likelihood * one.impact) and 0 <= one.risk <= 100
        assert tuple(each.name for each in one.parts) == tuple(WEIGHTS)
        for language in LANGUAGES:
            document = risk_json(one, language)
            assert all("{" not in each["reason"] and each["reason"][:5] != "risk." for each in document["parts"])


def test_nothing_seen_is_unknown() -> None:
    """An empty World has no risks, and a service about which nothing is known has none either, and says so."""
    assert risks_of_world(empty_world()) == ()
    assert risk_verdict(()) is Verdict.UNKNOWN
    world = shop_world()
    blind = replace(
        world,
        nodes=world.nodes[world.nodes.index == "mailer"],
        services=_none(world.services), edge_series=_none(world.edge_series), instances=_none(world.instances),
        events=world.events.iloc[:0],
        metrics=replace(world.metrics, meta=world.metrics.meta.iloc[:0], values=world.metrics.values[:0]),
        seen={**world.seen, "events": (0, 0)},
    )  # fmt: skip
    assert [one.value for one in likelihood_parts(blind, (), {})["mailer"]] == [None] * len(WEIGHTS)


def _none(series):
    matrices = ("calls", "errors", "latency_ms_mean", "latency_ms_p50", "latency_ms_p99", "self_ms", "gap_ms")
    kept = {name: None if getattr(series, name) is None else getattr(series, name)[:0] for name in matrices}
    return replace(series, keys=series.keys[:0], **kept)


def test_the_budget_counts_what_still_burns() -> None:
    """Errors at BURN_MAX times the allowed pace are certain; those that ended are told, not counted."""
    world = shop_world()
    row = list(world.services.keys.get_level_values("service")).index("payment")
    inside = np.flatnonzero(world.timeline.in_window)

    def burning(share: float, slots: np.ndarray, calls: float = 1000.0) -> LikelihoodPart:
        series = replace(world.services, calls=world.services.calls.copy(), errors=world.services.errors.copy())
        series.calls[row, inside], series.errors[row, inside] = calls, 0.0
        series.errors[row, slots] = calls * share
        return of(replace(world, services=series), "payment", "budget")

    assert burning(0.0, inside).value == 0.0
    assert burning(0.02, inside).value == 1.0
    half = burning(0.001 * BURN_MAX**0.5, inside).value
    assert half is not None and 0.4 < half < 0.6
    over = burning(0.5, inside[: len(inside) // 2])
    assert (over.value, over.reason.id) == (0.0, "risk.budget_over")
    few = burning(0.5, inside, calls=CALLS_MIN / len(inside) / 2)
    assert (few.value, few.reason.id) == (None, "risk.budget_few")


def test_a_change_counts_less_with_every_hour() -> None:
    """Half after an hour; a service whose version is told and stays has none."""
    world = shop_world()
    assert of(world, "payment", "change").value == 0.0
    for age_h, value in ((0, 1.0), (1, 0.5), (2, 0.25)):
        event = {"time_ns": world.window.end_ns - 1 - age_h * HOUR_NS, "kind": "deploy", "service": "payment"}
        events = world.events.iloc[:0].reindex([0]).assign(**dict.fromkeys(("entity", "message", "reason"), ""))
        events = events.assign(**event)
        assert of(replace(world, events=events), "payment", "change").value == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("known", "value"),
    [
        (None, None), (Redundancy(None, None, None), None), (Redundancy(1, 1, 1), 1.0), (Redundancy(3, 1, 1), 0.7),
        (Redundancy(3, 3, 1), 0.3), (Redundancy(3, None, None), 0.0), (Redundancy(3, 2, 2), 0.0),
    ],
)  # fmt: skip
def test_few_places_are_fragile(known: Redundancy | None, value: float | None) -> None:
    """One instance, one node, one zone; unknown stays unknown."""
    world = shop_world()
    spread = {} if known is None else {"payment": known}
    parts = {one.name: one for one in likelihood_parts(world, (), spread)["payment"]}
    assert parts["fragility"].value == value


def test_the_worst_finding_is_the_reason() -> None:
    """Judgements of patrol that are not about the service, or not about the unusual, do not count."""
    world = shop_world()

    def finding(inspection: str, verdict: Verdict, entity: str = "payment") -> Finding:
        return Finding(inspection, entity, verdict, Message(f"patrol.{inspection}_title"))

    mild, grave = finding("latency", Verdict.WARNING), finding("error_ratio", Verdict.CRITICAL)
    assert of(world, "payment", "anomaly", [mild]).value == 0.5
    worst = of(world, "payment", "anomaly", [mild, grave])
    assert (worst.value, worst.reason) == (1.0, grave.reason)
    others = [finding("error_ratio", Verdict.CRITICAL, "cart"), finding("clock_skew", Verdict.WARNING)]
    assert of(world, "payment", "anomaly", others).value is None
    assert of(world, "payment", "anomaly", [finding("latency", Verdict.UNKNOWN)]).value is None
    assert of(world, "payment", "anomaly", [finding("latency", Verdict.OK)]).value == 0.0


def test_csv_has_a_column_for_each_part() -> None:
    """What is not known is empty."""
    lines = risks_csv(risks_of_world(shop_world())).splitlines()
    assert lines[0] == "service,type,risk,likelihood,impact,budget,anomaly,saturation,change,fragility,summary"
    database = next(line for line in lines if line.startswith("orders-db,"))
    assert ",,," in database
