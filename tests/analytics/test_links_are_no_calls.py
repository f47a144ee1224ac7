"""Span links are shown as edges of their own kind; nothing that counts calls counts them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from analytics.callgraph.graph import call_graph
from analytics.impact.flow import flow_of
from analytics.impact.inherited import slow_sources
from analytics.world import World
from analytics.world_build import build_world
from causeway import records
from causeway.findings import Finding, Message, Verdict
from causeway.stores.linking.linker import Linker
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.table_store import TableStore

START_NS = 1_790_000_040 * SECOND_NS // MINUTE_NS * MINUTE_NS
WINDOW = Window(START_NS, START_NS + 2 * MINUTE_NS)
SHOPPERS, LINKS_EACH = 5, 4


def span(trace: int, number: int, service: str, *, parent: int | None = None, **more: object) -> dict[str, object]:
    return {
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": None if parent is None else parent.to_bytes(8, "big"),
        "service": service,
        "operation": "work",
        "kind": "SERVER",
        "start_ns": START_NS + trace * SECOND_NS,
        "duration_ns": SECOND_NS // 10,
        "status": "UNSET",
        "links": [],
        **more,
    }


@pytest.fixture(scope="module")
def world() -> World:
    """Shoppers whom web asks cart for; then one batch of each links to all shoppers' carts, and calls cart once."""
    rows = [span(trace, 2, "cart", parent=1) for trace in range(1, SHOPPERS + 1)]
    rows += [span(trace, 1, "web", kind="CLIENT") for trace in range(1, SHOPPERS + 1)]
    carts = [{"trace_id": row["trace_id"], "span_id": row["span_id"], "attributes": []} for row in rows[:LINKS_EACH]]
    rows += [
        span(20, 1, "batch", kind="INTERNAL", links=carts),
        span(20, 2, "cart", parent=1, links=[]),
        span(21, 1, "idle", kind="INTERNAL", links=carts),
    ]
    linker = Linker()
    linker.add(pa.Table.from_pylist(rows, schema=records.SPANS))
    return build_world(TableStore(linker.take()), WINDOW)


def pairs(world: World, kind: str) -> dict[tuple[str, str], int]:
    rows = world.edges[world.edges["kind"] == kind]
    return dict(zip(zip(rows["caller"], rows["callee"], strict=True), rows["calls"], strict=True))


def test_links_are_edges_of_their_own_kind(world: World) -> None:
    """They are there to be seen, counted apart from calls."""
    assert pairs(world, "link") == {("cart", "batch"): LINKS_EACH, ("cart", "idle"): LINKS_EACH}
    assert pairs(world, "sync") == {("web", "cart"): SHOPPERS, ("batch", "cart"): 1}
    assert set(zip(world.asked["caller"], world.asked["callee"], strict=True)) == set(pairs(world, "sync"))


def test_series_of_edges_hold_calls_only(world: World) -> None:
    """What root cause reads of edges: no pair that only links join."""
    found = dict(zip(world.edge_series.keys.to_list(), world.edge_series.calls.sum(axis=1).tolist(), strict=True))
    assert {pair: count for pair, count in found.items() if count} == pairs(world, "sync")
    assert ("cart", "idle") not in found


def test_requests_of_a_service_are_not_its_links(world: World) -> None:
    """RED is over inbound requests: the one of each batch, not the links it has."""
    assert world.nodes["calls"].to_dict() == {"web": SHOPPERS, "cart": SHOPPERS + 1, "batch": 1, "idle": 1}
    assert set(world.nodes["type"]) == {"service"}


def test_no_more_arrives_through_links_than_requests(world: World) -> None:
    """Impact's flow: a node serves its requests, however many links lead to it."""
    flow = flow_of(call_graph(world))
    assert dict(zip(flow.names, flow.served.tolist(), strict=True))["idle"] == 1


def test_nobody_is_slow_because_of_a_link(world: World) -> None:
    """cart does not wait for the batches that link to it; batch waits for cart."""
    slow = [Finding("latency", name, Verdict.CRITICAL, Message("slow")) for name in ("cart", "batch")]
    assert slow_sources(world, slow) == {"batch": "cart"}
