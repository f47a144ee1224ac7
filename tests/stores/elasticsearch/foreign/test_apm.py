"""Elastic APM's documents. Made by hand after the approved documents of apm-server; no agent wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from causeway.stores.elasticsearch.foreign.apm import ApmDecoder
from causeway.stores.elasticsearch.foreign.gathering import SCHEMA

TRACE, TRANSACTION, SPAN = "abcdef0123456789abcdef9876543210", "ab23456a89012345", "1234567890aaaade"


def _common() -> dict[str, Any]:
    return {
        "@timestamp": "2018-07-30T18:53:42.281Z",
        "timestamp": {"us": 1532976822281999},
        "trace": {"id": TRACE},
        "event": {"outcome": "success"},
        "service": {
            "name": "orders",
            "version": "5.1",
            "environment": "staging",
            "node": {"name": "orders-1"},
            "target": {"name": "x"},
        },
        "host": {"name": "node-7"},
        "agent": {"name": "java", "version": "1.2", "ephemeral_id": "e"},
    }


def _transaction(**said: Any) -> dict[str, Any]:
    body = {"id": TRANSACTION, "name": "GET /orders", "type": "request", "duration": {"us": 32592}, **said}
    return {**_common(), "processor": {"event": "transaction"}, "transaction": body}


def _span(parts: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    body = {
        "id": SPAN,
        "name": "SELECT FROM product_types",
        "type": "db",
        "subtype": "postgresql",
        "duration": {"us": 3781},
        "destination": {"service": {"resource": "postgresql/shop"}},
        **said,
    }
    return {
        **_common(),
        "processor": {"event": "span"},
        "parent": {"id": TRANSACTION},
        "transaction": {"id": TRANSACTION},
        "span": body,
        **(parts or {}),
    }


def _row(document: dict[str, Any]) -> dict[str, Any]:
    return ApmDecoder().decode([document], SCHEMA.names).to_pylist()[0]


def test_a_transaction_is_a_server_span() -> None:
    """Its time is exact to the microsecond; who sent it are resource attributes in OpenTelemetry's words."""
    row = _row(_transaction())
    assert (row["trace_id"].hex(), row["span_id"].hex(), row["parent_span_id"]) == (TRACE, TRANSACTION, None)
    assert (row["kind"], row["status"], row["operation"]) == ("SERVER", "OK", "GET /orders")
    assert (row["start_ns"], row["duration_ns"]) == (1532976822281999000, 32592000)
    assert (row["service"], row["version"], row["instance"]) == ("orders", "5.1", "orders-1")
    assert dict(row["resource"])["deployment.environment.name"] == "staging"
    assert "x" not in dict(row["resource"]).values()


@pytest.mark.parametrize(
    ("document", "kind", "peer"),
    [
        (_span({"destination": {"address": "db1", "port": 5432}}), "CLIENT", ("db1", "database", "postgresql")),
        (_span(), "CLIENT", ("postgresql", "database", "postgresql")),
        (
            _span(type="external", subtype="http", destination={"service": {"resource": "shop:8080"}}),
            "CLIENT",
            ("shop", "external", None),
        ),
        (
            _span(type="messaging", subtype="kafka", action="send", destination={"service": {"resource": "kafka/new"}}),
            "PRODUCER",
            ("new", "queue", "kafka"),
        ),
        (
            _span(type="messaging", subtype="rabbitmq", action="poll", message={"queue": {"name": "mail"}}),
            "CONSUMER",
            ("mail", "queue", "rabbitmq"),
        ),
        (_span(type="app", subtype="inferred", destination=None), "INTERNAL", (None, None, None)),
        (_transaction(type="messaging", message={"queue": {"name": "new"}}), "CONSUMER", ("new", "queue", "messaging")),
        (_transaction(type="scheduled"), "INTERNAL", (None, None, None)),
        (_transaction(type="unknown", kind="SERVER"), "SERVER", (None, None, None)),
    ],
)
def test_kinds_and_peers(document: dict[str, Any], kind: str, peer: tuple[str | None, ...]) -> None:
    """What leaves the service is a client or producer, with the peer that its destination names."""
    row = _row(document)
    assert row["kind"] == kind
    assert (row["peer_service"], row["peer_type"], row["protocol"]) == peer


def test_dotted_names_read_as_nested_ones() -> None:
    """Some pipelines write `trace.id` for `trace: {id}`."""
    nested = _row(_span())
    flat = {
        "@timestamp": "2018-07-30T18:53:42.281Z",
        "timestamp.us": 1532976822281999,
        "trace.id": TRACE,
        "parent.id": TRANSACTION,
        "processor.event": "span",
        "event.outcome": "success",
        "service.name": "orders",
        "service.version": "5.1",
        "service.node.name": "orders-1",
        "span.id": SPAN,
        "span.name": "SELECT FROM product_types",
        "span.type": "db",
        "span.subtype": "postgresql",
        "span.duration.us": 3781,
        "span.destination.service.resource": "postgresql/shop",
    }
    found = _row(flat)
    same = ("trace_id", "span_id", "parent_span_id", "kind", "start_ns", "duration_ns", "status", "peer_service")
    assert {name: found[name] for name in same} == {name: nested[name] for name in same}


def test_links_and_labels() -> None:
    """Span links point to other traces; labels of both sorts are attributes."""
    link = {"trace": {"id": "1" * 32}, "span": {"id": "2" * 16}}
    row = _row(_span({"labels": {"team": "a"}, "numeric_labels": {"size": 3}}, links=[link]))
    assert [(one["trace_id"].hex(), one["span_id"].hex()) for one in row["links"]] == [("1" * 32, "2" * 16)]
    assert {"team": "a", "size": "3"}.items() <= dict(row["attributes"]).items()


def test_other_events_are_left_out() -> None:
    """Errors and metrics are no spans."""
    errors = {**_common(), "processor": {"event": "error"}, "error": {"id": "1"}, "transaction": {"id": TRANSACTION}}
    assert ApmDecoder().decode([errors, _transaction()], ("span_id",)).num_rows == 1
