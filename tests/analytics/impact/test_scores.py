"""Impact scores: what must hold for any graph, and known cases."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.callgraph.graph import CallGraph, call_graph
from analytics.impact.scores import WEIGHTS, ServiceImpact, impact_scores, impacts_json, scores_of
from analytics.impact.show import show_impacts
from analytics.output import Page
from causeway.messages import text
from tests.analytics.graphs import graph_of
from tests.worlds import empty_world, shop_world

NAMES = "abcdefgh"
Edges = list[tuple[str, str, int]]
edges_strategy = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(1, 1000)),
    min_size=1,
    max_size=20,
    unique_by=lambda edge: edge[:2],
)
entries_strategy = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 1000), min_size=1, max_size=3)
quick = settings(max_examples=50, deadline=None)


def by_name(graph: CallGraph) -> dict[str, ServiceImpact]:
    return {impact.service: impact for impact in scores_of(graph)}


@quick
@given(edges_strategy, entries_strategy, st.permutations(NAMES))
def test_relabelling_changes_nothing(edges: Edges, entries: dict[str, int], other: list[str]) -> None:
    """A score depends on the shape of the graph and its traffic, not on names."""
    rename = dict(zip(NAMES, other, strict=True))
    here = by_name(graph_of(edges, entries))
    moved = [(rename[caller], rename[callee], calls) for caller, callee, calls in edges]
    there = by_name(graph_of(moved, {rename[name]: calls for name, calls in entries.items()}))
    for name, impact in here.items():
        twin = there[rename[name]]
        assert twin.impact == pytest.approx(impact.impact, abs=1e-5)
        assert (twin.fan_in, twin.fan_out, twin.articulation) == (impact.fan_in, impact.fan_out, impact.articulation)
        assert twin.entry_share == pytest.approx(impact.entry_share, abs=1e-9)


@quick
@given(edges_strategy, entries_strategy, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_adding_a_caller_never_lowers_fan_in(edges: Edges, entries: dict[str, int], caller: str, callee: str) -> None:
    """One more edge can only add dependents, to anybody."""
    before = by_name(graph_of(edges, entries, alone=NAMES))
    more = edges if (caller, callee) in {edge[:2] for edge in edges} else [*edges, (caller, callee, 5)]
    after = by_name(graph_of(more, entries, alone=NAMES))
    for name, impact in before.items():
        assert after[name].fan_in.direct >= impact.fan_in.direct
        assert after[name].fan_in.transitive >= impact.fan_in.transitive


@quick
@given(edges_strategy, entries_strategy)
def test_unused_services_score_lowest(edges: Edges, entries: dict[str, int]) -> None:
    """A service that nothing calls scores zero, and nobody scores below."""
    scores = scores_of(graph_of(edges, entries, alone=["unused"]))
    lowest = min(impact.impact for impact in scores)
    assert by_name(graph_of(edges, entries, alone=["unused"]))["unused"].impact == lowest == 0.0


@quick
@given(edges_strategy, entries_strategy)
def test_scores_are_the_sum_of_their_parts(edges: Edges, entries: dict[str, int]) -> None:
    """Every score is within 0-100 and is what its parts add up to; cycles and self calls break nothing."""
    for impact in scores_of(graph_of(edges, entries)):
        assert 0.0 <= impact.impact <= 100.0 + 1e-6
        assert impact.impact == pytest.approx(sum(part.contribution for part in impact.parts), abs=1e-5)
        assert sum(part.weight for part in impact.parts) == pytest.approx(1.0)
        for part in impact.parts:
            assert (part.value is None) == (part.weight == 0.0) == (part.name == "redundancy")
            assert 0.0 <= (part.value or 0.0) <= 1.0 + 1e-9
            assert part.contribution == pytest.approx(100 * part.weight * (part.value or 0.0))


@quick
@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_single_point_scores_highest(entries: int, leaves: int, seed: int) -> None:
    """Where all entries pass one service and spread out behind it, that service scores highest."""
    calls = [1 + (seed >> i) % 90 for i in range(leaves)]
    edges = [(f"entry-{i}", "hub", 100) for i in range(entries)]
    edges += [("hub", f"leaf-{i}", calls[i] * entries) for i in range(leaves)]
    scores = scores_of(graph_of(edges, {f"entry-{i}": 100 for i in range(entries)}))
    assert scores[0].service == "hub"
    assert scores[0].articulation and scores[0].entry_share == pytest.approx(1.0)


def test_gateway_scores_highest_in_the_shop() -> None:
    """The shop's only entry is its most important service; its queue's consumers matter less than its catalogue."""
    world = shop_world(seed=1)
    scores = impact_scores(world, call_graph(world))
    assert scores[0].service == "frontend"
    place = [impact.service for impact in scores]
    assert place.index("catalog") < place.index("mailer")


def test_fans_count_others_once() -> None:
    """In a ring everybody depends on everybody else, and nobody on itself."""
    scores = by_name(graph_of([("a", "b", 9), ("b", "c", 9), ("c", "a", 9), ("b", "b", 4)], {"a": 9}))
    for impact in scores.values():
        assert (impact.fan_in.direct, impact.fan_in.transitive) == (1, 2)
        assert (impact.fan_out.direct, impact.fan_out.transitive) == (1, 2)


def test_cut_off_counts_what_only_one_way_reaches() -> None:
    """`b` alone leads to `d`; `e` is reached by two ways."""
    edges = [("a", "b", 9), ("a", "c", 9), ("b", "d", 9), ("b", "e", 9), ("c", "e", 9)]
    scores = by_name(graph_of(edges, {"a": 9}))
    assert {name: round((impact.cut_off or 0) * 4) for name, impact in scores.items()} == {
        "a": 4,
        "b": 1,
        "c": 0,
        "d": 0,
        "e": 0,
    }


def test_without_entries_the_rest_carries_the_score() -> None:
    """Unknown parts have no weight and no value; the shape of the graph still ranks."""
    scores = scores_of(graph_of([("a", "b", 5), ("b", "c", 5)], {}))
    parts = {part.name: part for part in scores[0].parts}
    assert parts["entry_share"].value is None and parts["entry_share"].weight == 0.0
    assert sum(part.weight for part in scores[0].parts) == pytest.approx(1.0)
    assert scores[0].entry_share is None and "no entry requests" in text(scores[0].summary)


def test_summaries_exist_in_both_languages() -> None:
    """Every service's sentence can be written in English and Chinese, and names it."""
    world = shop_world(seed=1)
    for impact in impact_scores(world, call_graph(world)):
        assert impact.service in text(impact.summary, "en") and impact.service in text(impact.summary, "zh-CN")


