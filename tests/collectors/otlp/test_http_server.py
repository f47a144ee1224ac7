"""The rules of OTLP/HTTP, by what a real server answers to real sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from causeway.errors import QueueFull, StoreError
from tests.collectors.otlp.requests import (
    logs_request,
    metrics_request,
    otlp_json,
    trace_request,
)
from tests.collectors.receiver import Collector, running_collector

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RESPONSES = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
REJECTED = {"traces": "rejected_spans", "metrics": "rejected_data_points", "logs": "rejected_log_records"}
REQUESTS = {"traces": trace_request, "metrics": metrics_request, "logs": logs_request}
RECORDS = {"traces": "spans", "metrics": "samples", "logs": "logs"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def send(
    collector: Collector,
    body: bytes | Iterator[bytes],
    *,
    path: str = "/v1/traces",
    method: str = "POST",
    content_type: str | None = PROTOBUF,
    **headers: str,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            named["Content-Type"] = content_type
        connection.request(method, path, body, named, encode_chunked=not isinstance(body, bytes))
        response = connection.getresponse()
        return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())
    finally:
        connection.close()


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_good_request(collector: Collector, signal: str, encoding: str) -> None:
    """A good request is stored and answered 200 in its own encoding with partial_success unset."""
    request = REQUESTS[signal]()
    body = request.SerializeToString() if encoding == PROTOBUF else otlp_json(request)
    answer = send(collector, body, path=f"/v1/{signal}", content_type=encoding)
    assert (answer.status, answer.headers["content-type"]) == (200, encoding)
    if encoding == JSON:
        assert json.loads(answer.body) == {}
    else:
        assert not RESPONSES[signal].FromString(answer.body).HasField("partial_success")
    assert collector.table(RECORDS[signal]).num_rows == 1


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_partial_success(collector: Collector, signal: str, encoding: str) -> None:
    """Of a request with a bad record the rest is stored; the answer is 200 with the count and the reason."""
    request = REQUESTS[signal](bad=2)
    body = request.SerializeToString() if encoding == PROTOBUF else otlp_json(request)
    answer = send(collector, body, path=f"/v1/{signal}", content_type=encoding)
    assert answer.status == 200
    if encoding == JSON:
        camel = REJECTED[signal].title().replace("_", "")
        part = json.loads(answer.body)["partialSuccess"]
        rejected, message = int(part[camel[0].lower() + camel[1:]]), part["errorMessage"]
    else:
        found = RESPONSES[signal].FromString(answer.body).partial_success
        rejected, message = getattr(found, REJECTED[signal]), found.error_message
    assert rejected == 2 and "2 " in message and "rejected" in message and "cart" in message
    assert collector.table(RECORDS[signal]).num_rows == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", PROTOBUF), (b"", JSON), (b"{}", JSON), (b'{"resourceSpans": []}', JSON), (b"\x0a\x00", PROTOBUF)],
)
def test_empty_request(collector: Collector, body: bytes, content_type: str) -> None:
    """An empty request is a success."""
    answer = send(collector, body, content_type=content_type)
    assert (answer.status, answer.body) == (200, b"{}" if content_type == JSON else b"")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("application/protobuf", 415),
        (None, 415),
    ],
)
def test_content_type(collector: Collector, content_type: str | None, status: int) -> None:
    """Two content types are taken, whatever their case and parameters; others are 415."""
    answer = send(collector, otlp_json(trace_request()), content_type=content_type)
    assert answer.status == status


@pytest.mark.parametrize(
    ("encoding", "make", "status"),
    [
        ("gzip", gzip.compress, 200),
        ("GZIP", gzip.compress, 200),
        ("identity", bytes, 200),
        ("gzip", lambda body: gzip.compress(body[:10]) + gzip.compress(body[10:]), 200),
        ("gzip", bytes, 400),
        ("gzip", lambda body: gzip.compress(body)[:-9], 400),
        ("deflate", zlib.compress, 415),
        ("zstd", bytes, 415),
    ],
    ids=["gzip", "upper case", "identity", "two members", "not gzip", "cut short", "deflate", "zstd"],
)
def test_content_encoding(collector: Collector, encoding: str, make: object, status: int) -> None:
    """gzip and identity are taken, other encodings are 415, a damaged stream is 400."""
    body = make(trace_request().SerializeToString())  # type: ignore[operator]
    answer = send(collector, body, content_encoding=encoding)
    assert answer.status == status
    assert collector.table("spans").num_rows == (status == 200)


@pytest.mark.parametrize("compress", [False, True])
def test_chunked(collector: Collector, compress: bool) -> None:
    """A body may come in chunks of any size, compressed or not."""
    body = trace_request(good=500).SerializeToString()
    headers = {"content_encoding": "gzip"} if compress else {}
    body = gzip.compress(body) if compress else body
    answer = send(collector, (body[at : at + 700] for at in range(0, len(body), 700)), **headers)
    assert answer.status == 200
    assert collector.table("spans").num_rows == 500


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/traces", 405),
        ("PUT", "/v1/logs", 405),
        ("POST", "/v1/nothing", 404),
        ("POST", "/", 404),
        ("POST", "/v1development/profiles", 404),
        ("GET", "/v1/nothing", 404),
    ],
)
def test_route(collector: Collector, method: str, path: str, status: int) -> None:
    """Only POST to the three paths is served: another method is 405 with Allow, another path 404."""
    answer = send(collector, b"", method=method, path=path)
    assert answer.status == status
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (PROTOBUF, b"\xff\xff\xff"),
        (PROTOBUF, b"\x0a\x7fshort"),
        (JSON, b"{"),
        (JSON, b"[]"),
        (JSON, b'{"resourceSpans": 5}'),
        (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 5}]}]}]}'),
        (JSON, b"\xff"),
    ],
)
def test_bad_request(collector: Collector, content_type: str, body: bytes) -> None:
    """What cannot be understood is 400 with a google.rpc.Status in the request's encoding that says why."""
    answer = send(collector, body, content_type=content_type)
    assert (answer.status, answer.headers["content-type"]) == (400, content_type)
    if content_type == JSON:
        status = json.loads(answer.body)
        code, message = status["code"], status["message"]
    else:
        parsed = Status.FromString(answer.body)
        code, message = parsed.code, parsed.message
    assert code == 3
    assert message.startswith("JSON: " if content_type == JSON else "protobuf: ")


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        (QueueFull("full", retry_after_s=0.2), "1"),
        (QueueFull("full", retry_after_s=2.5), "3"),
        (StoreError("the disk is full"), "5"),
        (OSError(28, "No space left on device"), "5"),
    ],
)
def test_come_back(collector: Collector, error: Exception, retry_after: str) -> None:
    """A full queue and a store with a temporary fault are 503 with Retry-After, never 500; then it works again."""
    body = trace_request().SerializeToString()
    collector.intake.refusals.append(error)
    answer = send(collector, body)
    assert (answer.status, answer.headers["retry-after"]) == (503, retry_after)
    status = Status.FromString(answer.body)
    info = RetryInfo()
    assert status.code == 14 and status.details[0].Unpack(info) and info.retry_delay.ToNanoseconds() > 0
    assert send(collector, body).status == 200


