"""Blast radius and what-if, on traces whose answers are known, and their properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.impact.blast import BlastRadius, blast_radius
from analytics.impact.model import ImpactModel, Method, impact_model
from analytics.impact.scores import scores_of
from analytics.impact.target import Target, TargetKind, edge, parse_target, service
from analytics.impact.whatif import ChangeKind, parse_change, slowed, what_if
from causeway.errors import ConfigError
from tests.analytics.graphs import graph_of
from tests.analytics.impact.made_models import model_of, of_spans, shop_traces
from tests.analytics.made_traces import Made, call, renamed, table_of


@pytest.fixture(scope="module")
def shop() -> ImpactModel:
    return model_of(shop_traces())[1]


def failing(found: BlastRadius) -> dict[str, float]:
    return {one.service: one.probability for one in found.victims}


def losses(found: BlastRadius) -> dict[str, float]:
    return {one.operation: one.failing for one in found.journeys}


def test_failures_that_came_through_are_told_from_those_that_did_not(shop: ImpactModel) -> None:
    """Of the calls that were seen lost, those to cart made their caller fail and those to ads never did."""
    by_pair = {(one.caller, one.callee): one for one in shop.transmissions}
    cart, ads, payment = (by_pair["web", name] for name in ("cart", "ads", "payment"))
    assert (cart.lost, cart.lost_failed, cart.measured) == (6, 6, True) and cart.errors > 0.85
    assert (ads.lost, ads.lost_failed, ads.measured) == (6, 0, True) and ads.errors < 0.15
    assert not payment.measured and payment.lost == 0
    assert cart.errors_low <= cart.errors <= cart.errors_high
    assert cart.delay == pytest.approx(1.0) and shop.sample.failures == 12


def test_who_is_hit(shop: ImpactModel) -> None:
    """Cart takes its callers down and its callees' work away; nobody minds ads."""
    found = blast_radius(shop, service("cart"))
    assert found.method is Method.TRACES and failing(found)["web"] > 0.85
    assert found.victims[0].path == ("cart", "web") and found.victims[0].touched == pytest.approx(1.0)
    assert {one.service for one in found.starved} == {"ads", "payment", "redis"}
    assert failing(blast_radius(shop, service("ads"))).get("web", 0.0) < 0.15
    redis = failing(blast_radius(shop, service("redis")))
    assert redis["web"] <= redis["cart"] <= 1.0


def test_a_journey_loses_what_it_needs(shop: ImpactModel) -> None:
    """Payment is called by orders alone; those that never came so far do not need it."""
    lost = blast_radius(shop, service("payment"))
    by_operation = {one.operation: one for one in lost.journeys}
    assert by_operation["GET /cart"].failing == by_operation["GET /cart"].touched == 0.0
    orders = by_operation["POST /order"]
    assert 0.85 < orders.touched < 1.0 and 0 < orders.failing <= orders.touched
    assert lost.failing == pytest.approx(sum(one.share * one.failing for one in lost.journeys))


@pytest.mark.parametrize(
    ("written", "share"),
    [("operation:cart › GET /cart", 1.0), ("instance:cart › cart-0", 0.5), ("web -> cart", 1.0), ("cart", 1.0)],
)
def test_parts_of_a_service_fail_for_their_share(shop: ImpactModel, written: str, share: float) -> None:
    """An operation, an instance or the calls of one caller hit as many requests as use them."""
    found = blast_radius(shop, parse_target(written))
    assert found.failing is not None and 0.85 * share < found.failing <= share + 0.01


def test_unknown_targets_are_told_what_there_is(shop: ImpactModel) -> None:
    """The error names the candidates."""
    for written, named in (
        ("basket", "'cart'"), ("web -> redis", "'web -> cart'"), ("instance:cart › cart-9", "cart › cart-1"),
        ("host:n1", "none at all"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=named):
            blast_radius(shop, parse_target(written))
    with pytest.raises(ConfigError, match="no target"):
        parse_target("operation:cart")


def test_slowing_adds_what_callers_wait_for(shop: ImpactModel) -> None:
    """Cart is waited for by everybody; a factor counts on own time only."""
    effect = {one.operation: one for one in what_if(shop, slowed(service("cart"), "200ms")).journeys}
    assert all(one.added_ms_mean == pytest.approx(200.0) for one in effect.values())
    twice = what_if(shop, slowed(service("cart"), "x2"))
    assert twice.added_ms_mean == pytest.approx(20.0)  # 40 ms, of which redis takes 20
    assert twice.failing is None and not twice.victims and twice.assumptions


def test_nobody_waits_for_the_quicker_of_two() -> None:
    """Of two calls at the same time the one that ends later decides."""
    below = (call("web", "quick", "GET", 0, 30), call("web", "slow", "GET", 0, 90))
    model = model_of([[Made("web", "GET /", 0, 100, below)] for _ in range(5)])[1]
    assert what_if(model, slowed(service("quick"), "40ms")).added_ms_mean == pytest.approx(0.0)
    assert what_if(model, slowed(service("quick"), "100ms")).added_ms_mean == pytest.approx(40.0)
    assert what_if(model, slowed(service("slow"), "100ms")).added_ms_mean == pytest.approx(100.0)


def test_removing_an_instance_leaves_the_rest_with_its_load(shop: ImpactModel) -> None:
    """The answer says who takes over, and that it holds until then."""
    found = what_if(shop, parse_change("instance:cart › cart-0", None, None))
    shift = found.shifts[0]
    assert (shift.service, shift.instances, shift.left, shift.factor) == ("cart", 2, 1, 2.0)
    assert "impact.assume_not_rerouted" in {one.id for one in found.assumptions}
    assert found.failing == blast_radius(shop, Target(TargetKind.INSTANCE, "cart", "cart-0")).failing


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((None, None, None), "either --remove"),
        (("cart", "cart", None), "either --remove"),
        (("cart", None, "200ms"), "goes with --slow"),
        ((None, "cart", None), "needs --by"),
        ((None, "cart", "x0.5"), "above 1"),
        ((None, "cart", "much"), "not a duration"),
    ],
)
def test_questions_that_say_too_little(options: tuple[str | None, str | None, str | None], reason: str) -> None:
    """What is missing is named."""
    with pytest.raises(ConfigError, match=reason):
        parse_change(*options)


