"""The call graph of recorded telemetry, against an independent count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analytics.callgraph.graph import CallGraph, call_graph
from analytics.world_build import build_world
from analytics.world_timeline import lay_out
from causeway.stores.contract import Batch
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import MINUTE_NS, Window
from tests.analytics.recorded import recorded_folder, recorded_spans

# Buckets are eight per doubling: the middle of one is at most 4.5 % from any value in it.
BUCKET_ERROR = 0.046
BASELINE_NS = 10 * MINUTE_NS
BATCH_SPANS = 100_000


@pytest.fixture(scope="module")
def spans(shared_data: Path) -> pa.Table:
    return recorded_spans(recorded_folder(shared_data))


@pytest.fixture(scope="module")
def window(spans: pa.Table) -> Window:
    """Everything but the first minutes, which are the baseline; the end falls on a slot."""
    start = spans["start_ns"].to_numpy()
    return Window(
        int(start.min()) // MINUTE_NS * MINUTE_NS + 10 * MINUTE_NS, (int(start.max()) // MINUTE_NS + 1) * MINUTE_NS
    )


@pytest.fixture(scope="module")
def graph(spans: pa.Table, window: Window, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallGraph]:
    store = EmbeddedStore(tmp_path_factory.mktemp("recorded"))
    try:
        store.add(Batch({"spans": spans}))
        store.flush()
        yield call_graph(build_world(store, window, window.before(BASELINE_NS)))
    finally:
        store.close()


@pytest.fixture(scope="module")
def counted(spans: pa.Table, graph: CallGraph, window: Window) -> dict[tuple[str, str], list[int]]:
    """Durations of every call between services, span by span in plain Python."""
    rows = spans.select(["trace_id", "span_id", "parent_span_id", "service", "start_ns", "duration_ns"]).to_pylist()
    by_id = {(row["trace_id"], row["span_id"]): row for row in rows}
    # A long window is widened to slots of some minutes.
    start_ns = lay_out(window, window.before(BASELINE_NS)).window.start_ns
    calls: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in by_id.values():
        parent = by_id.get((row["trace_id"], row["parent_span_id"]))
        if parent is not None and parent["service"] != row["service"] and row["start_ns"] >= start_ns:
            calls[parent["service"], row["service"]].append(row["duration_ns"])
    return calls


def test_edges_equal_an_independent_count(graph: CallGraph, counted: dict[tuple[str, str], list[int]]) -> None:
    """Every edge is there with its number of calls, and no other."""
    found = graph.edges.groupby(["caller", "callee"])["calls"].sum().to_dict()
    assert found == {pair: len(durations) for pair, durations in counted.items()}


@pytest.mark.parametrize(
    ("column", "quantile"), [("latency_ms_p50", 0.5), ("latency_ms_p95", 0.95), ("latency_ms_p99", 0.99)]
)
def test_edge_quantiles_are_within_a_bucket(
    graph: CallGraph, counted: dict[tuple[str, str], list[int]], column: str, quantile: float
) -> None:
    """Quantiles from summed buckets are those of the calls, to the width of a bucket."""
    for edge in graph.edges.itertuples():
        durations = np.array(counted[edge.caller, edge.callee])
        true_ms = np.quantile(durations, quantile, method="inverted_cdf") / 1e6
        assert getattr(edge, column) == pytest.approx(true_ms, rel=BUCKET_ERROR), (edge.caller, edge.callee)


def test_the_gateway_is_the_entry(graph: CallGraph) -> None:
    """All recorded requests enter at the gateway."""
    assert graph.entries["service"].tolist() == ["ts-gateway-service"]
    assert graph.coverage.linked_ratio == pytest.approx(1.0)


@pytest.mark.slow
def test_every_call_of_the_other_shop(shared_data: Path, tmp_path: Path) -> None:
    """Two million spans through a store, in batches: every edge with its calls, as a join of the whole table counts."""
    spans = recorded_spans(shared_data / "nezha" / "onlineboutique")
    store = EmbeddedStore(tmp_path)
    try:
        for first in range(0, spans.num_rows, BATCH_SPANS):
            store.add(Batch({"spans": spans.slice(first, BATCH_SPANS)}))
        store.flush()
        times = spans["start_ns"].to_numpy()
        window = Window(int(times.min()) // MINUTE_NS * MINUTE_NS, (int(times.max()) // MINUTE_NS + 1) * MINUTE_NS)
        edges = store.edges(window).select(["caller", "callee", "calls"]).to_pandas()
    finally:
        store.close()
    found = edges.groupby(["caller", "callee"])["calls"].sum()
    frame = spans.select(["trace_id", "span_id", "parent_span_id", "service"]).to_pandas()
    frame = frame.drop_duplicates(["trace_id", "span_id"])
    above = frame[["trace_id", "span_id", "service"]].rename(columns={"span_id": "parent_span_id", "service": "caller"})
    calls = frame.merge(above, on=["trace_id", "parent_span_id"])
    counted = calls[calls["caller"] != calls["service"]].groupby(["caller", "service"]).size()
    assert len(counted) > 10 and found[found > 0].to_dict() == counted.to_dict()
