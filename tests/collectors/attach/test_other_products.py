"""Attaching to what Elastic APM and SkyWalking keep. The documents are made by the published formats, by no agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from causeway.stores import open_store
from tests.collectors.attach.sources import attach_here, calls_in, made_index, made_stream, unique
from tests.servers.collector import EVER
from tests.servers.elasticsearch import Cluster
from tests.stores.elasticsearch.foreign import segments
from tests.stores.elasticsearch.foreign.segments import (
    DATABASE,
    ENTRY,
    EXIT,
    HTTP,
    LOCAL,
    QUEUE,
    document,
    reference,
    span,
)

MS = 1_700_000_000_000
REQUESTS = 30
# One request: web asks orders over HTTP; orders works a while by itself, asks its database, which sends no spans,
# asks a payment provider that sends none either, and puts a message into a queue that mail takes out.
CALLS = {
    ("web", "orders"): REQUESTS,
    ("orders", "db1"): REQUESTS,
    ("orders", "pay.example"): REQUESTS,
    ("orders", "new-orders"): REQUESTS,
    ("new-orders", "mail"): REQUESTS,
}
APM_MAPPINGS: dict[str, Any] = {
    "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
    "properties": {
        "@timestamp": {"type": "date"},
        "timestamp": {"properties": {"us": {"type": "long"}}},
    },
}


def _segments(number: int) -> list[dict[str, Any]]:
    trace, at = f"{number:032x}.1.{number}", MS + number * 500

    def name(part: str) -> str:
        return f"{number:032x}.{part}"

    def refer(part: str, span_number: int) -> dict[str, Any]:
        return reference(name(part), span_number, trace=trace)

    web = [
        span(0, -1, "GET:/", ENTRY, at, spanLayer=HTTP, took_ms=90),
        span(1, 0, "/orders", EXIT, at + 1, spanLayer=HTTP, peer="orders:80", tags={"url": "http://orders/"}),
    ]
    orders = [
        span(0, -1, "/orders", ENTRY, at + 2, spanLayer=HTTP, refs=[refer("web", 1)], took_ms=50),
        span(1, 0, "work", LOCAL, at + 3),
        span(2, 1, "select", EXIT, at + 4, spanLayer=DATABASE, componentId=33, peer="db1:3306"),
        span(3, 0, "/charge", EXIT, at + 5, spanLayer=HTTP, peer="pay.example:443"),
        span(4, 0, "send", EXIT, at + 6, spanLayer=QUEUE, componentId=40, tags={"mq.topic": "new-orders"}),
    ]
    taken = {"spanLayer": QUEUE, "componentId": 41, "tags": {"mq.topic": "new-orders"}}
    mail = [span(0, -1, "take", ENTRY, at + 200, refs=[refer("orders", 4)], **taken)]
    parts = {"web": web, "orders": orders, "mail": mail}
    return [document(name(part), part, spans, trace=trace) for part, spans in parts.items()]


def _apm(number: int) -> list[dict[str, Any]]:
    at = MS + number * 500

    def ident(part: int) -> str:
        return f"{number + 1:08x}{part:08x}"

    def event(service: str, kind: str, part: int, parent: int | None, after_ms: int, **said: Any) -> dict[str, Any]:
        body = {"id": ident(part), "name": f"{service} {part}", "duration": {"us": 5000}, **said.pop("body")}
        stamp = at + after_ms
        return {
            "@timestamp": stamp,
            "timestamp": {"us": stamp * 1000 + 7},
            "processor": {"event": kind},
            "trace": {"id": f"{number + 1:032x}"},
            "service": {"name": service},
            "event": {"outcome": "success"},
            **({"parent": {"id": ident(parent)}} if parent else {}),
            kind: body,
            **said,
        }

    def leaves(kind: str, subtype: str, resource: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "subtype": subtype, "destination": {"service": {"resource": resource}}, **more}

    queue = {"message": {"queue": {"name": "new-orders"}}}
    sent = {**leaves("messaging", "kafka", "kafka/new-orders", action="send"), **queue}
    return [
        event("web", "transaction", 1, None, 0, body={"type": "request"}),
        event("web", "span", 2, 1, 1, body=leaves("external", "http", "orders:80")),
        event("orders", "transaction", 3, 2, 2, body={"type": "request"}),
        event("orders", "span", 4, 3, 3, body={"type": "app"}),
        event("orders", "span", 5, 4, 4, body=leaves("db", "mysql", "mysql"), destination={"address": "db1"}),
        event("orders", "span", 6, 3, 5, body=leaves("external", "http", "pay.example:443")),
        event("orders", "span", 7, 3, 6, body=sent),
        event("mail", "transaction", 8, 7, 200, body={"type": "messaging", **queue}),
    ]


def test_skywalking(elasticsearch: Cluster, tmp_path: Path) -> None:
    """Segments give who calls whom, with databases, outsiders and queues that send no spans."""
    with made_index(elasticsearch, unique("test*_segment-20231114"), segments.MAPPINGS) as index:
        index.put(one for number in range(REQUESTS) for one in _segments(number))
        done = attach_here(elasticsearch, index.name, tmp_path / "data", "--layout", "skywalking")
        assert done.returncode == 0, done.stderr
        assert calls_in(tmp_path / "data") == CALLS
        assert f"{REQUESTS * 8} spans read from {REQUESTS * 3} documents" in done.stderr
        assert "0 spans read" in attach_here(elasticsearch, index.name, tmp_path / "data").stderr


def test_apm(elasticsearch: Cluster, tmp_path: Path) -> None:
    """Transactions and spans give the same graph; documents of other events are not read."""
    with made_stream(elasticsearch, unique("traces-apm.test*-default"), APM_MAPPINGS) as stream:
        stream.put(one for number in range(REQUESTS) for one in _apm(number))
        stream.put([{"@timestamp": MS, "processor": {"event": "error"}, "trace": {"id": "1"}, "error": {"id": "1"}}])
        done = attach_here(elasticsearch, stream.name, tmp_path / "data", "--layout", "apm", "--spans", "copy")
        assert done.returncode == 0, done.stderr
        assert calls_in(tmp_path / "data") == CALLS
        assert f"{REQUESTS * 8} spans read from {REQUESTS * 8} documents" in done.stderr


def test_copies_are_whole(elasticsearch: Cluster, tmp_path: Path) -> None:
    """With --spans copy attributes and senders can be looked up afterwards, without it they are not kept."""
    with made_index(elasticsearch, unique("test*_segment-20231114"), segments.MAPPINGS) as index:
        index.put(_segments(1))
        for mode, attributes in (("copy", {"mq.topic": "new-orders"}), ("rollups", {})):
            done = attach_here(elasticsearch, index.name, tmp_path / mode, "--spans", mode)
            assert done.returncode == 0, done.stderr
            reader = open_store(tmp_path / mode)
            try:
                rows = reader.spans(EVER, limit=None).table.to_pylist()
                taken = next(row for row in rows if row["operation"] == "take")
                assert attributes.items() <= dict(taken["attributes"]).items()
                assert bool(taken["attributes"]) == bool(attributes)
                trace = reader.trace(taken["trace_id"]).to_pylist()
                assert {dict(row["resource"])["service.name"] for row in trace} == {"web", "orders", "mail"}
            finally:
                reader.close()


def test_the_layout_is_found_out(elasticsearch: Cluster, tmp_path: Path) -> None:
    """Without --layout the documents of the index decide."""
    with made_index(elasticsearch, unique("test*_segment-20231114"), segments.MAPPINGS) as index:
        index.put(_segments(1))
        done = attach_here(elasticsearch, index.name, tmp_path / "data")
        assert done.returncode == 0 and "documents of skywalking" in done.stderr, done.stderr


def _otel(number: int) -> list[dict[str, Any]]:
    at = MS + number * 500

    def one(service: str, part: int, parent: int | None, kind: str, **attributes: str) -> dict[str, Any]:
        above = {"parent_span_id": f"{number + 1:08x}{parent:08x}"} if parent else {}
        return {
            "@timestamp": f"{at + part}.{number * 37}",
            "trace_id": f"{number + 1:032x}",
            "span_id": f"{number + 1:08x}{part:08x}",
            **above,
            "name": f"{service} {part}",
            "kind": kind,
            "duration": 5_000_000,
            "status": {"code": "Ok"},
            "attributes": attributes,
            "resource": {"attributes": {"service.name": service}},
            "scope": {"name": "test"},
        }

    queue = {"messaging.system": "kafka", "messaging.destination.name": "new-orders"}
    return [
        one("web", 1, None, "Server"),
        one("web", 2, 1, "Client", **{"server.address": "orders"}),
        one("orders", 3, 2, "Server"),
        one("orders", 4, 3, "Internal"),
        one("orders", 5, 4, "Client", **{"db.system.name": "mysql", "server.address": "db1"}),
        one("orders", 6, 3, "Client", **{"server.address": "pay.example"}),
        one("orders", 7, 3, "Producer", **queue),
        one("mail", 8, 7, "Consumer", **queue),
    ]


def test_otel(elasticsearch: Cluster, tmp_path: Path) -> None:
    """Documents in the form of the Collector's exporter, with its times in fractions of a millisecond."""
    mappings = {
        "properties": {"@timestamp": {"type": "date_nanos"}, "trace_id": {"type": "keyword"}},
        "dynamic": False,
    }
    with made_index(elasticsearch, unique("traces-test*.otel-default"), mappings) as index:
        index.put(one for number in range(REQUESTS) for one in _otel(number))
        done = attach_here(elasticsearch, index.name, tmp_path / "data")
        assert done.returncode == 0, done.stderr
        assert calls_in(tmp_path / "data") == CALLS
        assert "0 spans read" in attach_here(elasticsearch, index.name, tmp_path / "data").stderr