def test_changes_are_read_as_written() -> None:
    """Times and factors."""
    assert parse_change("a -> b", None, None).target == edge("a", "b")
    assert parse_change(None, "cart", "1.5s").delay_ms == 1500.0
    change = parse_change(None, "cart", "×3")
    assert (change.kind, change.factor) == (ChangeKind.SLOW, 3.0)


def test_renaming_changes_nothing(shop: ImpactModel) -> None:
    """Names do not matter: neither to what was learned nor to who is hit."""
    names = {"web": "a", "cart": "z", "redis": "m", "ads": "b", "payment": "y"}
    other = of_spans(renamed(table_of(shop_traces()), names), 60)[1]
    for name, new in names.items():
        here, there = blast_radius(shop, service(name)), blast_radius(other, service(new))
        assert {names[key]: value for key, value in failing(here).items()} == pytest.approx(failing(there))
        assert losses(here) == pytest.approx(losses(there))


def test_without_spans_the_graph_is_asked() -> None:
    """Rollups alone tell services and edges, with the prior as transmission; finer targets need spans."""
    graph = graph_of([("web", "cart", 100), ("cart", "redis", 100), ("web", "ads", 10)], {"web": 100})
    model = impact_model(graph)
    found = blast_radius(model, service("redis"))
    prior = model.sample.prior
    assert found.method is Method.GRAPH
    assert failing(found) == pytest.approx({"cart": prior, "web": prior**2})
    assert {one.id for one in found.unknown} == {"impact.unknown_graph"}
    assert failing(blast_radius(model, edge("web", "ads"))) == pytest.approx({"web": 0.1 * prior})
    with pytest.raises(ConfigError, match="holds none"):
        what_if(model, slowed(service("cart"), "x2"))


NAMES = "abcdef"
edges_strategy = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(1, 100)),
    min_size=1,
    max_size=14,
    unique_by=lambda one: one[:2],
)


@settings(max_examples=60, deadline=None)
@given(edges_strategy, st.sampled_from(NAMES), st.permutations(NAMES))
def test_chances_are_chances_on_any_graph(edges: list[tuple[str, str, int]], failed: str, other: list[str]) -> None:
    """Rings break nothing; only who calls the target, in any number of steps, is hit; names do not matter."""
    graph = graph_of(edges, {edges[0][0]: 50}, alone=NAMES)
    before = graph.edges.copy(deep=True)
    found = blast_radius(impact_model(graph), service(failed))
    assert all(0.0 <= one.probability <= 1.0 for one in found.victims)
    assert found.failing is not None and 0.0 <= found.failing <= 1.0
    callers = {failed}
    while more := {caller for caller, callee, _ in edges if callee in callers} - callers:
        callers |= more
    assert set(failing(found)) <= callers - {failed}
    rename = dict(zip(NAMES, other, strict=True))
    moved = graph_of([(rename[a], rename[b], n) for a, b, n in edges], {rename[edges[0][0]]: 50}, alone=NAMES)
    there = failing(blast_radius(impact_model(moved), service(rename[failed])))
    assert {rename[name]: chance for name, chance in failing(found).items()} == pytest.approx(there, abs=1e-6)
    assert graph.edges.equals(before)


def test_scores_measure_what_fails(shop: ImpactModel) -> None:
    """With sampled requests, what is needed and what only is called differ."""
    graph, model = model_of(shop_traces())
    scored = {one.service: one for one in scores_of(graph, model)}
    assert scored["ads"].method is Method.TRACES
    assert scored["cart"].failing is not None and scored["cart"].failing > 0.85
    assert scored["ads"].failing is not None and scored["ads"].failing < 0.15
    assert scored["ads"].entry_share is not None and scored["ads"].entry_share > 0.85
    assert scored["cart"].impact > scored["ads"].impact
    assert {one.operation for one in scored["payment"].journeys if one.touched} == {"POST /order"}
    assert all(np.isfinite(one.impact) for one in scored.values())
    assert [replace(one, journeys=()) for one in scores_of(graph, model)] == [
        replace(one, journeys=()) for one in scored.values()
    ]
