"""Rules of the layered layout."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.layout.layered import Spacing, layered

NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=2)
EDGES = st.lists(st.tuples(NAMES, NAMES), max_size=40)


def _nodes(edges: list[tuple[str, str]]) -> set[str]:
    return {name for edge in edges for name in edge} | {"lonely"}


@given(EDGES, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_does_not_depend_on_order(edges: list[tuple[str, str]], seed: int) -> None:
    """The same system looks the same, whatever order its edges arrive in."""
    shuffled = edges[:]
    random.Random(seed).shuffle(shuffled)
    assert layered(_nodes(edges), edges) == layered(sorted(_nodes(edges), reverse=True), shuffled)


@given(EDGES)
@settings(max_examples=60, deadline=None)
def test_every_node_has_a_place_of_its_own(edges: list[tuple[str, str]]) -> None:
    """No two boxes lie on each other, and none is left out."""
    places = layered(_nodes(edges), edges)
    assert set(places) == _nodes(edges)
    assert len({(place.x, place.y) for place in places.values()}) == len(places)


@given(EDGES)
@settings(max_examples=60, deadline=None)
def test_edges_of_a_graph_without_cycles_point_right(edges: list[tuple[str, str]]) -> None:
    """Callers stand left of whom they call."""
    forward = [(a, b) for a, b in edges if a < b]
    places = layered(_nodes(forward), forward)
    assert all(places[a].layer < places[b].layer for a, b in forward)


def test_a_cycle_is_broken_behind_the_entry() -> None:
    """The entry point stays left even when something calls back to it."""
    places = layered(["shop", "cart", "web"], [("web", "shop"), ("shop", "cart"), ("cart", "web")], first=["web"])
    assert [places[name].layer for name in ("web", "shop", "cart")] == [0, 1, 2]


def test_a_new_neighbour_leaves_the_layers_alone() -> None:
    """Adding one service moves no other to another layer."""
    edges = [("web", "cart"), ("web", "shop"), ("cart", "db")]
    before = layered({"web", "cart", "shop", "db"}, edges)
    after = layered({"web", "cart", "shop", "db", "mail"}, [*edges, ("shop", "mail")])
    assert all(after[name].layer == before[name].layer for name in before)


def test_straight_chains_stay_straight() -> None:
    """Parallel chains do not cross: each keeps its row."""
    edges = [("a1", "a2"), ("a2", "a3"), ("b1", "b2"), ("b2", "b3")]
    places = layered({name for edge in edges for name in edge}, edges)
    assert len({places[name].row for name in ("a1", "a2", "a3")}) == 1
    assert len({places[name].row for name in ("b1", "b2", "b3")}) == 1


def test_spacing_is_kept() -> None:
    """Neighbouring layers are as far apart as asked."""
    places = layered(["a", "b"], [("a", "b")], spacing=Spacing(layer=100, row=40))
    assert places["b"].x - places["a"].x == 100


def test_a_tall_layer_is_folded() -> None:
    """A hundred callees of one service stand in columns of at most 16, each right of their caller."""
    edges = [("web", f"s{i:03d}") for i in range(100)] + [("s000", "db")]
    places = layered({name for edge in edges for name in edge}, edges, spacing=Spacing(layer=100, row=40))
    columns = {place.x for name, place in places.items() if name.startswith("s")}
    assert len(columns) == 7
    assert max(place.y for place in places.values()) <= 15 * 40
    assert places["db"].x > max(columns) > places["web"].x
