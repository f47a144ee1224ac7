"""Jaeger's span documents in all shapes in which it writes them. Made by hand after `dbmodel` of its source."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.stores.elasticsearch.foreign.gathering import SCHEMA
from causeway.stores.elasticsearch.foreign.jaeger import JaegerDecoder

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def _document(**said: Any) -> dict[str, Any]:
    return {
        "traceID": TRACE,
        "spanID": SPAN,
        "operationName": "GET /orders",
        "references": [],
        "startTime": 1_700_000_000_123_456,
        "startTimeMillis": 1_700_000_000_123,
        "duration": 1500,
        "tags": [],
        "logs": None,
        "process": {"serviceName": "orders", "tags": []},
        **said,
    }


def _tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def _row(**said: Any) -> dict[str, Any]:
    rows = JaegerDecoder().decode([_document(**said)], SCHEMA.names).to_pylist()
    assert len(rows) == 1
    return rows[0]


def test_the_plain_fields() -> None:
    """Ids, names and times are those of the document; microseconds become nanoseconds."""
    row = _row(process={"serviceName": "orders", "tags": [_tag("k8s.pod.name", "orders-1")]})
    assert (row["trace_id"].hex(), row["span_id"].hex(), row["parent_span_id"]) == (TRACE, SPAN, None)
    assert (row["start_ns"], row["duration_ns"]) == (1_700_000_000_123_456_000, 1_500_000)
    assert (row["service"], row["operation"], row["instance"]) == ("orders", "GET /orders", "orders-1")
    assert dict(row["resource"]) == {"k8s.pod.name": "orders-1", "service.name": "orders"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"tags": [_tag("span.kind", "server")]}, "SERVER"),
        ({"tag": {"span@kind": "client"}}, "CLIENT"),
        ({"tags": None, "tag": {"span@kind": "producer"}}, "PRODUCER"),
        ({"tags": [_tag("span.kind", "consumer")]}, "CONSUMER"),
        ({"tag": {"span@kind": "internal"}}, "INTERNAL"),
        ({}, "UNSPECIFIED"),
    ],
)
def test_kinds_from_lists_and_objects_of_tags(said: dict[str, Any], kind: str) -> None:
    """The tag may stand in either; it is the span's kind and no attribute."""
    row = _row(**said)
    assert row["kind"] == kind
    assert row["attributes"] == []


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ([_tag("error", True, "bool")], "ERROR"),
        ([_tag("error", "true", "bool")], "ERROR"),
        ([_tag("error", "false", "bool")], "UNSET"),
        ([_tag("otel.status_code", "OK")], "OK"),
        ([_tag("otel.status_code", "ERROR")], "ERROR"),
        ([_tag("http.status_code", "503", "int64")], "ERROR"),
        ([_tag("http.status_code", 404, "int64")], "ERROR"),
        ([_tag("http.status_code", 404, "int64"), _tag("span.kind", "server")], "UNSET"),
        ([_tag("http.status_code", "200", "int64")], "UNSET"),
    ],
)
def test_status(tags: list[dict[str, Any]], status: str) -> None:
    """The error tag is believed first, then the status tag, then the HTTP status as a client or server means it."""
    assert _row(tags=tags)["status"] == status


def test_values_become_text() -> None:
    """Numbers, flags, bytes and text as the store's schema says."""
    tags = [
        _tag("n", "12", "int64"),
        _tag("m", 12, "int64"),
        _tag("f", 0.5, "float64"),
        _tag("b", True, "bool"),
        _tag("raw", "0001ff", "binary"),
        _tag("text", "名"),
    ]
    found = dict(_row(tags=tags, tag={"http@route": "/orders"})["attributes"])
    assert found == {
        "n": "12",
        "m": "12",
        "f": "0.5",
        "b": "true",
        "raw": "AAH/",
        "text": "名",
        "http.route": "/orders",
    }


def test_parents() -> None:
    """parentSpanID wins; else the first CHILD_OF of the trace, else the first FOLLOWS_FROM; others are links."""
    child = {"refType": "CHILD_OF", "traceID": TRACE, "spanID": PARENT}
    follows = {"refType": "FOLLOWS_FROM", "traceID": TRACE, "spanID": "00000000000000aa"}
    foreign = {"refType": "CHILD_OF", "traceID": "f" * 32, "spanID": "00000000000000bb"}
    assert _row(parentSpanID=PARENT)["parent_span_id"].hex() == PARENT
    assert _row(references=[follows, child])["parent_span_id"].hex() == PARENT
    assert _row(references=[follows])["parent_span_id"].hex() == follows["spanID"]
    row = _row(references=[foreign, child])
    assert row["parent_span_id"].hex() == PARENT
    assert [(one["span_id"].hex(), dict(one["attributes"])) for one in row["links"]] == [
        ("00000000000000bb", {"opentracing.ref_type": "child_of"})
    ]
    assert _row(references=[child])["links"] == []


def test_logs_are_events() -> None:
    """The field `event` is the name of an event, the others are its attributes."""
    logs = [{"timestamp": 1_700_000_000_123_500, "fields": [_tag("event", "exception"), _tag("exception.type", "E")]}]
    assert _row(logs=logs)["events"] == [
        {"time_ns": 1_700_000_000_123_500_000, "name": "exception", "attributes": [("exception.type", "E")]}
    ]


def test_short_ids_are_padded() -> None:
    """64-bit traces and ids without leading zeros mean the same as with them."""
    row = _row(traceID="8448eb211c80319c", spanID="abc", parentSpanID="f067aa0ba902b7")
    assert row["trace_id"].hex() == "0" * 16 + "8448eb211c80319c"
    assert row["span_id"].hex() == "0000000000000abc"
    assert row["parent_span_id"].hex() == "00f067aa0ba902b7"


def test_peers_by_the_rules_of_otlp() -> None:
    """A client of a database names it by its address and system."""
    tags = [_tag("span.kind", "client"), _tag("db.system", "mysql"), _tag("net.peer.name", "db1")]
    row = _row(tags=tags)
    assert (row["peer_service"], row["peer_type"], row["protocol"]) == ("db1", "database", "mysql")


def test_spans_without_ids_are_left_out() -> None:
    """What cannot be told apart is not counted; the others stay."""
    documents = [_document(), _document(spanID=""), _document(startTime=None), _document(traceID="0" * 32)]
    assert JaegerDecoder().decode(documents, ("span_id",)).num_rows == 1


def test_the_host_of_old_clients_is_the_instance() -> None:
    """Jaeger's own clients call it hostname."""
    assert _row(process={"serviceName": "a", "tags": [_tag("hostname", "a-7")]})["instance"] == "a-7"
