"""The call graph of a World."""

from __future__ import annotations

import json
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from analytics.callgraph.graph import call_graph
from analytics.world_build import build_world
from causeway.records import EDGES, OPERATIONS
from causeway.window import SECOND_NS
from tests.analytics.graphs import graph_of
from tests.table_store import TableStore
from tests.worlds import Fault, Shop, empty_world, shop_store, shop_world

NODE_KEYS = {"id", "type", "entry", "calls", "error_ratio", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99"}
EDGE_KEYS = {"caller", "callee", "calls", "error_ratio", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99"}


def test_json_has_the_stable_keys() -> None:
    """The document has the promised keys, no NaN, and survives a round trip through JSON."""
    document = call_graph(shop_world(seed=1)).to_json()
    assert {"window", "nodes", "edges", "coverage", "entries", "cycles"} <= set(document)
    assert set(document["nodes"][0]) >= NODE_KEYS
    assert EDGE_KEYS | {"kind", "protocol", "caller_type", "callee_type", "calls_per_s"} <= set(document["edges"][0])
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_entries_are_requests_that_nobody_inside_calls() -> None:
    """The shop is entered at its frontend only; shares add up to one, most requests first."""
    graph = call_graph(shop_world(seed=1))
    assert set(graph.entries["service"]) == {"frontend"}
    assert graph.entries["share"].sum() == pytest.approx(1.0)
    assert graph.entries["calls"].is_monotonic_decreasing
    assert graph.nodes.set_index("id")["entry"].to_dict() == {name: name == "frontend" for name in graph.nodes["id"]}


def test_edges_count_calls_per_second_of_the_window() -> None:
    """Calls per second are the window's calls over its length."""
    world = shop_world(seed=1)
    edges = call_graph(world).edges
    np.testing.assert_allclose(edges["calls_per_s"], edges["calls"] / world.window.duration_s)
    ratio = edges["errors"] / edges["calls"]
    np.testing.assert_allclose(edges["error_ratio"], ratio)


@pytest.mark.parametrize(
    ("edges", "rings"),
    [
        ([("a", "b", 1), ("b", "c", 1)], ()),
        ([("a", "b", 1), ("b", "a", 1), ("b", "c", 1)], (("a", "b"),)),
        ([("a", "a", 1), ("a", "b", 1)], (("a",),)),
        (
            [("x", "y", 1), ("y", "x", 1), ("c", "a", 1), ("a", "b", 1), ("b", "c", 1)],
            (("a", "b", "c"), ("x", "y")),
        ),
    ],
    ids=["none", "pair", "self", "two-rings"],
)
def test_cycles(edges: list[tuple[str, str, int]], rings: tuple[tuple[str, ...], ...]) -> None:
    """Rings and self calls are found, largest first."""
    assert graph_of(edges, {"a": 1}).cycles == rings


def test_entry_rows_of_edges_are_no_callers() -> None:
    """An edge whose caller is the outside is not an edge of the graph."""
    shop = Shop(seed=1, minutes=(5, 5))
    store = shop_store(shop)
    outside = store.table("rollup_edges").slice(0, 1).to_pylist()[0]
    outside |= {"caller": "users", "caller_type": "entry", "slot_ns": shop.window.start_ns}
    edges = EDGES.empty_table().from_pylist([outside], schema=EDGES)
    graph = call_graph(build_world(TableStore({**store.tables, "rollup_edges": edges}), shop.window, shop.baseline))
    assert len(graph.edges) == 0 and "users" not in set(graph.nodes["id"])


def test_background_consumers_are_no_entries() -> None:
    """A consumer without a parent is fed by its queue: it is an entry only where there is no other."""
    shop = Shop(seed=1, minutes=(5, 5))
    store = shop_store(shop)
    rows = store.table("rollup_operations").to_pylist()
    for row in rows:
        row["entry"] = row["entry"] or row["kind"] == "CONSUMER"
    everything = OPERATIONS.empty_table().from_pylist(rows, schema=OPERATIONS)
    only = OPERATIONS.empty_table().from_pylist([row for row in rows if row["kind"] == "CONSUMER"], schema=OPERATIONS)
    for operations, entries in ((everything, {"frontend"}), (only, {"shipping"})):
        tables = {**store.tables, "rollup_operations": operations}
        graph = call_graph(build_world(TableStore(tables), shop.window, shop.baseline))
        assert set(graph.entries["service"]) == entries


def test_new_edges_are_marked() -> None:
    """An edge that the baseline does not have is new; without any baseline none is."""
    world = shop_world(seed=1)
    without = world.edges_baseline[world.edges_baseline["callee"] != "payment"]
    edges = call_graph(replace(world, edges_baseline=without)).edges
    assert edges[edges["new"]]["callee"].tolist() == ["payment"]
    nothing = replace(world, edges_baseline=world.edges_baseline.iloc[:0])
    assert not call_graph(nothing).edges["new"].any()


def test_silent_services_are_named() -> None:
    """A service whose only instance died is silent: seen in the baseline, not in the window."""
    dead = Fault("crash", "mailer", after_s=-60.0, size=1.0)
    graph = call_graph(shop_world(seed=1, faults=[dead]))
    assert graph.coverage.silent == ("mailer",)
    assert graph.nodes.set_index("id").loc["mailer", "calls"] == 0


def test_coverage_adds_up() -> None:
    """Roots, linked and orphans are all spans; the ratio leaves roots out."""
    coverage = call_graph(shop_world(seed=1)).coverage
    assert coverage.roots + coverage.linked + coverage.orphans == coverage.spans > 0
    assert coverage.linked_ratio == 1.0


def test_empty_world_has_an_empty_graph() -> None:
    """No data is an empty graph with an unknown ratio, not an error."""
    graph = call_graph(empty_world())
    assert len(graph.nodes) == len(graph.edges) == len(graph.entries) == 0
    assert graph.coverage.linked_ratio is None and graph.cycles == ()
    json.dumps(graph.to_json(), allow_nan=False)


def test_networkx_has_every_node_and_edge() -> None:
    """The export keeps nodes without edges, and one edge per kind and protocol."""
    graph = call_graph(shop_world(seed=1))
    exported = graph.to_networkx()
    assert set(exported.nodes) == set(graph.nodes["id"])
    assert exported.number_of_edges() == len(graph.edges)
    assert exported.nodes["catalog-db"]["type"] == "database"
    assert nx.shortest_path(exported, "frontend", "bank-gateway") == [
        "frontend",
        "checkout",
        "payment",
        "bank-gateway",
    ]


def test_calls_are_within_the_window_only() -> None:
    """A window of half the length counts about half the calls: the baseline does not leak in."""
    shop = Shop(seed=1)
    store = shop_store(shop)
    half = replace(shop.window, end_ns=shop.window.start_ns + 300 * SECOND_NS)
    calls = [
        call_graph(build_world(store, window, shop.baseline)).nodes["calls"].sum() for window in (half, shop.window)
    ]
    assert calls[0] == pytest.approx(calls[1] / 2, rel=0.1)
