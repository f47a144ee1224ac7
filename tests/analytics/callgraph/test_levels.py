"""The call graph between operations, instances and versions."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from analytics.callgraph.focus import neighbourhood
from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import Level, level_of
from analytics.callgraph.levels import level_graph
from causeway.errors import ConfigError
from causeway.window import MINUTE_NS, Window
from tests.table_store import TableStore
from tests.worlds import EPOCH_NS, Shop, shop_store

FINER = (Level.OPERATION, Level.INSTANCE, Level.VERSION)
SHOP = Shop(seed=5, minutes=(10, 10), start_ns=-(-EPOCH_NS // MINUTE_NS) * MINUTE_NS)
NUMBERS = ["calls", "errors", "estimated_calls"]


@pytest.fixture(scope="module")
def store() -> TableStore:
    return shop_store(SHOP)


@pytest.fixture(scope="module")
def services(store: TableStore) -> CallGraph:
    return level_graph(store, SHOP.window, SHOP.baseline)


def by_service(graph: CallGraph) -> pd.DataFrame:
    return graph.edges.groupby(["caller_service", "callee_service", "kind"])[NUMBERS].sum()


@pytest.mark.parametrize("level", FINER)
def test_finer_edges_sum_to_those_of_services(store: TableStore, services: CallGraph, level: Level) -> None:
    """Calls and errors between the parts of two services are those between the services."""
    finer = level_graph(store, SHOP.window, SHOP.baseline, level)
    pd.testing.assert_frame_equal(by_service(finer), by_service(services))
    assert finer.level is level and len(finer.edges) >= len(services.edges)


@pytest.mark.parametrize("level", FINER)
def test_finer_nodes_sum_to_services(store: TableStore, services: CallGraph, level: Level) -> None:
    """So do the requests that they had; types are those of the services."""
    finer = level_graph(store, SHOP.window, SHOP.baseline, level)
    whole = services.nodes.set_index("id")
    sums = finer.nodes.groupby("service")["calls"].sum()
    assert sums.to_dict() == whole["calls"].to_dict()
    assert all(whole.loc[row.service, "type"] == row.type for row in finer.nodes.itertuples())
    assert set(finer.edges["caller"]) | set(finer.edges["callee"]) <= set(finer.nodes["id"])


def test_operations_make_chains(store: TableStore) -> None:
    """What an operation calls hangs on it, so that a request can be followed from its entry."""
    graph = level_graph(store, SHOP.window, SHOP.baseline, Level.OPERATION)
    assert graph.depths.longest[0] == ("frontend › POST /checkout",)
    assert set(graph.nodes[graph.nodes["entry"]]["service"]) == {"frontend"}
    nodes = graph.nodes.set_index("id")
    assert nodes.loc["payment › Charge", "depth_min"] == 2 and nodes.loc["payment › Charge", "depth_max"] == 2
    assert pd.isna(graph.edges["latency_ms_p99"]).all() and (graph.edges["latency_ms_mean"] > 0).all()


def test_peers_without_spans_have_no_instance(store: TableStore) -> None:
    """A database is one node, whatever is asked for."""
    graph = level_graph(store, SHOP.window, SHOP.baseline, Level.INSTANCE)
    assert {"catalog-db", "orders-queue"} <= set(graph.nodes["id"])


@pytest.mark.parametrize("level", Level)
def test_a_window_without_calls_is_an_empty_graph(level: Level) -> None:
    """No data is no node at any level, and valid JSON."""
    graph = level_graph(TableStore(), SHOP.window, SHOP.baseline, level)
    assert graph.nodes.empty and graph.edges.empty
    json.dumps(graph.to_json(), allow_nan=False)


def test_sampled_rates_are_estimates(store: TableStore, services: CallGraph) -> None:
    """Where each span stands for four, rates are four times those seen, at every level; counts are what was seen."""
    tables = dict(store.tables)
    for name in ("rollup_edges", "rollup_calls", "rollup_coverage"):
        table = tables[name]
        column = table.schema.get_field_index("estimated_milli")
        four = [4 * value for value in table["estimated_milli"].to_pylist()]
        tables[name] = table.set_column(column, "estimated_milli", [four])
    sampled = replace(store, tables=tables)
    for level in Level:
        graph = level_graph(sampled, SHOP.window, SHOP.baseline, level)
        assert graph.edges["calls"].sum() == services.edges["calls"].sum()
        assert graph.edges["calls_per_s"].sum() == pytest.approx(4 * services.edges["calls_per_s"].sum())
        assert graph.nodes["calls_per_s"].sum() == pytest.approx(4 * services.nodes["calls_per_s"].sum())


def test_neighbourhood_grows_with_the_hops(store: TableStore, services: CallGraph) -> None:
    """No hop is the service alone, one hop those it talks to, enough hops everything connected."""
    assert neighbourhood(services, "payment", 0).nodes["id"].tolist() == ["payment"]
    assert set(neighbourhood(services, "payment", 1).nodes["id"]) == {"checkout", "payment", "bank-gateway"}
    assert set(neighbourhood(services, "payment", 9).nodes["id"]) == set(services.nodes["id"])
    operations = level_graph(store, SHOP.window, SHOP.baseline, Level.OPERATION)
    assert set(neighbourhood(operations, "payment", 0).nodes["id"]) == {"payment › Charge"}
    with pytest.raises(ConfigError, match="no service 'nobody'"):
        neighbourhood(services, "nobody", 1)


def test_levels_are_named() -> None:
    """An unknown level is refused with those that are known."""
    assert level_of("version") is Level.VERSION
    with pytest.raises(ConfigError, match="service, operation, instance, version"):
        level_of("pod")


def test_windows_move_to_whole_minutes(store: TableStore) -> None:
    """A window in the middle of minutes counts finished minutes only, and its rate is over them."""
    crooked = Window(SHOP.window.start_ns + 20 * 10**9, SHOP.window.end_ns - 20 * 10**9)
    graph = level_graph(store, crooked, SHOP.baseline, Level.OPERATION)
    calls = store.calls(Window(SHOP.window.start_ns, SHOP.window.end_ns - MINUTE_NS))["calls"].to_numpy().sum()
    assert graph.edges["calls"].sum() == calls
    assert graph.edges["calls_per_s"].sum() == pytest.approx(calls / (9 * 60))
