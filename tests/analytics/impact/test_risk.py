"""Risk: what raises it, what is not known, and the shop's faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.callgraph.graph import call_graph
from analytics.impact.inherited import Failures, slow_sources
from analytics.impact.likelihood import (
    BURN_MAX,
    CALLS_MIN,
    FAILING,
    UNUSUAL,
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
from analytics.world import CallSeries, World
from causeway.findings import Finding, Message, Verdict
from causeway.messages import LANGUAGES
from causeway.window import HOUR_NS
from tests.worlds import FAULTS, empty_world, shop_world, usual_fault

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


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_broken_comes_first(kind: str, seed: int) -> None:
    """Its callers suffer too and matter more, but what they suffer counts where it comes from."""
    found = risks_of_world(shop_world(seed=seed, faults=[kind]))
    quiet = {one.service: one for one in risks_of_world(shop_world(seed=seed))}
    first = found[0]
    assert first.service == usual_fault(kind).entity
    assert first.likelihood > quiet[first.service].likelihood + 0.25
    assert [one.service for one in found] == [one.service for one in sorted(found, key=lambda one: -one.risk)]


def test_who_suffers_says_from_whom() -> None:
    """Failures of a callee are not the caller's budget, slowness of a callee not its anomaly, and both name it."""
    failing = {one.service: one for one in risks_of_world(shop_world(faults=["errors"]))}["frontend"]
    slow = {one.service: one for one in risks_of_world(shop_world(faults=["slow_db"]))}["catalog"]
    budget, anomaly = failing.parts[0], slow.parts[1]
    assert (budget.value, budget.reason.id) == (0.0, "risk.budget_inherited")
    assert budget.reason.values["callee"] in {"checkout", "orders"}
    assert (anomaly.value, anomaly.reason.id, anomaly.reason.values) == (
        0.0,
        "risk.anomaly_inherited",
        {"callee": "catalog-db"},
    )


def test_who_is_down_is_told_by_its_callers() -> None:
    """Calls that never arrive are failures of the callee, though it saw none of them."""
    world = shop_world(faults=["crash"])
    inside = np.flatnonzero(world.timeline.in_window)
    catalog, frontend = (Failures(world).of(name, inside) for name in ("catalog", "frontend"))
    assert catalog is not None and frontend is not None
    assert catalog.own > 0.1 * catalog.calls and frontend.errors > 0.05 * frontend.calls
    assert frontend.own < 0.01 * frontend.calls


def test_in_a_ring_nobody_is_the_source() -> None:
    """Two that call each other and are both slow each keep their own slowness; who calls them does not."""
    world = shop_world()
    pairs = [("a", "b"), ("b", "a"), ("web", "a")]
    edges = world.edges.iloc[:1].loc[world.edges.index[:1].repeat(3)].assign(
        caller=[caller for caller, _ in pairs], callee=[callee for _, callee in pairs]
    )  # fmt: skip
    slow = [Finding("latency", name, Verdict.WARNING, Message("patrol.latency_title")) for name in ("a", "b", "web")]
    assert slow_sources(replace(world, edges=edges), slow) == {"web": "a"}
    assert slow_sources(world, ()) == {}


@pytest.mark.parametrize("verdict", [Verdict.WARNING, Verdict.CRITICAL])
def test_a_worse_finding_never_lowers_the_risk(verdict: Verdict) -> None:
    """One more bad judgement about a service, raises its risk, or leaves it where its failures come from others; nobody
    else's changes."""
    world = shop_world()
    impacts = impact_scores(world, call_graph(world))
    usual = list(patrol(world, call_graph(world), impacts).findings)
    before = {one.service: one.risk for one in risks(world, impacts, usual)}
    for inspection in UNUSUAL:
        for service in ("frontend", "payment", "orders-db"):
            more = [*usual, Finding(inspection, service, verdict, Message(f"patrol.{inspection}_title"))]
            after = {one.service: one.risk for one in risks(world, impacts, more)}
            assert after[service] > before[service] or (inspection in FAILING and after[service] == before[service])
            assert all(after[name] == before[name] for name in before if name != service)


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
        return of(replace(world, services=series, edge_series=_none(world.edge_series)), "payment", "budget")

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


def renamed(world: World, findings: Sequence[Finding], names: Mapping[str, str]) -> tuple[World, list[Finding]]:
    """The same World with other names for its nodes."""

    def series(one: CallSeries) -> CallSeries:
        keys = one.keys.to_frame(index=False)
        own = [level for level in ("service", "caller", "callee") if level in keys]
        return replace(one, keys=pd.MultiIndex.from_frame(keys.assign(**{key: keys[key].map(names) for key in own})))

    events = world.events.assign(service=world.events["service"].map(lambda name: names.get(name, name)))
    meta = world.metrics.meta
    other = replace(
        world,
        nodes=world.nodes.rename(index=dict(names)),
        edges=world.edges.assign(caller=world.edges["caller"].map(names), callee=world.edges["callee"].map(names)),
        services=series(world.services),
        edge_series=series(world.edge_series),
        instances=series(world.instances),
        events=events,
        metrics=replace(world.metrics, meta=meta.assign(service=meta["service"].map(names))),
    )
    return other, [replace(one, entity=names.get(one.entity, one.entity)) for one in findings]


@settings(max_examples=10, deadline=None)
@given(kind=st.sampled_from(FAULTS), random=st.randoms(use_true_random=False))
def test_names_do_not_matter(kind: str, random: Random) -> None:
    """Whatever the nodes are called, each has the likelihood that it had, part by part."""
    world = shop_world(faults=[kind])
    impacts = impact_scores(world, call_graph(world))
    findings = patrol(world, call_graph(world), impacts).findings
    spread = {one.service: one.redundancy for one in impacts}
    given_names = [str(name) for name in world.nodes.index]
    names = dict(zip(given_names, random.sample(given_names, len(given_names)), strict=True))
    before = likelihood_parts(world, findings, spread)
    after = likelihood_parts(*renamed(world, findings, names), {names[name]: one for name, one in spread.items()})
    for name, parts in before.items():
        assert [one.value for one in after[names[name]]] == [one.value for one in parts], name


def test_a_service_without_data_is_never_first() -> None:
    """It is listed, everything about it is unknown, and it comes after all about which something speaks."""
    world = shop_world(faults=["errors"])
    silent = world.nodes.iloc[:1].rename(index={world.nodes.index[0]: "a-silent-one"})
    silent = silent.assign(calls=0, errors=0, type="service")
    world = replace(world, nodes=pd.concat([world.nodes, silent]))
    found = risks_of_world(world)
    one = next(each for each in found if each.service == "a-silent-one")
    assert one.risk == 0.0 and {"budget", "anomaly", "saturation", "fragility"} <= set(one.unknown)
    assert found[0].risk > 0 and risks_of_world(world) == found
