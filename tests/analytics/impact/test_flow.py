"""Entry shares and PageRank."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from analytics.impact.flow import entry_shares, flow_of, pagerank
from tests.analytics.graphs import graph_of


def shares_of(edges: list[tuple[str, str, int]], entries: dict[str, int]) -> dict[str, float]:
    flow = flow_of(graph_of(edges, entries))
    shares = entry_shares(flow)
    assert shares is not None
    return dict(zip(flow.names, shares.tolist(), strict=True))


@pytest.mark.parametrize(
    ("edges", "entries", "expected"),
    [
        ([("a", "b", 100), ("b", "c", 25)], {"a": 100}, {"a": 1.0, "b": 1.0, "c": 0.25}),
        ([("a", "b", 500)], {"a": 100}, {"a": 1.0, "b": 1.0}),
        ([("a", "c", 30), ("b", "c", 10)], {"a": 60, "b": 40}, {"a": 0.6, "b": 0.4, "c": 0.4}),
        ([("a", "b", 100), ("b", "a", 50)], {"a": 100}, {"a": 1.0, "b": 2 / 3}),
        ([("a", "b", 10), ("c", "d", 10)], {"a": 10}, {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0}),
    ],
    ids=["chain", "many-calls-a-request", "two-entries", "ring", "unreached"],
)
def test_entry_shares(edges: list[tuple[str, str, int]], entries: dict[str, int], expected: dict[str, float]) -> None:
    """Shares follow calls per request, at most one per edge; what no entry reaches has none."""
    assert shares_of(edges, entries) == pytest.approx(expected)


def test_disjoint_ways_add_up_exactly() -> None:
    """Where each request takes one way only, the estimate is the truth."""
    edges = [("a", "x", 40), ("a", "y", 60), ("x", "z", 40), ("y", "z", 60)]
    assert shares_of(edges, {"a": 100})["z"] == pytest.approx(1.0)


def test_share_is_never_above_own_requests() -> None:
    """A node with ten requests cannot touch more than ten of a hundred entry requests, whatever the ways."""
    edges = [("a", "b", 100), ("a", "c", 100), ("b", "d", 5), ("c", "d", 5)]
    assert shares_of(edges, {"a": 100})["d"] <= 0.10 + 1e-9


def test_without_entries_shares_are_unknown() -> None:
    """No entry requests: the share is unknown, not zero."""
    assert entry_shares(flow_of(graph_of([("a", "b", 1)], {}))) is None


def test_pagerank_equals_networkx() -> None:
    """Our PageRank is that of networkx with the entries as its start."""
    rng = np.random.default_rng(7)
    names = [f"s{i}" for i in range(12)]
    edges = [
        (names[i], names[j], int(rng.integers(1, 100)))
        for i in range(12)
        for j in range(12)
        if i != j and rng.random() < 0.2
    ]
    entries = {"s0": 70, "s5": 30}
    flow = flow_of(graph_of(edges, entries, alone=names))
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_weighted_edges_from(edges, weight="calls")
    truth = nx.pagerank(graph, personalization=entries, weight="calls", tol=1e-12, max_iter=1000)
    assert dict(zip(flow.names, pagerank(flow).tolist(), strict=True)) == pytest.approx(truth, abs=1e-8)
