"""From a store to a World."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analytics.world import World
from analytics.world_build import build_world, seen_nothing
from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS
from tests.table_store import TableStore
from tests.worlds import FAULTS, Fault, Shop, empty_world, shop_store, shop_world, usual_fault


def late(world: World) -> np.ndarray:
    """The slots in which every fault of the shop is at work."""
    return world.timeline.times_ns >= world.window.start_ns + 150 * SECOND_NS


def mean_ms(world: World, service: str, chosen: np.ndarray) -> float:
    row = world.services.keys.get_level_values("service").get_loc(service)
    calls = world.services.calls[row, chosen]
    return float(np.nansum(calls * world.services.latency_ms_mean[row, chosen]) / calls.sum())


def error_ratio(world: World, service: str, chosen: np.ndarray) -> float:
    row = world.services.keys.get_level_values("service").get_loc(service)
    return float(world.services.errors[row, chosen].sum() / world.services.calls[row, chosen].sum())


def test_world_agrees_with_its_store() -> None:
    """Calls per service, edge and entry over the window are the sums of the store's rows."""
    shop = Shop(seed=3)
    store = shop_store(shop)
    world = build_world(store, shop.window, shop.baseline)
    edges = store.edges(shop.window).to_pandas().groupby(["caller", "callee"])["calls"].sum()
    assert world.edges.groupby(["caller", "callee"])["calls"].sum().to_dict() == edges.to_dict()
    operations = store.operations(shop.window).to_pandas()
    inbound = operations[operations["inbound"]].groupby("service")["calls"].sum()
    nodes = world.nodes[world.nodes["type"] == "service"]["calls"]
    assert nodes.to_dict() == inbound.to_dict()
    inside = world.timeline.in_window
    assert world.entries.calls[:, inside].sum() == operations[operations["entry"]]["calls"].sum()
    assert world.instances.calls[:, inside].sum() == store.instances(shop.window).to_pandas()["calls"].sum()
    assert world.logs.counts.sum() == store.table("logs").num_rows


def test_virtual_nodes_keep_their_type() -> None:
    """Databases, queues and external hosts are nodes with the calls made to them."""
    world = shop_world(seed=1)
    types = world.nodes["type"].to_dict()
    assert types["catalog-db"] == "database" and types["orders-queue"] == "queue"
    assert types["bank-gateway"] == "external" and types["frontend"] == "service"
    called = world.edges[world.edges["callee"] == "catalog-db"]["calls"].sum()
    assert world.nodes.loc["catalog-db", "calls"] == called


def test_empty_store_is_an_empty_world() -> None:
    """No data gives empty frames and zero in `seen`: the absence can be told from quiet."""
    world = empty_world()
    assert len(world.nodes) == len(world.edges) == len(world.events) == 0
    assert seen_nothing(world)
    assert not seen_nothing(shop_world(seed=1, minutes=(5, 5)))


def test_services_without_traces_are_nodes() -> None:
    """A service that only writes logs is a node with no calls."""
    shop = Shop(seed=1, minutes=(5, 5))
    store = shop_store(shop)
    line = {"time_ns": shop.window.start_ns, "service": "batch", "body": "x", "severity": "INFO"}
    logs = pa.concat_tables([store.table("logs"), pa.Table.from_pylist([line], schema=records.LOGS)])
    world = build_world(TableStore({**store.tables, "logs": logs}), shop.window, shop.baseline)
    assert world.nodes.loc["batch", ["type", "calls"]].tolist() == ["service", 0]


@pytest.mark.parametrize("kind", [fault for fault in FAULTS if fault != "crash"])
def test_faults_travel_to_the_callers(kind: str) -> None:
    """A fault shows at its entity and at the entry, and not at services that do not call it."""
    fault = usual_fault(kind)
    world = shop_world(seed=4, faults=[fault])
    before, after = ~world.timeline.in_window, late(world)
    if kind in {"errors", "release"}:
        assert error_ratio(world, fault.entity, after) > 10 * error_ratio(world, fault.entity, before)
        assert error_ratio(world, "frontend", after) > 3 * error_ratio(world, "frontend", before)
    else:
        callers = world.edges[world.edges["callee"] == fault.entity]["caller"]
        assert all(mean_ms(world, name, after) > 1.05 * mean_ms(world, name, before) for name in callers)
    assert mean_ms(world, "mailer", after) == pytest.approx(mean_ms(world, "mailer", before), rel=0.2)