def test_json_has_the_stable_keys() -> None:
    """The document has the promised keys and says what is estimated."""
    world = shop_world(seed=1)
    graph = call_graph(world)
    document = impacts_json(graph, impact_scores(world, graph), language="zh-CN")
    json.dumps(document, allow_nan=False)
    assert {"window", "services", "weights", "estimated"} <= set(document)
    keys = {"service", "impact", "fan_in", "fan_out", "entry_share", "betweenness", "pagerank", "articulation", "parts"}
    first = document["services"][0]
    assert keys <= set(first) and set(first["fan_in"]) == {"direct", "transitive"}
    assert document["weights"] == dict(WEIGHTS) and sum(WEIGHTS.values()) == pytest.approx(1.0)
    assert "影响因子" in first["summary"] and first["summary_message"]["id"].startswith("impact.")


@pytest.mark.parametrize(("empty", "words"), [(True, "No services were seen"), (False, "orders-queue")])
def test_table(empty: bool, words: str) -> None:
    """The table has a row per node, and says when there is nothing."""
    world = empty_world() if empty else shop_world(seed=1, minutes=(5, 5))
    stream = io.StringIO()
    show_impacts(impact_scores(world, call_graph(world)), Page(stream=stream))
    assert words in stream.getvalue() and "\x1b" not in stream.getvalue()
