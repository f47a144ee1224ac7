"""`causeway attach` on documents that a real Jaeger wrote, in a real Elasticsearch with Jaeger's own mapping."""

from __future__ import annotations

import datetime as dt
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from causeway.errors import StoreError
from tests.collectors.attach.sources import (
    Calls,
    Index,
    Recorded,
    attach,
    attach_here,
    attached,
    calls_in,
    graph,
    made_index,
    made_stream,
    recorded,
    spans_in,
    unique,
)
from tests.servers.elasticsearch import Cluster
from tests.servers.process import wait_for

WHEN = ("--from", "2023-01-29T08:40:00Z", "--to", "2023-01-29T09:00:00Z")


@pytest.fixture(scope="module")
def jaeger(shared_data: Path) -> Recorded:
    return recorded(shared_data)


@pytest.fixture
def index(elasticsearch: Cluster, jaeger: Recorded) -> Iterator[Index]:
    name = unique("test*-jaeger-span-2023-01-29")
    with made_index(elasticsearch, name, jaeger.mappings) as made:
        yield made


def _times(calls: Calls, factor: int) -> Calls:
    return {pair: count * factor for pair, count in calls.items()}


def test_the_graph_is_that_of_the_recorded_calls(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path
) -> None:
    """What a user sees after attaching are exactly the edges and calls that the spans hold, and what to do next."""
    index.put(jaeger.documents)
    done = attach(elasticsearch, index.name, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "4,742 spans" in done.stderr and "54 edges" in done.stderr and "causeway graph --data" in done.stderr
    edges = graph(tmp_path / "data", *WHEN)["edges"]
    assert {(edge["caller"], edge["callee"]): edge["calls"] for edge in edges} == jaeger.calls


def test_attaching_again_doubles_nothing(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path
) -> None:
    """A second run reads only what is new; one without the cursor reads all, and still counts nothing twice."""
    index.put(jaeger.documents)
    assert attach_here(elasticsearch, index.name, tmp_path / "data").returncode == 0
    again = attach_here(elasticsearch, index.name, tmp_path / "data")
    assert "0 spans read" in again.stderr
    for cursor in (tmp_path / "data" / "attach").iterdir():
        cursor.unlink()
    whole = attach_here(elasticsearch, index.name, tmp_path / "data")
    assert "4,742 spans read" in whole.stderr
    assert calls_in(tmp_path / "data") == jaeger.calls
    assert spans_in(tmp_path / "data") == len(jaeger.documents)


def test_late_documents_join_their_traces(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path
) -> None:
    """Spans that come after a run are found by the next one, and their calls are those of whole traces."""
    index.put(jaeger.documents[::2])
    assert attach_here(elasticsearch, index.name, tmp_path / "data").returncode == 0
    assert calls_in(tmp_path / "data") != jaeger.calls
    index.put(jaeger.documents[1::2])
    assert attach_here(elasticsearch, index.name, tmp_path / "data").returncode == 0
    assert calls_in(tmp_path / "data") == jaeger.calls


@pytest.mark.slow
def test_new_documents_are_followed(elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path) -> None:
    """A run that follows takes in what comes, within a few rounds, and ends cleanly when it is asked to."""
    minutes = int(time.time() // 60 - jaeger.documents[0]["startTimeMillis"] // 60_000)
    now = [
        {
            **document,
            "startTime": document["startTime"] + minutes * 60_000_000,
            "startTimeMillis": document["startTimeMillis"] + minutes * 60_000,
        }
        for document in jaeger.documents
    ]
    index.put(now[:2000])
    data = tmp_path / "data"

    def holds(count: int) -> bool:
        try:
            return spans_in(data) == count
        except StoreError:
            return False

    with attached(elasticsearch, index.name, data, tmp_path) as child:
        child.wait_for(lambda: holds(2000), what="what was there", timeout_s=60)
        index.put(now[2000:])
        child.wait_for(lambda: holds(len(now)), what="what came later", timeout_s=60)
        assert child.stop(by=signal.SIGINT) == 0
    assert calls_in(data) == jaeger.calls


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3])
def test_killed_in_the_middle(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path, kills: int
) -> None:
    """Killed again and again while it reads and started again: nothing is lost, nothing counted twice."""
    copies = 8 * 3
    for number in range(copies):
        index.put(jaeger.copy(number))
    data = tmp_path / "data"
    cursor = None
    for _ in range(kills):
        with attached(elasticsearch, index.name, data, tmp_path) as child:
            before = cursor

            def moved(before: bytes | None = before) -> bytes | None:
                found = next(iter((data / "attach").glob("*.npz")), None)
                content = found.read_bytes() if found else None
                return content if content != before else None

            cursor = child.wait_for(moved, what="some parts to be read", timeout_s=60)
            child.stop(by=signal.SIGKILL)
    done = attach_here(elasticsearch, index.name, data)
    assert done.returncode == 0, done.stderr
    assert "\n0 spans read" not in done.stderr, "it was done before it was killed: read more"
    assert spans_in(data) == copies * len(jaeger.documents)
    assert calls_in(data) == _times(jaeger.calls, copies)


