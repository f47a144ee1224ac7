"""The official SDKs deliver to a running Causeway, and what they sent is in its store within ten seconds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans

from tests.collectors.clients.payload import Exporters, send_logs, send_metrics, send_spans
from tests.collectors.clients.test_javascript_sdk import check_logs, check_metrics, check_spans
from tests.servers.collector import RunningCollector, running_collector


@pytest.fixture
def causeway(tmp_path: Path) -> Iterator[RunningCollector]:
    """A collector process with a store of its own."""
    with running_collector(tmp_path / "data") as running:
        yield running


def _exporters(running: RunningCollector, protocol: str) -> Exporters:
    if protocol == "grpc":
        options = {"endpoint": running.grpc_address, "insecure": True}
        return Exporters(lambda: GrpcSpans(**options), lambda: GrpcMetrics(**options), lambda: GrpcLogs(**options))
    return Exporters(
        lambda: HttpSpans(endpoint=f"{running.url}/v1/traces"),
        lambda: HttpMetrics(endpoint=f"{running.url}/v1/metrics"),
        lambda: HttpLogs(endpoint=f"{running.url}/v1/logs"),
    )


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_python(causeway: RunningCollector, protocol: str) -> None:
    """Spans, metrics and logs of the Python SDK are stored as they were made."""
    exporters = _exporters(causeway, protocol)
    trace_id, server_id, client_id = send_spans(exporters.spans())
    send_metrics(exporters.metrics())
    send_logs(exporters.logs())
    spans = {row["span_id"]: row for row in causeway.table("spans").to_pylist()}
    assert set(spans) == {server_id, client_id}
    assert spans[client_id]["parent_span_id"] == server_id
    assert {row["trace_id"] for row in spans.values()} == {trace_id}
    assert {row["service"] for row in causeway.table("logs").to_pylist()} == {"cart-py"}
    stored = {row["series_id"] for name in ("samples", "histograms") for row in causeway.table(name).to_pylist()}
    assert stored == {row["series_id"] for row in causeway.table("series").to_pylist()}


def test_javascript(causeway: RunningCollector, js_client: list[str]) -> None:
    """Spans, metrics and logs of the JavaScript SDK, JSON over HTTP in chunks, are stored as they were made."""
    done = subprocess.run([*js_client, causeway.url, "none"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    ids = {name: bytes.fromhex(value) for name, value in json.loads(done.stdout).items()}
    check_spans(causeway, ids)
    check_metrics(causeway)
    check_logs(causeway, ids)


def test_health_and_metrics(causeway: RunningCollector) -> None:
    """The collector tells that it is alive and ready, and counts what it took in."""
    send_spans(HttpSpans(endpoint=f"{causeway.url}/v1/traces"))
    assert httpx2.get(f"{causeway.url}/healthz").status_code == 200
    assert httpx2.get(f"{causeway.url}/readyz").status_code == 200
    metrics = httpx2.get(f"{causeway.url}/metrics").text
    assert 'causeway_intake_records_total{table="spans"} 2.0' in metrics
