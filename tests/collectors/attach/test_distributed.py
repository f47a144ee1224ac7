"""Attaching where records lie in Elasticsearch: rollups beside the documents, or whole copies in our indices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from causeway.stores import open_store
from causeway.stores.elasticsearch.minutes import open_worker, roll_up
from causeway.stores.elasticsearch.settings import parse_location
from causeway.window import Window
from tests.collectors.attach.sources import Calls, Index, Recorded, attach_here, graph, made_index, recorded, unique
from tests.servers.collector import EVER
from tests.servers.elasticsearch import Cluster

WHEN = ("--from", "2023-01-29T08:40:00Z", "--to", "2023-01-29T09:00:00Z")
MINUTES = Window(1674981600 * 1_000_000_000, 1674982800 * 1_000_000_000)


@pytest.fixture(scope="module")
def jaeger(shared_data: Path) -> Recorded:
    return recorded(shared_data)


@pytest.fixture
def index(elasticsearch: Cluster, jaeger: Recorded) -> Iterator[Index]:
    with made_index(elasticsearch, unique("test*-jaeger-span-2023-01-29"), jaeger.mappings) as made:
        yield made


@pytest.fixture
def namespace(elasticsearch: Cluster) -> Iterator[str]:
    name = unique("test*")
    yield name
    rows = elasticsearch.get("/_cat/indices?format=json&expand_wildcards=all&h=index")
    for row in rows:
        if name in row["index"] and "jaeger-span" not in row["index"]:
            httpx2.delete(f"{elasticsearch.url}/{row['index']}", timeout=30)


def _store(cluster: Cluster, namespace: str, **more: str) -> str:
    query = "&".join(f"{key}={value}" for key, value in {"namespace": namespace, **more}.items())
    return f"elasticsearch://{cluster.url.removeprefix('http://')}/?{query}"


def _calls(location: str) -> Calls:
    reader = open_store(location)
    try:
        rows = reader.edges(MINUTES).group_by(["caller", "callee"]).aggregate([("calls", "sum")]).to_pylist()
        return {(row["caller"], row["callee"]): row["calls_sum"] for row in rows if row["calls_sum"]}
    finally:
        reader.close()


def test_rollups_in_place(
    elasticsearch: Cluster, index: Index, namespace: str, jaeger: Recorded, tmp_path: Path
) -> None:
    """Nothing is copied: the graph is read from minutes of rollups beside Jaeger's own index, traces from that."""
    index.put(jaeger.documents[::2])
    store = _store(elasticsearch, namespace)
    options = ("--layout", "jaeger", "--store", store)
    assert attach_here(elasticsearch, index.name, tmp_path / "data", *options).returncode == 0
    index.put(jaeger.documents[1::2])
    done = attach_here(elasticsearch, index.name, tmp_path / "data", *options)
    assert done.returncode == 0 and "nothing was copied" in done.stderr, done.stderr
    place = _store(elasticsearch, namespace, layout="jaeger", indices=index.name)
    assert _calls(place) == jaeger.calls
    edges = graph(tmp_path / "data", "--store", place, *WHEN)["edges"]
    assert {(edge["caller"], edge["callee"]): edge["calls"] for edge in edges} == jaeger.calls
    reader = open_store(place)
    try:
        spans = reader.spans(EVER, columns=["trace_id"], limit=5).table
        trace_id = spans["trace_id"][0].as_py()
        same = [one for one in jaeger.documents if one["traceID"] == trace_id.hex()]
        assert reader.trace(trace_id).num_rows == len(same)
    finally:
        reader.close()


def test_copies_in_our_indices(
    elasticsearch: Cluster, index: Index, namespace: str, jaeger: Recorded, tmp_path: Path
) -> None:
    """Whole spans are copied once, however often that is done; rolled up they give the same graph."""
    index.put(jaeger.documents)
    store = _store(elasticsearch, namespace)
    options = ("--layout", "jaeger", "--spans", "copy", "--store", store)
    for data in ("data", "data", "other"):  # the last one has no cursor: it reads all again
        done = attach_here(elasticsearch, index.name, tmp_path / data, *options)
        assert done.returncode == 0, done.stderr
    httpx2.post(f"{elasticsearch.url}/traces-causeway.otel-{namespace}/_refresh", timeout=30).raise_for_status()
    roll_up(open_worker(parse_location(store)), MINUTES)
    assert _calls(store) == jaeger.calls
    reader = open_store(store)
    try:
        assert reader.spans(MINUTES, columns=["span_id"], limit=None).table.num_rows == len(jaeger.documents)
    finally:
        reader.close()


def test_rollups_elsewhere_are_refused(
    elasticsearch: Cluster, index: Index, namespace: str, jaeger: Recorded, tmp_path: Path
) -> None:
    """Rollups lie beside their documents; the error says what else to do."""
    index.put(jaeger.documents[:10])
    other = f"elasticsearch://127.0.0.1:9/?namespace={namespace}"
    done = attach_here(elasticsearch, index.name, tmp_path / "data", "--store", other)
    assert done.returncode == 2 and "--spans copy" in done.stderr
