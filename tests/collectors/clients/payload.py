"""What the Python SDK sends in the client tests, and what must be in the tables then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

RESOURCE = Resource({"service.name": "cart-py", "service.version": "3.2", "k8s.pod.name": "cart-py-0"})


@dataclass(frozen=True, slots=True)
class Exporters:
    """The exporters of one protocol."""

    spans: Callable[[], Any]
    metrics: Callable[[], Any]
    logs: Callable[[], Any]


def send_spans(exporter: Any) -> tuple[bytes, bytes, bytes]:
    """A server span and its client span with an exception; (trace id, server span id, client span id)."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("causeway-test")
    with tracer.start_as_current_span("GET /cart/{id}", kind=SpanKind.SERVER) as server:
        attributes = {"db.system": "redis", "server.address": "cache", "n": 3, "tags": ["a", "价格"], "cached": False}
        links = [trace.Link(server.get_span_context(), {"why": "test"})]
        with tracer.start_as_current_span("HGET", kind=SpanKind.CLIENT, attributes=attributes, links=links) as client:
            client.record_exception(ValueError("no price"))
            client.set_status(Status(StatusCode.ERROR, "no price"))
    provider.shutdown()
    of_server, of_client = server.get_span_context(), client.get_span_context()
    return (
        of_server.trace_id.to_bytes(16, "big"),
        of_server.span_id.to_bytes(8, "big"),
        of_client.span_id.to_bytes(8, "big"),
    )


def send_metrics(exporter: Any) -> None:
    """A counter, an up-down counter, a gauge, a histogram and an exponential histogram."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    views = [View(instrument_name="cart.size", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], resource=RESOURCE, views=views, shutdown_on_exit=False)
    meter = provider.get_meter("causeway-test")
    meter.create_counter("cart.items", unit="{item}").add(3, {"kind": "book"})
    meter.create_up_down_counter("cart.open").add(-2)
    meter.create_gauge("cart.load").set(0.5)
    wait, size = meter.create_histogram("cart.wait", unit="ms"), meter.create_histogram("cart.size")
    for number in (1, 7, 30):
        wait.record(number)
        size.record(number)
    provider.shutdown()


def send_logs(exporter: Any) -> None:
    """A warning with an attribute, and a record whose body is a map."""
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("causeway-test")
    from opentelemetry._logs import SeverityNumber

    logger.emit(
        timestamp=1_790_000_000_000_000_000,
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body="no price for 价格",
        attributes={"attempt": 2},
    )
    logger.emit(timestamp=1_790_000_000_000_000_001, body={"reason": "price", "left": [1, 2]})
    provider.shutdown()
