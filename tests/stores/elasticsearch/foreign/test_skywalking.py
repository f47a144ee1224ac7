"""SkyWalking's segments: ids, kinds, references and peers."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.stores.elasticsearch.foreign.gathering import SCHEMA
from causeway.stores.elasticsearch.foreign.skywalking import SkywalkingDecoder
from tests.stores.elasticsearch.foreign.segments import (
    CACHE,
    DATABASE,
    ENTRY,
    EXIT,
    HTTP,
    LOCAL,
    QUEUE,
    RPC,
    document,
    reference,
    span,
)

MS = 1_700_000_000_000


def _rows(*documents: dict[str, Any]) -> list[dict[str, Any]]:
    return SkywalkingDecoder().decode(documents, SCHEMA.names).to_pylist()


def _one(spans: list[dict[str, Any]]) -> dict[str, Any]:
    return _rows(document("s1", "orders", spans))[0]


def test_a_segment_becomes_its_spans() -> None:
    """Parents within a segment and across segments are found by segment and number."""
    caller = document(
        "s1", "web", [span(0, -1, "GET:/", ENTRY, MS, spanLayer=HTTP), span(1, 0, "/orders", EXIT, MS + 1)]
    )
    callee = document("s2", "orders", [span(0, -1, "/orders", ENTRY, MS + 2, refs=[reference("s1", 1)])])
    root, leaving, entered = _rows(caller, callee)
    assert root["parent_span_id"] is None
    assert leaving["parent_span_id"] == root["span_id"]
    assert entered["parent_span_id"] == leaving["span_id"]
    assert len({row["trace_id"] for row in (root, leaving, entered)}) == 1
    assert len(root["trace_id"]) == 16 and len(root["span_id"]) == 8
    assert (entered["service"], entered["instance"], entered["links"]) == ("orders", "orders-1", [])
    assert (entered["start_ns"], entered["duration_ns"]) == ((MS + 2) * 1_000_000, 10_000_000)


@pytest.mark.parametrize(
    ("kind", "layer", "name"),
    [
        (ENTRY, HTTP, "SERVER"),
        (ENTRY, QUEUE, "CONSUMER"),
        (EXIT, RPC, "CLIENT"),
        (EXIT, QUEUE, "PRODUCER"),
        (LOCAL, 0, "INTERNAL"),
    ],
)
def test_kinds(kind: int, layer: int, name: str) -> None:
    """Entry and exit of a queue are consumer and producer."""
    assert _one([span(0, -1, "x", kind, MS, spanLayer=layer)])["kind"] == name


@pytest.mark.parametrize(
    ("said", "peer"),
    [
        ({"spanLayer": DATABASE, "componentId": 33, "peer": "db1:3306"}, ("db1", "database", "mysql")),
        ({"spanLayer": CACHE, "componentId": 57, "peer": "r1:6379;r2:6379"}, ("r1", "database", "redis")),
        (
            {"spanLayer": DATABASE, "componentId": 9999, "peer": "db2:1", "tags": {"db.type": "DM"}},
            ("db2", "database", "dm"),
        ),
        (
            {"spanLayer": QUEUE, "componentId": 40, "peer": "k:9092", "tags": {"mq.topic": "new"}},
            ("new", "queue", "kafka"),
        ),
        ({"spanLayer": RPC, "componentId": 23, "peer": "stock:9000"}, ("stock", "external", "grpc")),
        (
            {"spanLayer": HTTP, "componentId": 2, "peer": "pay.example:443", "tags": {"url": "https://pay.example/x"}},
            ("pay.example", "external", "http"),
        ),
    ],
)
def test_peers(said: dict[str, Any], peer: tuple[str, str, str]) -> None:
    """What an exit span talks to, by its layer, component and tags."""
    row = _one([span(0, -1, "x", EXIT, MS, **said)])
    assert (row["peer_service"], row["peer_type"], row["protocol"]) == peer


def test_other_references_are_links() -> None:
    """A batch that was taken from several traces belongs to its own and links to the others."""
    refs = [reference("s8", 3, trace="another"), reference("s9", 2)]
    row = _one([span(0, -1, "batch", ENTRY, MS, spanLayer=QUEUE, refs=refs)])
    parent = _one([span(0, -1, "x", LOCAL, MS, refs=[reference("s9", 2)])])["parent_span_id"]
    assert row["parent_span_id"] == parent
    assert len(row["links"]) == 1 and row["links"][0]["span_id"] != parent


def test_errors_and_logs() -> None:
    """An error is the span's status; its logs are events."""
    log = {"time": MS + 3, "data": [{"key": "event", "value": "error"}, {"key": "error.kind", "value": "E"}]}
    row = _one([span(0, -1, "x", ENTRY, MS, isError=True, logs=[log])])
    assert row["status"] == "ERROR"
    assert row["events"] == [{"time_ns": (MS + 3) * 1_000_000, "name": "error", "attributes": [("error.kind", "E")]}]


def test_a_damaged_segment_is_left_out() -> None:
    """The others are read all the same."""
    good = document("s1", "a", [span(0, -1, "x", ENTRY, MS)])
    assert len(_rows({**good, "data_binary": "!!"}, {**good, "data_binary": "AAAA"}, good)) == 1
