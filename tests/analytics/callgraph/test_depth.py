"""How far from the entry points each node is."""

from __future__ import annotations

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.callgraph.depth import Depths, chain_calls, depths

_PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=16)


def found(pairs: list[tuple[str, str]], entries: set[str], kinds: list[str] | None = None) -> Depths:
    edges = pd.DataFrame(pairs, columns=["caller", "callee"], dtype=object)
    return depths(edges.assign(kind=kinds or ["sync"] * len(pairs)), entries)


@given(_PAIRS)
def test_longest_ways_are_those_found_by_trying_all(pairs: list[tuple[int, int]]) -> None:
    """Without rings, nearest and farthest are the shortest and longest of all ways from an entry."""
    downward = [(f"n{a}", f"n{b}") for a, b in pairs if a < b]
    graph = nx.DiGraph([("n0", "n0x"), *downward])
    ways: dict[str, list[int]] = {"n0": [0]}
    for node in graph:
        for path in nx.all_simple_paths(graph, "n0", node) if node != "n0" else ():
            ways.setdefault(node, []).append(len(path) - 1)
    result = found([("n0", "n0x"), *downward], {"n0"})
    assert result.nearest == {node: min(calls) for node, calls in ways.items()}
    assert result.farthest == {node: max(calls) for node, calls in ways.items()}
    assert chain_calls(result.longest) == max(result.farthest.values())
    assert all(graph.has_edge(a[0], b[0]) for a, b in zip(result.longest, result.longest[1:], strict=False))


@given(_PAIRS, st.sets(st.integers(0, 6)))
def test_nearest_is_never_farther_than_farthest(pairs: list[tuple[int, int]], entries: set[int]) -> None:
    """Also with rings, and both know the same nodes: those that an entry reaches."""
    result = found([(f"n{a}", f"n{b}") for a, b in pairs], {f"n{entry}" for entry in entries})
    assert set(result.nearest) == set(result.farthest)
    assert all(calls <= result.farthest[node] for node, calls in result.nearest.items())


def test_a_ring_is_walked_once() -> None:
    """A ring is one step of the chain and counts with all its members."""
    result = found([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")], {"a"})
    assert result.longest == (("a",), ("b", "c"), ("d",)) and chain_calls(result.longest) == 3
    assert result.farthest == {"a": 0, "b": 2, "c": 2, "d": 3}


def test_only_synchronous_calls_are_waited_for() -> None:
    """The critical chain leaves out what a queue carries on."""
    pairs = [("a", "b"), ("b", "queue"), ("queue", "c"), ("c", "d")]
    result = found(pairs, {"a"}, ["sync", "async", "async", "sync"])
    assert chain_calls(result.longest) == 4 and result.waiting == (("a",), ("b",))


@pytest.mark.parametrize("entries", [set(), {"alone"}])
def test_without_calls_there_is_no_depth(entries: set[str]) -> None:
    """No entry is no chain; an entry that calls nobody is a chain of itself."""
    result = found([], entries)
    assert result.longest == tuple((name,) for name in entries) and chain_calls(result.longest) == 0
