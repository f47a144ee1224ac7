"""The official OpenTelemetry SDK for Python delivers unchanged, over gRPC and HTTP, compressed or not."""

from __future__ import annotations

import pytest

pytest.importorskip("opentelemetry.sdk")

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans

from causeway.errors import QueueFull
from tests.collectors.clients.payload import Exporters, send_logs, send_metrics, send_spans
from tests.collectors.receiver import Collector

PROTOCOLS = ["grpc", "grpc+gzip", "http", "http+gzip"]


@pytest.fixture(params=PROTOCOLS)
def exporters(request: pytest.FixtureRequest, collector: Collector) -> Exporters:
    """Exporters as an application configures them: an address, and whether to compress."""
    protocol, _, gzip = request.param.partition("+")
    if protocol == "grpc":
        options = {
            "endpoint": collector.grpc_address,
            "insecure": True,
            "compression": grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression,
        }
        return Exporters(
            spans=lambda: GrpcSpans(**options),
            metrics=lambda: GrpcMetrics(**options),
            logs=lambda: GrpcLogs(**options),
        )
    compression = Compression.Gzip if gzip else Compression.NoCompression
    return Exporters(
        spans=lambda: HttpSpans(endpoint=f"{collector.url}/v1/traces", compression=compression),
        metrics=lambda: HttpMetrics(endpoint=f"{collector.url}/v1/metrics", compression=compression),
        logs=lambda: HttpLogs(endpoint=f"{collector.url}/v1/logs", compression=compression),
    )


def test_spans(collector: Collector, exporters: Exporters) -> None:
    """Spans arrive with ids, kinds, times, attributes, events, links and status."""
    trace_id, server_id, client_id = send_spans(exporters.spans())
    spans = {row["span_id"]: row for row in collector.table("spans").to_pylist()}
    assert set(spans) == {server_id, client_id}
    server, client = spans[server_id], spans[client_id]
    assert server["trace_id"] == client["trace_id"] == trace_id
    assert (server["parent_span_id"], client["parent_span_id"]) == (None, server_id)
    assert (server["service"], server["instance"], server["version"]) == ("cart-py", "cart-py-0", "3.2")
    assert (server["operation"], server["kind"], server["status"]) == ("GET /cart/{id}", "SERVER", "UNSET")
    assert (client["kind"], client["status"], client["status_message"]) == ("CLIENT", "ERROR", "no price")
    assert (client["peer_service"], client["peer_type"], client["protocol"]) == ("cache", "database", "redis")
    assert dict(client["attributes"]) == {
        "db.system": "redis",
        "server.address": "cache",
        "n": "3",
        "tags": '["a","价格"]',
        "cached": "false",
    }
    assert client["duration_ns"] <= server["duration_ns"]
    assert [event["name"] for event in client["events"]] == ["exception"]
    assert dict(client["events"][0]["attributes"])["exception.message"] == "no price"
    assert client["links"] == [{"trace_id": trace_id, "span_id": server_id, "attributes": [("why", "test")]}]


def test_metrics(collector: Collector, exporters: Exporters) -> None:
    """All kinds of instruments arrive as series with their points."""
    send_metrics(exporters.metrics())
    series = {row["name"]: row for row in collector.table("series").to_pylist()}
    kinds = {
        name: (row["type"], row["temporality"], row["monotonic"]) for name, row in series.items() if "cart" in name
    }
    assert kinds == {
        "cart.items": ("sum", "CUMULATIVE", True),
        "cart.open": ("sum", "CUMULATIVE", False),
        "cart.load": ("gauge", "UNSPECIFIED", False),
        "cart.wait": ("histogram", "CUMULATIVE", False),
        "cart.size": ("exponential_histogram", "CUMULATIVE", False),
    }
    assert (series["cart.items"]["unit"], series["cart.items"]["attributes"]) == ("{item}", [("kind", "book")])
    values = {row["series_id"]: row["value"] for row in collector.table("samples").to_pylist()}
    named = {name: values[series[name]["series_id"]] for name in ("cart.items", "cart.open", "cart.load")}
    assert named == {"cart.items": 3.0, "cart.open": -2.0, "cart.load": 0.5}
    points = {row["series_id"]: row for row in collector.table("histograms").to_pylist()}
    wait, size = points[series["cart.wait"]["series_id"]], points[series["cart.size"]["series_id"]]
    for point in (wait, size):
        assert (point["count"], point["sum"], point["min"], point["max"]) == (3, 38.0, 1.0, 30.0)
    assert len(wait["counts"]) == len(wait["bounds"]) + 1 and sum(wait["counts"]) == 3
    assert sum(size["positive_counts"]) == 3 and size["scale"] is not None


def test_logs(collector: Collector, exporters: Exporters) -> None:
    """Log records arrive with body, severity and attributes."""
    send_logs(exporters.logs())
    first, second = collector.table("logs").sort_by("time_ns").to_pylist()
    assert (first["service"], first["severity"], first["body"]) == ("cart-py", "WARN", "no price for 价格")
    assert (first["time_ns"], first["attributes"]) == (1_790_000_000_000_000_000, [("attempt", "2")])
    assert second["body"] == '{"reason":"price","left":[1,2]}'


def test_comes_back(collector: Collector, exporters: Exporters) -> None:
    """Told that the queue is full, the exporter sends again, and the span arrives once."""
    collector.intake.refusals.append(QueueFull("full", retry_after_s=0.1))
    send_spans(exporters.spans())
    assert len(collector.intake.requests) == 2
    assert collector.table("spans").num_rows == 2