def test_crashed_instance_goes_silent_and_is_an_event() -> None:
    """The instance sends no request and no metric after the crash; a derived restart event names it."""
    world = shop_world(seed=2, faults=["crash"])
    after = late(world)
    instances = world.instances.keys.get_level_values("instance")
    assert world.instances.calls[instances.get_loc("catalog-0")][after].sum() == 0
    metrics = world.metrics.values[world.metrics.meta["instance"] == "catalog-0"]
    assert np.isnan(metrics[:, after][:, 2:]).all()
    event = world.events[world.events["reason"] == "instance_gone"]
    assert event["instance"].tolist() == ["catalog-0"]
    assert event["attributes"].iloc[0] == {"causeway.derived": "true"}


def test_recorded_deploy_is_not_derived_again() -> None:
    """Where somebody recorded the deployment, the new version makes no second event; else it makes one."""
    shop = Shop(seed=2, faults=(usual_fault("release"),))
    store = shop_store(shop)
    world = build_world(store, shop.window, shop.baseline)
    assert world.events[world.events["kind"] == "deploy"]["reason"].tolist() == ["deployment.finished"]
    silent = TableStore({name: table for name, table in store.tables.items() if name != "events"})
    derived = build_world(silent, shop.window, shop.baseline).events
    deploys = derived[derived["kind"] == "deploy"]
    assert deploys[["service", "reason", "message"]].values.tolist() == [
        ["payment", "new_version", "payment 1.0.0 → 1.1.0"]
    ]
    onset = shop.onset_ns(shop.faults[0])
    assert 0 <= deploys["time_ns"].iloc[0] - onset + 10 * SECOND_NS < MINUTE_NS


def test_quiet_shop_has_no_events() -> None:
    """Nothing changed, so nothing is told, over several seeds."""
    assert [len(shop_world(seed=seed, minutes=(10, 5)).events) for seed in range(5)] == [0] * 5


def test_log_cap_is_shown() -> None:
    """Above the cap the newest lines count, earlier slots are NaN, and `seen` says so."""
    shop = Shop(seed=1)
    store = shop_store(shop)
    world = build_world(store, shop.window, shop.baseline, log_lines_max=500)
    assert 400 < np.nansum(world.logs.counts) <= 500
    assert np.isnan(world.logs.counts[:, 0]).all() and not np.isnan(world.logs.counts[:, -1]).any()
    assert world.seen["logs_capped"] == world.seen["logs"]
    assert "logs_capped" not in build_world(store, shop.window, shop.baseline).seen


def test_same_store_same_world() -> None:
    """Building twice gives the same World: nothing depends on a clock or on order."""
    shop = Shop(seed=5, minutes=(5, 5), faults=(Fault("latency", "cart"),))
    one, two = (build_world(shop_store(shop), shop.window, shop.baseline) for _ in range(2))
    assert one.nodes.equals(two.nodes) and one.edges.equals(two.edges) and one.logs.meta.equals(two.logs.meta)
    np.testing.assert_array_equal(one.metrics.values, two.metrics.values)


def test_long_windows_have_minute_slots() -> None:
    """Over three hours in all the slots are minutes, and no call is lost by it."""
    shop = Shop(seed=1, minutes=(30, 10))
    store = shop_store(shop)
    fine = build_world(store, shop.window, shop.baseline)
    longer = replace(shop.baseline, start_ns=shop.baseline.start_ns - 180 * MINUTE_NS)
    coarse = build_world(store, shop.window, longer)
    assert coarse.timeline.step_ns == MINUTE_NS
    assert coarse.services.calls.sum() == fine.services.calls.sum()
