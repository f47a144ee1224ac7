"""Small OTLP requests for tests, and OTLP/JSON made by the official classes."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

NOW_NS = 1_790_000_000_000_000_000
_IDS = {"traceId", "spanId", "parentSpanId"}


def otlp_json(request: Message) -> bytes:
    """The request as OTLP/JSON: the official JSON mapping, with ids in hex and enums as numbers."""
    return json.dumps(_with_hex_ids(MessageToDict(request, use_integers_for_enums=True))).encode()


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in _IDS else _with_hex_ids(item) for key, item in value.items()
        }
    return [_with_hex_ids(item) for item in value] if isinstance(value, list) else value


def any_value(value: object) -> AnyValue:
    """A Python value as AnyValue."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        found = AnyValue()
        found.array_value.SetInParent()
        found.array_value.values.extend(any_value(item) for item in value)
        return found
    if isinstance(value, dict):
        found = AnyValue()
        found.kvlist_value.SetInParent()
        found.kvlist_value.values.extend(attributes(value))
        return found
    return AnyValue() if value is None else AnyValue(string_value=str(value))


def attributes(values: dict[str, object]) -> list[KeyValue]:
    """A dict as KeyValues."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def resource(**values: object) -> Resource:
    """A resource; `service_name` becomes service.name. The service is cart unless given."""
    named = {key.replace("_", "."): value for key, value in {"service_name": "cart", **values}.items()}
    return Resource(attributes=attributes(named))


def span(number: int = 1, **fields: Any) -> Span:
    """A good span that differs by `number`."""
    good: dict[str, Any] = {
        "trace_id": (number << 64 | 1).to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": "GET /x",
        "kind": Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": NOW_NS + number,
        "end_time_unix_nano": NOW_NS + number + 1_000_000,
    }
    return Span(**{**good, **fields})


def trace_request(*, good: int = 1, bad: int = 0, spans: list[Span] | None = None) -> ExportTraceServiceRequest:
    """A request of service cart with so many spans that are good and bad, or with these."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add(resource=resource())
    scope = of_resource.scope_spans.add()
    scope.scope.name = "test"
    scope.spans.extend(spans if spans is not None else [span(number + 1) for number in range(good)])
    scope.spans.extend(span(number + 1, span_id=b"\0" * 8) for number in range(bad))
    return request


def metrics_request(*, good: int = 1, bad: int = 0) -> ExportMetricsServiceRequest:
    """A request of service cart with a gauge of so many good points and points without a time."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(resource=resource()).scope_metrics.add()
    metric = scope.metrics.add(name="cpu", unit="1")
    for number in range(good + bad):
        metric.gauge.data_points.add(time_unix_nano=NOW_NS + number if number < good else 0, as_double=0.5)
    return request


def logs_request(*, good: int = 1, bad: int = 0) -> ExportLogsServiceRequest:
    """A request of service cart with so many good records and records without any time."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=resource()).scope_logs.add()
    for number in range(good + bad):
        scope.log_records.add(time_unix_nano=NOW_NS + number if number < good else 0, body=any_value("hello"))
    return request
