"""Impact models of traces made by hand, through a real store."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from analytics.callgraph.graph import CallGraph, call_graph
from analytics.impact.model import ImpactModel, read_model
from analytics.world_build import build_world
from causeway import records
from causeway.stores.contract import Batch
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import MINUTE_NS, Window
from tests.analytics.made_traces import BASE_NS, TRACE_GAP_NS, Made, call, table_of


def model_of(traces: Sequence[Sequence[Made]]) -> tuple[CallGraph, ImpactModel]:
    """The call graph of those traces and what consequences are worked out from."""
    return of_spans(table_of(traces), len(traces))


def of_spans(made: pa.Table, traces: int) -> tuple[CallGraph, ImpactModel]:
    """As `model_of`, of the spans of that many traces."""
    columns = [
        made[name].cast(kind) if name in made.schema.names else pa.nulls(made.num_rows, kind)
        for name, kind in zip(records.SPANS.names, records.SPANS.types, strict=True)
    ]
    start_ns = BASE_NS // MINUTE_NS * MINUTE_NS
    window = Window(start_ns, start_ns + traces * TRACE_GAP_NS + 2 * MINUTE_NS)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        store.add(Batch({"spans": pa.table(columns, schema=records.SPANS)}))
        store.flush()
        graph = call_graph(build_world(store, window, calls_only=True))
        model = read_model(store, graph)
        store.close()
    return graph, model


def shop_traces(requests: int = 60) -> list[list[Made]]:
    """Requests to `web`: every one calls cart (which calls redis), and then ads, of which it needs nothing.

    Every third is `GET /cart`, the others `POST /order`, which calls payment too. Of each ten requests the first loses
    its cart and fails for it, and the second loses its ads and goes on. Two instances of cart take turns.
    """
    found = []
    for number in range(requests):
        lost_cart, lost_ads = number % 10 == 0, number % 10 == 1
        below = [_call("cart", "GET /cart", 10, 40, lost_cart, _call_redis(), instance=f"cart-{number % 2}")]
        if not lost_cart:
            below.append(_call("ads", "GET /ads", 60, 20, lost_ads))
            if number % 3:
                below.append(_call("payment", "POST /pay", 85, 10, False))
        operation = "POST /order" if number % 3 else "GET /cart"
        found.append([Made("web", operation, 0, 100, tuple(below), failed=lost_cart)])
    return found


def _call(
    callee: str, operation: str, at_ms: float, took_ms: float, failed: bool, *below: Made, instance: str = ""
) -> Made:
    server = Made(callee, operation, 0, took_ms, below, failed=failed, instance=instance)
    return Made("web", f"call {operation}", at_ms, took_ms, (server,), kind="CLIENT", failed=failed)


def _call_redis() -> Made:
    return call("cart", "redis", "GET", 5, 20)