@pytest.fixture(scope="module")
def small() -> Iterator[Collector]:
    """Servers that take 10,000 bytes."""
    with running_collector(limit=10_000) as servers:
        yield servers


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\x1a\x8d\x4e" + bytes(9_997), {}, 200),
        (bytes(10_001), {}, 413),
        (iter([bytes(6_000), bytes(6_000)]), {}, 413),
        (gzip.compress(bytes(10_000_000)), {"content_encoding": "gzip"}, 413),
        (gzip.compress(bytes(9_000)) + gzip.compress(bytes(9_000)), {"content_encoding": "gzip"}, 413),
    ],
    ids=["just fits", "length", "chunks", "bomb", "bomb in two members"],
)
def test_too_large(small: Collector, body: bytes, headers: dict[str, str], status: int) -> None:
    """The limit holds on the wire and after decompression: 413, and nothing reaches the intake."""
    small.forget()
    answer = send(small, body, **headers)
    if status == 200:
        # An unknown field of exactly the right length is an empty request.
        assert answer.status == 200 and small.intake.requests
    else:
        assert answer.status == 413 and Status.FromString(answer.body).code == 3
        assert not small.intake.requests


def test_connection_is_kept(collector: Collector) -> None:
    """Several requests go over one connection, good and bad ones."""
    connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=20)
    statuses = []
    for body in (trace_request().SerializeToString(), b"\xff", b"", trace_request().SerializeToString()):
        connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [200, 400, 200, 200]
