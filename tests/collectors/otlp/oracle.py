"""What a request says, read slowly with the official protobuf classes: the oracle for the decoder.

Rows are dicts with the columns of `causeway.records`. Peers and protocol are left out (they have their own table
of cases), as are hashes: series are named by what they are.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from causeway.conventions.text import double_text
from causeway.records import METRIC_TYPES, SEVERITIES, SPAN_KINDS, SPAN_STATUSES, TEMPORALITIES

INT64_MAX = (1 << 63) - 1
Row = dict[str, Any]


def text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    plain = _plain(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if isinstance(plain, float):
        return double_text(plain)
    return str(plain) if isinstance(plain, int | str) else orjson.dumps(_json(value)).decode()


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


def _json(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_json(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _json(item.value) for item in value.kvlist_value.values}
    plain = _plain(value)
    if isinstance(plain, bytes):
        return base64.b64encode(plain).decode()
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    return plain


def pairs(attributes: Iterable[KeyValue]) -> list[tuple[str, str]]:
    return [(item.key, text(item.value)) for item in attributes]


def sender(resource: Resource) -> Row:
    named = dict(pairs(resource.attributes))
    instances = ("k8s.pod.name", "service.instance.id", "container.id", "host.name")
    return {
        "service": named.get("service.name") or "unknown_service",
        "instance": next((named[key] for key in instances if named.get(key)), ""),
        "version": named.get("service.version", ""),
    }


def _good_id(value: bytes, size: int) -> bool:
    return len(value) == size and any(value)


def _enum(number: int, words: tuple[str, ...]) -> str:
    return words[number] if 0 <= number < len(words) else words[0]


def spans(request: ExportTraceServiceRequest) -> tuple[list[Row], int]:
    """(rows of the good spans in order, how many were bad)."""
    rows, bad = [], 0
    for of_resource in request.resource_spans:
        who = sender(of_resource.resource)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                good = (
                    _good_id(span.trace_id, 16)
                    and _good_id(span.span_id, 8)
                    and len(span.parent_span_id) in (0, 8)
                    and 0 < start <= INT64_MAX
                    and 0 < end <= INT64_MAX
                    and end >= start
                )
                bad += not good
                if good:
                    rows.append({**who, "scope": scope.scope.name, **_span(span)})
    return rows, bad


def _span(span: Any) -> Row:
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id if any(span.parent_span_id) else None,
        "operation": span.name,
        "kind": _enum(span.kind, SPAN_KINDS),
        "start_ns": span.start_time_unix_nano,
        "duration_ns": span.end_time_unix_nano - span.start_time_unix_nano,
        "status": _enum(span.status.code, SPAN_STATUSES),
        "status_message": span.status.message,
        "trace_state": span.trace_state,
        "attributes": pairs(span.attributes),
        "events": [
            {"time_ns": _signed(event.time_unix_nano), "name": event.name, "attributes": pairs(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": pairs(link.attributes)}
            for link in span.links
        ],
    }


def _signed(number: int) -> int:
    return number - (1 << 64) if number > INT64_MAX else number


def logs(request: ExportLogsServiceRequest) -> tuple[list[Row], int]:
    """(rows of the good records in order, how many were bad). No record of the request may be an event."""
    rows: list[Row] = []
    bad = 0
    seen: Counter[str] = Counter()
    for of_resource in request.resource_logs:
        who = sender(of_resource.resource)
        who.pop("version")
        for scope in of_resource.scope_logs:
            for record in scope.log_records:
                time, observed = (
                    number if 0 < number <= INT64_MAX else 0
                    for number in (record.time_unix_nano, record.observed_time_unix_nano)
                )
                if not time and not observed:
                    bad += 1
                    continue
                row = {**who, "scope": scope.scope.name, **_log(record, time, observed)}
                said = repr((row, sorted(pairs(of_resource.resource.attributes)), sorted(row.pop("_said"))))
                rows.append({**row, "ordinal": seen[said]})
                seen[said] += 1
    return rows, bad


def _log(record: Any, time: int, observed: int) -> Row:
    number = record.severity_number if 0 <= record.severity_number <= 24 else 0
    return {
        "time_ns": time or observed,
        "observed_ns": observed or time,
        "severity": SEVERITIES[(number + 3) // 4],
        "severity_number": number,
        "body": text(record.body),
        "event_name": record.event_name,
        "trace_id": record.trace_id if _good_id(record.trace_id, 16) else None,
        "span_id": record.span_id if _good_id(record.span_id, 8) else None,
        "attributes": pairs(record.attributes),
        # Two records are the same only when they came as the same: text "1" is not the number 1.
        "_said": [repr(item) for item in record.attributes]
        + [
            record.body.WhichOneof("value") or "",
            str(record.trace_id),
            str(record.span_id),
            str(record.severity_number),
        ],
    }


def metrics(request: ExportMetricsServiceRequest) -> tuple[dict[str, list[Row]], int]:
    """(rows of samples, histograms and exemplars with `series` in place of series_id, how many points were bad)."""
    found: dict[str, list[Row]] = {"samples": [], "histograms": [], "exemplars": []}
    bad = 0
    for of_resource in request.resource_metrics:
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    if not _good_point(metric, kind, point):
                        bad += 1
                        continue
                    series = _series(of_resource.resource, scope, metric, kind, point)
                    table, row = _point(kind, point)
                    times = {"time_ns": point.time_unix_nano, "start_ns": _start(point)}
                    found[table].append({"series": series, **times, **row})
                    found["exemplars"] += _exemplars(series, point)
    return found, bad


def _start(point: Any) -> int | None:
    return point.start_time_unix_nano if 0 < point.start_time_unix_nano <= INT64_MAX else None


def _good_point(metric: Any, kind: str, point: Any) -> bool:
    if not metric.name or not 0 < point.time_unix_nano <= INT64_MAX:
        return False
    if kind in ("gauge", "sum"):
        return point.WhichOneof("value") is not None or bool(point.flags & 1)
    if kind == "histogram" and (point.bucket_counts or point.explicit_bounds):
        return len(point.bucket_counts) == len(point.explicit_bounds) + 1
    return True


def _series(resource: Resource, scope: Any, metric: Any, kind: str, point: Any) -> tuple[Any, ...]:
    data = getattr(metric, kind)
    return (
        metric.name,
        metric.unit,
        METRIC_TYPES[("gauge", "sum", "histogram", "exponential_histogram", "summary").index(kind)],
        _enum(getattr(data, "aggregation_temporality", 0), TEMPORALITIES),
        bool(getattr(data, "is_monotonic", False)),
        tuple(sorted(pairs(resource.attributes))),
        tuple(sorted(pairs(point.attributes))),
    )


def _number(point: Any) -> float:
    kind = point.WhichOneof("value")
    return float(getattr(point, kind)) if kind else 0.0


def _point(kind: str, point: Any) -> tuple[str, Row]:
    missing = bool(point.flags & 1)
    if kind in ("gauge", "sum"):
        return "samples", {"value": math.nan if missing else _number(point)}
    row: Row = dict.fromkeys(_HISTOGRAM_COLUMNS)
    row["count"] = None if missing else _signed(point.count)
    row["sum"] = math.nan if missing else point.sum if kind == "summary" or point.HasField("sum") else None
    if kind != "summary":
        row |= {name: getattr(point, name) if point.HasField(name) else None for name in ("min", "max")}
    if kind == "histogram":
        row |= {"bounds": list(point.explicit_bounds), "counts": [float(_signed(n)) for n in point.bucket_counts]}
    elif kind == "summary":
        row |= {
            "bounds": [item.quantile for item in point.quantile_values],
            "counts": [item.value for item in point.quantile_values],
        }
    else:
        row |= {
            "scale": point.scale,
            "zero_count": _signed(point.zero_count),
            "zero_threshold": point.zero_threshold,
            **{f"{side}_offset": getattr(point, side).offset for side in ("positive", "negative")},
            **{
                f"{side}_counts": [_signed(n) for n in getattr(point, side).bucket_counts]
                for side in ("positive", "negative")
            },
        }
    return "histograms", row


_HISTOGRAM_COLUMNS = (
    *("count", "sum", "min", "max", "bounds", "counts", "scale", "zero_count", "zero_threshold"),
    *("positive_offset", "positive_counts", "negative_offset", "negative_counts"),
)


def _exemplars(series: tuple[Any, ...], point: Any) -> Iterator[Row]:
    for exemplar in getattr(point, "exemplars", ()):
        given = exemplar.time_unix_nano
        yield {
            "series": series,
            "time_ns": given if 0 < given <= INT64_MAX else point.time_unix_nano,
            "value": _number(exemplar),
            "trace_id": exemplar.trace_id if _good_id(exemplar.trace_id, 16) else None,
            "span_id": exemplar.span_id if _good_id(exemplar.span_id, 8) else None,
            "attributes": pairs(exemplar.filtered_attributes),
        }