def test_rollover_indices_behind_an_alias(elasticsearch: Cluster, jaeger: Recorded, tmp_path: Path) -> None:
    """With rollover Jaeger numbers its indices and reads them by an alias: each document counts once."""
    name = unique("test*-jaeger-span")
    alias = f"{name}-read"
    with (
        made_index(elasticsearch, f"{name}-000001", jaeger.mappings, aliases=[alias]) as first,
        made_index(elasticsearch, f"{name}-000002", jaeger.mappings, aliases=[alias]) as second,
    ):
        first.put(jaeger.documents[:3000])
        second.put(jaeger.documents[3000:])
        done = attach_here(elasticsearch, f"{name}-*", tmp_path / "data", "--spans", "copy")
        assert done.returncode == 0, done.stderr
        assert calls_in(tmp_path / "data") == jaeger.calls
        assert attach_here(elasticsearch, alias, tmp_path / "by_alias").returncode == 0
        assert calls_in(tmp_path / "by_alias") == jaeger.calls


def test_data_stream_of_jaeger_2(elasticsearch: Cluster, jaeger: Recorded, tmp_path: Path) -> None:
    """Jaeger's data stream adds a time of its own; the documents are the same otherwise.

    No Jaeger wrote these: the recorded documents were given the field.
    """
    mappings = {
        **jaeger.mappings,
        "properties": {**jaeger.mappings["properties"], "@timestamp": {"type": "date_nanos"}},
    }
    with made_stream(elasticsearch, unique("test*-jaeger.spans"), mappings) as stream:
        stream.put({**one, "@timestamp": _stamp(one["startTime"])} for one in jaeger.documents)
        done = attach_here(elasticsearch, stream.name, tmp_path / "data", "--layout", "jaeger")
        assert done.returncode == 0, done.stderr
        assert calls_in(tmp_path / "data") == jaeger.calls


def _stamp(micros: int) -> str:
    moment = dt.datetime.fromtimestamp(micros // 1_000_000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000:06d}Z"


def test_a_missing_index_lists_what_there_is(elasticsearch: Cluster, index: Index, tmp_path: Path) -> None:
    """The error names the indices that look readable, and their layouts."""
    done = attach_here(elasticsearch, "nowhere-*", tmp_path / "data", "--layout", "jaeger")
    assert done.returncode == 2
    assert "nothing to read in nowhere-*" in done.stderr and "jaeger: " in done.stderr


def test_a_wrong_layout_says_which_it_looks_like(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path
) -> None:
    """Documents are looked at before any is taken in."""
    index.put(jaeger.documents[:10])
    done = attach_here(elasticsearch, index.name, tmp_path / "data", "--layout", "skywalking")
    assert done.returncode == 2
    assert "not those of skywalking; they look like jaeger: try --layout jaeger" in done.stderr


def test_other_spans_option_is_refused(elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path) -> None:
    """A folder filled with reduced spans does not take whole ones later: which is which could not be told."""
    index.put(jaeger.documents[:10])
    assert attach_here(elasticsearch, index.name, tmp_path / "data").returncode == 0
    done = attach_here(elasticsearch, index.name, tmp_path / "data", "--spans", "copy")
    assert done.returncode == 2 and "--spans rollups" in done.stderr


def test_nothing_of_the_source_is_changed(
    elasticsearch: Cluster, index: Index, jaeger: Recorded, tmp_path: Path
) -> None:
    """Attaching only reads: no operation on the index but searches."""
    index.put(jaeger.documents)
    path = f"/{index.name}/_stats/indexing,docs"

    def writes() -> object:
        primaries = elasticsearch.get(path)["_all"]["primaries"]
        return primaries["docs"]["count"], primaries["indexing"]["index_total"], primaries["indexing"]["delete_total"]

    before = wait_for(writes, what="the statistics")
    assert attach_here(elasticsearch, index.name, tmp_path / "data").returncode == 0
    assert writes() == before
