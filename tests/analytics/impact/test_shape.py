"""Matrix algorithms against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.impact.flow import flow_of
from analytics.impact.shape import shape_of
from tests.analytics.graphs import graph_of

NAMES = [f"s{i}" for i in range(9)]
edges_strategy = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.just(1)),
    min_size=1,
    max_size=30,
    unique_by=lambda edge: edge[:2],
)


@settings(max_examples=80, deadline=None)
@given(edges_strategy)
def test_shape_equals_networkx(edges: list[tuple[str, str, int]]) -> None:
    """Reach, betweenness and articulation points are those of networkx, cycles or not."""
    flow = flow_of(graph_of(edges, {}, alone=NAMES))
    shape = shape_of(flow)
    graph = nx.DiGraph()
    graph.add_nodes_from(flow.names)
    graph.add_edges_from((caller, callee) for caller, callee, _ in edges if caller != callee)
    between = nx.betweenness_centrality(graph)
    assert dict(zip(flow.names, shape.betweenness.tolist(), strict=True)) == pytest.approx(between)
    for i, name in enumerate(flow.names):
        reached = {flow.names[j] for j in np.flatnonzero(shape.reach[i])}
        assert reached == nx.descendants(graph, name)
    cuts = {flow.names[i] for i in np.flatnonzero(shape.articulation)}
    assert cuts == set(nx.articulation_points(graph.to_undirected()))


@pytest.mark.parametrize("alone", [0, 1, 2])
def test_tiny_graphs(alone: int) -> None:
    """No node, one or two without edges: zeros, not errors."""
    shape = shape_of(flow_of(graph_of([], {}, alone=NAMES[:alone])))
    assert shape.betweenness.tolist() == [0.0] * alone and not shape.reach.any()
