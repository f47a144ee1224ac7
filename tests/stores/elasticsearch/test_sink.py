"""What a flush leaves in a real Elasticsearch: every record once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pyarrow as pa
import pytest

from causeway.errors import StoreError
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.generations import Generations
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from tests.servers.elasticsearch import Cluster
from tests.small_store import Shop, shop_batch
from tests.stores.elasticsearch.namespaces import namespace

BATCH = shop_batch(Shop(minutes=2, traces_per_minute=20)).tables
SPANS = BATCH["spans"].num_rows
NEW = sum(BATCH[name].num_rows for name in ("spans", "logs", "events"))


@pytest.fixture
def server(elasticsearch: Cluster) -> Cluster:
    return elasticsearch


@pytest.fixture
def settings(server: Cluster) -> Iterator[ElasticsearchSettings]:
    # Bodies of 64 KiB, one after the other: several per flush, in a known order.
    with namespace(server, bulk_bytes=1 << 16, bulk_in_flight=1) as found:
        yield found


@pytest.fixture
def sink(settings: ElasticsearchSettings) -> Iterator[ElasticsearchSink]:
    with_sink = ElasticsearchSink(settings)
    yield with_sink
    with_sink.close()


def found_spans(server: Cluster, sink: ElasticsearchSink) -> list[tuple[str, str]]:
    """(trace_id, span_id) of every span document there is, copies included, sorted."""
    sink.refresh()
    body = {"size": 10_000, "_source": ["trace_id", "span_id"]}
    answer = httpx2.post(f"{server.url}/{sink.names.spans}/_search", json=body, timeout=30)
    hits = [hit["_source"] for hit in orjson.loads(answer.content)["hits"]["hits"]]
    return sorted((hit["trace_id"], hit["span_id"]) for hit in hits)


def sent_spans(table: pa.Table = BATCH["spans"]) -> list[tuple[str, str]]:
    return sorted(
        (row["trace_id"].hex(), row["span_id"].hex()) for row in table.select(["trace_id", "span_id"]).to_pylist()
    )


def roll_over(server: Cluster, stream: str) -> None:
    httpx2.post(f"{server.url}/{stream}/_rollover", timeout=60).raise_for_status()


def test_a_flush_sent_again_stores_nothing_new(server: Cluster, sink: ElasticsearchSink) -> None:
    """The second copy of each record meets its id; references are sent once per process."""
    assert sink.flush([BATCH], log_position=1) == NEW
    assert sink.flush([BATCH, BATCH], log_position=2) == 0
    assert found_spans(server, sink) == sent_spans()
    for index, name in ((sink.names.resources, "resources"), (sink.names.series, "series")):
        assert server.get(f"/{index}/_count")["count"] == BATCH[name].num_rows
    assert (sink.counters.created, sink.counters.withdrawn, sink.counters.dead_letters) == (NEW, 0, 0)


def test_a_span_document_can_be_found_by_its_attributes(server: Cluster, sink: ElasticsearchSink) -> None:
    """Term queries on attributes.KEY and resource.attributes.KEY work, and service.name is an alias."""
    sink.flush([BATCH], log_position=1)
    sink.refresh()
    row = next(row for row in BATCH["spans"].to_pylist() if row["attributes"])
    key, value = row["attributes"][0]
    resource = {found["resource_id"]: found for found in BATCH["resources"].to_pylist()}[row["resource_id"]]
    wanted = [
        {"term": {f"attributes.{key}": value}},
        {"term": {"service.name": row["service"]}},
        {"terms": {"trace_id": [row["trace_id"].hex()]}},
        *({"term": {f"resource.attributes.{name}": text}} for name, text in resource["attributes"]),
    ]
    body = {"query": {"bool": {"filter": wanted}}, "size": 100}
    answer = httpx2.post(f"{server.url}/{sink.names.spans}/_search", json=body, timeout=30).json()
    assert row["span_id"].hex() in {hit["_source"]["span_id"] for hit in answer["hits"]["hits"]}


@pytest.mark.parametrize("rollovers", [1, 3])
def test_a_record_resent_after_a_rollover_stays_single(
    server: Cluster, sink: ElasticsearchSink, rollovers: int
) -> None:
    """The new backing index takes the old ids again; the copies are withdrawn."""
    half = BATCH["spans"].slice(0, SPANS // 2)
    sink.flush([{**BATCH, "spans": half}], log_position=1)
    for _ in range(rollovers):
        roll_over(server, sink.names.spans)
        sink.flush([{"spans": half.slice(0, 10)}], log_position=2)
    assert sink.flush([BATCH], log_position=3) == SPANS - half.num_rows
    assert found_spans(server, sink) == sent_spans()
    assert sink.flush([BATCH], log_position=3) == 0
    assert found_spans(server, sink) == sent_spans()


def test_a_rollover_in_the_middle_of_a_flush_leaves_one_copy(
    server: Cluster, sink: ElasticsearchSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bodies go to the old index, the others to the new one, when the batch is sent a second time."""
    sink.flush([{"spans": BATCH["spans"]}], log_position=1)
    send, bodies = sink._sender.request, []

    def request(path: str, body: bytes) -> bytes:
        if path == f"/{sink.names.spans}/_bulk":
            bodies.append(len(body))
            if len(bodies) == 2:
                roll_over(server, sink.names.spans)
        return send(path, body)

    monkeypatch.setattr(sink._sender, "request", request)
    assert sink.flush([BATCH], log_position=1) == NEW - SPANS
    assert len(bodies) >= 3
    assert found_spans(server, sink) == sent_spans()


