"""Who a span talks to: old and new semantic conventions side by side."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import attributes, span, trace_request

CLIENT, PRODUCER, CONSUMER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
SERVER, INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL
COLUMNS = ["peer_service", "peer_address", "peer_type", "protocol"]

CASES = {
    "nothing said": (CLIENT, {}, (None, None, None, None)),
    "database, new": (
        CLIENT,
        {"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "pg-0"},
        ("pg-0", "pg-0", "database", "postgresql"),
    ),
    "database, old": (
        CLIENT,
        {"db.system": "mysql", "db.name": "shop", "net.peer.name": "my-0"},
        ("my-0", "my-0", "database", "mysql"),
    ),
    "database without address": (CLIENT, {"db.system": "redis"}, ("redis", None, "database", "redis")),
    "peer.service wins, database stays": (
        CLIENT,
        {"db.system": "redis", "server.address": "r-0", "peer.service": "cache"},
        ("cache", "r-0", "database", "redis"),
    ),
    "peer.service alone": (CLIENT, {"peer.service": "bank"}, ("bank", None, "external", None)),
    "queue, new": (
        PRODUCER,
        {"messaging.system": "kafka", "messaging.destination.name": "orders", "server.address": "k-0"},
        ("orders", "k-0", "queue", "kafka"),
    ),
    "queue, old, read": (
        CONSUMER,
        {"messaging.system": "rabbitmq", "messaging.destination": "mail"},
        ("mail", None, "queue", "rabbitmq"),
    ),
    "queue without destination": (PRODUCER, {"messaging.system": "kafka"}, ("kafka", None, "queue", "kafka")),
    "rpc": (
        CLIENT,
        {"rpc.system": "grpc", "rpc.service": "shop.Cart", "server.address": "cart"},
        ("shop.Cart", "cart", "external", "grpc"),
    ),
    "http, new": (
        CLIENT,
        {"http.request.method": "GET", "server.address": "a.example", "url.full": "https://b.example/"},
        ("a.example", "a.example", "external", "http"),
    ),
    "http, old": (
        CLIENT,
        {"http.method": "GET", "net.peer.name": "a.example"},
        ("a.example", "a.example", "external", "http"),
    ),
    "http host with port": (CLIENT, {"http.host": "a.example:8443"}, ("a.example", "a.example", "external", "http")),
    "url with all parts": (
        CLIENT,
        {"url.full": "https://user:secret@a.example:8443/p?q=x:y@z#f"},
        ("a.example", "a.example", "external", "http"),
    ),
    "url without path": (CLIENT, {"http.url": "http://a.example?q=1"}, ("a.example", "a.example", "external", "http")),
    "url of IPv6": (CLIENT, {"http.url": "http://[::1]:80/x"}, ("::1", "::1", "external", "http")),
    "url without host": (CLIENT, {"url.full": "http://"}, (None, None, None, "http")),
    "address only": (CLIENT, {"network.peer.address": "10.0.0.7"}, ("10.0.0.7", "10.0.0.7", "external", None)),
    "server has no peer": (
        SERVER,
        {"http.route": "/x", "client.address": "c", "server.address": "me"},
        (None, None, None, "http"),
    ),
    "rpc server": (SERVER, {"rpc.system": "grpc", "rpc.service": "shop.Cart"}, (None, None, None, "grpc")),
    "internal has no peer": (INTERNAL, {"peer.service": "bank"}, (None, None, None, None)),
    "numbers are no names": (CLIENT, {"peer.service": 7, "server.address": "a"}, ("a", "a", "external", None)),
    "empty text is no name": (CLIENT, {"peer.service": "", "server.address": "a"}, ("a", "a", "external", None)),
    "keys that only look alike": (
        CLIENT,
        {"peer.servicf": "x", "db.systen": "y", "httpx.a": "z", "server.addres": "w"},
        (None, None, None, None),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_peer(case: str) -> None:
    """Peer, address, type and protocol of one span."""
    kind, told, expected = CASES[case]
    request = trace_request(spans=[span(1, kind=kind, attributes=attributes(told))])
    row = decode("traces", [(request.SerializeToString(), "protobuf")]).tables["spans"].to_pylist()[0]
    assert tuple(row[name] for name in COLUMNS) == expected


def test_many_spans_do_not_mix() -> None:
    """In one batch every span has its own peer."""
    spans = [span(n, kind=kind, attributes=attributes(told)) for n, (kind, told, _) in enumerate(CASES.values(), 1)]
    payload = trace_request(spans=spans).SerializeToString()
    rows = decode("traces", [(payload, "protobuf")] * 2).tables["spans"].select(COLUMNS).to_pylist()
    assert [tuple(row.values()) for row in rows] == [expected for _, _, expected in CASES.values()] * 2
