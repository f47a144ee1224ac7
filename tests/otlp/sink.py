"""An OTLP/HTTP server for tests: it keeps what it is sent and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b"")


@dataclass
class Sink:
    """`reply` decides the answer to each request by its number from 0; accepted bodies are kept by path."""

    reply: Callable[[int], Reply] = lambda _: OK
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    requests: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, body: bytes) -> Reply:
        with self.lock:
            reply = self.reply(self.requests)
            self.requests += 1
            if reply[0] == 200:
                self.accepted.append((path, body))
            return reply

    def bodies(self, path: str) -> list[bytes]:
        with self.lock:
            return [body for at, body in self.accepted if at == path]

    def spans(self) -> list[tuple[dict[str, str], Span]]:
        return spans_in(self.bodies("/v1/traces"))

    def logs(self) -> list[tuple[dict[str, str], LogRecord]]:
        return logs_in(self.bodies("/v1/logs"))

    def metrics(self) -> list[tuple[dict[str, str], Metric]]:
        return metrics_in(self.bodies("/v1/metrics"))


def spans_in(bodies: list[bytes]) -> list[tuple[dict[str, str], Span]]:
    return [
        (texts(group.resource), span)
        for body in bodies
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def logs_in(bodies: list[bytes]) -> list[tuple[dict[str, str], LogRecord]]:
    return [
        (texts(group.resource), record)
        for body in bodies
        for group in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]


def metrics_in(bodies: list[bytes]) -> list[tuple[dict[str, str], Metric]]:
    return [
        (texts(group.resource), metric)
        for body in bodies
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    ]


def texts(holder: Resource | Span) -> dict[str, str]:
    """Attributes as text: booleans `true`/`false`, numbers in decimal."""
    found = {}
    for pair in holder.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = str(value).lower() if kind == "bool_value" else str(value)
    return found


@contextmanager
def running(sink: Sink) -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = sink.take(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        sink.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()