@pytest.mark.parametrize("rollover_again", [False, True])
def test_a_crash_between_sending_and_withdrawing_heals(
    server: Cluster,
    settings: ElasticsearchSettings,
    sink: ElasticsearchSink,
    monkeypatch: pytest.MonkeyPatch,
    rollover_again: bool,
) -> None:
    """The next process finds the copies, though its own are refused or in a third backing index."""
    sink.flush([BATCH], log_position=1)
    roll_over(server, sink.names.spans)

    def die(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Generations, "_delete", die)
        with pytest.raises(KeyboardInterrupt):
            sink.flush([BATCH], log_position=2)
    assert len(found_spans(server, sink)) == 2 * SPANS
    if rollover_again:
        roll_over(server, sink.names.spans)
    following = ElasticsearchSink(settings)
    assert following.flush([BATCH], log_position=2) == 0
    assert found_spans(server, following) == sent_spans()
    following.close()


def test_two_collectors_that_get_the_same_records_around_a_rollover_store_them_once(
    server: Cluster, settings: ElasticsearchSettings, sink: ElasticsearchSink
) -> None:
    """One that knows the old backing index only, and one that comes later: what was unseen by a search is found."""
    other = ElasticsearchSink(settings)
    sink.flush([{"spans": BATCH["spans"].slice(0, 5)}], log_position=1)
    other.flush([{"spans": BATCH["spans"].slice(5, 5)}], log_position=1)
    roll_over(server, sink.names.spans)
    other.flush([{"spans": BATCH["spans"]}], log_position=2)
    sink.flush([{"spans": BATCH["spans"]}], log_position=2)
    roll_over(server, sink.names.spans)
    sink.flush([{"spans": BATCH["spans"]}], log_position=3)
    assert found_spans(server, sink) == sent_spans()
    other.close()


def test_documents_that_are_refused_are_kept_with_the_reason(
    server: Cluster, settings: ElasticsearchSettings, sink: ElasticsearchSink
) -> None:
    """A bad one goes to the dead letters as text; its neighbours are stored."""
    sink.flush([{"spans": BATCH["spans"].slice(0, 1)}], log_position=1)
    mapping = {"properties": {"trace_state": {"type": "long"}}}
    httpx2.put(f"{server.url}/{sink.names.spans}/_mapping", json=mapping, timeout=30).raise_for_status()
    place = BATCH["spans"].schema.get_field_index("trace_state")
    states = pa.array(["no number" if k == 7 else "1" for k in range(SPANS)])
    spans = BATCH["spans"].set_column(place, "trace_state", states)
    assert sink.flush([{"spans": spans}], log_position=2) == SPANS - 2
    assert sink.flush([{"spans": spans}], log_position=2) == 0
    refused = spans.slice(7, 1)
    assert found_spans(server, sink) == sorted(set(sent_spans()) - set(sent_spans(refused)))
    (letter,) = server.get(f"/{sink.names.dead_letters}/_search")["hits"]["hits"]
    assert "no number" in letter["_source"]["reason"]
    assert letter["_source"]["stream"] == sink.names.spans
    assert orjson.loads(letter["_source"]["document"])["span_id"] == sent_spans(refused)[0][1]
    assert sink.counters.dead_letters == 2


def test_only_what_met_no_room_is_sent_again(server: Cluster, settings: ElasticsearchSettings) -> None:
    """An index that takes nothing answers 429 for each document; after a wait these are sent again, and stored."""
    waits: list[float] = []

    def make_room(wait_s: float) -> None:
        waits.append(wait_s)
        block(False)

    def block(there: bool) -> None:
        change = {"index.blocks.read_only_allow_delete": there or None}
        httpx2.put(f"{server.url}/{sink.names.spans}/_settings", json=change, timeout=30).raise_for_status()

    sink = ElasticsearchSink(settings, sleep=make_room)
    sink.flush([{"spans": BATCH["spans"].slice(0, 1)}], log_position=1)
    block(True)
    assert sink.flush([{"spans": BATCH["spans"]}], log_position=2) == SPANS - 1
    assert len(waits) == 1
    assert 0 < sink.counters.busy < SPANS  # the bodies after the first met no block
    assert found_spans(server, sink) == sent_spans()
    sink.close()


def test_a_server_that_stays_full_fails_the_flush_and_loses_nothing(
    server: Cluster, settings: ElasticsearchSettings
) -> None:
    """The error says why; the same flush succeeds later."""
    sink = ElasticsearchSink(settings, sleep=lambda _: None)
    sink.flush([{"spans": BATCH["spans"].slice(0, 1)}], log_position=1)
    path = f"{server.url}/{sink.names.spans}/_settings"
    httpx2.put(path, json={"index.blocks.read_only_allow_delete": True}, timeout=30).raise_for_status()
    with pytest.raises(StoreError, match=r"no room for .* documents of traces-causeway"):
        sink.flush([BATCH], log_position=2)
    httpx2.put(path, json={"index.blocks.read_only_allow_delete": None}, timeout=30).raise_for_status()
    assert sink.flush([BATCH], log_position=2) == NEW - 1
    assert found_spans(server, sink) == sent_spans()
    sink.close()


def test_a_server_that_is_not_there_is_a_plain_error() -> None:
    """No stack of the client's, and no secrets."""
    settings = ElasticsearchSettings(hosts=("http://127.0.0.1:1",), username="u", password="hush", retries=0)
    sink = ElasticsearchSink(settings)
    with pytest.raises(StoreError, match="no node can be reached") as caught:
        sink.flush([BATCH], log_position=1)
    assert "hush" not in repr(caught.value) + repr(settings) + repr(connect(settings))
    sink.close()
