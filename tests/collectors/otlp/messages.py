"""Hypothesis strategies of OTLP requests: good, bad and odd ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

TEXTS = st.text(max_size=12) | st.sampled_from(["", "价格 ü", "a" * 130, '"\\\n', "\x00"])
INT64 = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-9, 200) | st.sampled_from([-(1 << 63), 10**18])
UINT64 = st.integers(0, (1 << 64) - 1)
# Times that order well, and the odd ones.
TIMES = st.integers(10**18, 10**18 + 50) | st.sampled_from([0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
DOUBLES = st.floats() | st.sampled_from([0.0, -0.0, 1.0, 100.0, 1e300, 5e-324])
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)


def _wrapped(**fields: Any) -> AnyValue:
    return AnyValue(**fields)


def _list_value(items: list[AnyValue]) -> AnyValue:
    value = AnyValue()
    value.array_value.SetInParent()
    value.array_value.values.extend(items)
    return value


def _map_value(items: list[KeyValue]) -> AnyValue:
    value = AnyValue()
    value.kvlist_value.SetInParent()
    value.kvlist_value.values.extend(items)
    return value


_SCALARS = (
    st.builds(_wrapped, string_value=TEXTS)
    | st.builds(_wrapped, bool_value=st.booleans())
    | st.builds(_wrapped, int_value=INT64)
    | st.builds(_wrapped, double_value=DOUBLES)
    | st.builds(_wrapped, bytes_value=st.binary(max_size=9))
)
VALUES = st.recursive(
    _SCALARS | st.just(AnyValue()),
    lambda inner: (
        st.builds(_list_value, st.lists(inner, max_size=3))
        | st.builds(_map_value, st.lists(st.builds(KeyValue, key=TEXTS, value=inner), max_size=3))
    ),
    max_leaves=4,
)
_KEYS = TEXTS | st.sampled_from(["http.method", "db.system", "peer.service"])
ATTRIBUTES = st.lists(st.builds(KeyValue, key=_KEYS, value=VALUES) | st.builds(KeyValue, key=_KEYS), max_size=4)


def _ids(size: int) -> st.SearchStrategy[bytes]:
    good = st.binary(min_size=size, max_size=size)
    return st.one_of(good, good, good, st.just(bytes(size)), st.binary(max_size=size + 2))


_TRACE_IDS, _SPAN_IDS = _ids(16), _ids(8)
_RESOURCE_KEYS = st.sampled_from(
    ["service.name", "service.version", "service.instance.id", "k8s.pod.name", "host.name", "x"]
)
RESOURCES = st.builds(
    Resource,
    attributes=st.lists(
        st.builds(KeyValue, key=_RESOURCE_KEYS, value=VALUES), max_size=4, unique_by=lambda item: item.key
    ),
)
SCOPES = st.builds(InstrumentationScope, name=TEXTS, version=TEXTS, attributes=ATTRIBUTES)

_SPANS = st.builds(
    Span,
    trace_id=_TRACE_IDS,
    span_id=_SPAN_IDS,
    parent_span_id=st.just(b"") | _SPAN_IDS,
    trace_state=TEXTS,
    name=TEXTS,
    kind=st.integers(0, 5) | st.integers(-1, 9),
    start_time_unix_nano=TIMES,
    end_time_unix_nano=TIMES,
    attributes=ATTRIBUTES,
    dropped_attributes_count=st.integers(0, 9),
    flags=st.integers(0, 999),
    events=st.lists(st.builds(Span.Event, time_unix_nano=UINT64, name=TEXTS, attributes=ATTRIBUTES), max_size=2),
    links=st.lists(
        st.builds(Span.Link, trace_id=_TRACE_IDS, span_id=_SPAN_IDS, attributes=ATTRIBUTES, trace_state=TEXTS),
        max_size=2,
    ),
    status=st.builds(Status, message=TEXTS, code=st.integers(0, 3)),
)
TRACE_REQUESTS = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=RESOURCES,
            scope_spans=st.lists(st.builds(ScopeSpans, scope=SCOPES, spans=st.lists(_SPANS, max_size=4)), max_size=2),
        ),
        max_size=3,
    ),
)

_LOG_RECORDS = st.builds(
    LogRecord,
    time_unix_nano=TIMES,
    observed_time_unix_nano=TIMES,
    severity_number=st.integers(-1, 30),
    body=VALUES,
    attributes=ATTRIBUTES,
    flags=st.integers(0, 9),
    trace_id=_TRACE_IDS,
    span_id=_SPAN_IDS,
    event_name=st.sampled_from(["", "exception", "click"]),
)
LOG_REQUESTS = st.builds(
    ExportLogsServiceRequest,
    resource_logs=st.lists(
        st.builds(
            ResourceLogs,
            resource=RESOURCES,
            scope_logs=st.lists(
                # Some records twice, so that they have to be told apart.
                st.builds(
                    ScopeLogs, scope=SCOPES, log_records=st.lists(_LOG_RECORDS, max_size=3).map(lambda r: r + r[:1])
                ),
                max_size=2,
            ),
        ),
        max_size=3,
    ),
)


def _exemplar(
    trace_id: bytes, span_id: bytes, attributes: list[KeyValue], value: dict[str, Any], time: int
) -> m.Exemplar:
    return m.Exemplar(trace_id=trace_id, span_id=span_id, filtered_attributes=attributes, time_unix_nano=time, **value)


_NUMBERS = st.one_of(
    st.builds(dict, as_double=DOUBLES), st.builds(dict, as_int=INT64), st.just({}), st.builds(dict, as_int=INT64)
)
_EXEMPLARS = st.lists(st.builds(_exemplar, _TRACE_IDS, _SPAN_IDS, ATTRIBUTES, _NUMBERS, TIMES), max_size=2)
_POINT = {
    "attributes": ATTRIBUTES,
    "time_unix_nano": TIMES,
    "start_time_unix_nano": TIMES,
    "flags": st.sampled_from([0, 0, 0, 1, 2, 3]),
}
_NUMBER_POINTS = st.lists(
    st.builds(lambda value, **fields: m.NumberDataPoint(**fields, **value), _NUMBERS, exemplars=_EXEMPLARS, **_POINT),
    max_size=3,
)
_OPTIONAL = st.none() | DOUBLES
_STATS = {"sum": _OPTIONAL, "min": _OPTIONAL, "max": _OPTIONAL}
_BUCKETS = st.integers(0, 3).flatmap(
    lambda n: st.tuples(
        st.lists(DOUBLES, min_size=n, max_size=n),
        st.lists(st.integers(0, 1 << 50), min_size=n + 1, max_size=n + 1) | st.lists(st.integers(0, 9), max_size=2),
    )
)
_HISTOGRAM_POINTS = st.lists(
    st.builds(
        lambda buckets, **fields: m.HistogramDataPoint(explicit_bounds=buckets[0], bucket_counts=buckets[1], **fields),
        _BUCKETS,
        count=UINT64,
        exemplars=_EXEMPLARS,
        **_STATS,
        **_POINT,
    ),
    max_size=3,
)
_SIDES = st.builds(m.ExponentialHistogramDataPoint.Buckets, offset=INT32, bucket_counts=st.lists(UINT64, max_size=3))
_EXPONENTIAL_POINTS = st.lists(
    st.builds(
        m.ExponentialHistogramDataPoint,
        count=UINT64,
        scale=INT32,
        zero_count=UINT64,
        zero_threshold=DOUBLES,
        positive=_SIDES,
        negative=_SIDES,
        exemplars=_EXEMPLARS,
        **_STATS,
        **_POINT,
    ),
    max_size=3,
)
_QUANTILES = st.builds(m.SummaryDataPoint.ValueAtQuantile, quantile=DOUBLES, value=DOUBLES)
_SUMMARY_POINTS = st.lists(
    st.builds(
        m.SummaryDataPoint, count=UINT64, sum=DOUBLES, quantile_values=st.lists(_QUANTILES, max_size=3), **_POINT
    ),
    max_size=3,
)
_TEMPORALITIES = st.integers(0, 3)
_DATA = st.one_of(
    st.builds(dict, gauge=st.builds(m.Gauge, data_points=_NUMBER_POINTS)),
    st.builds(
        dict,
        sum=st.builds(
            m.Sum, data_points=_NUMBER_POINTS, aggregation_temporality=_TEMPORALITIES, is_monotonic=st.booleans()
        ),
    ),
    st.builds(
        dict, histogram=st.builds(m.Histogram, data_points=_HISTOGRAM_POINTS, aggregation_temporality=_TEMPORALITIES)
    ),
    st.builds(
        dict,
        exponential_histogram=st.builds(
            m.ExponentialHistogram, data_points=_EXPONENTIAL_POINTS, aggregation_temporality=_TEMPORALITIES
        ),
    ),
    st.builds(dict, summary=st.builds(m.Summary, data_points=_SUMMARY_POINTS)),
    st.just({}),
)
_METRICS = st.builds(
    lambda data, **fields: m.Metric(**fields, **data),
    _DATA,
    name=st.sampled_from(["cpu", "mem", "等待", ""]),
    unit=st.sampled_from(["", "ms"]),
    description=TEXTS,
)
METRIC_REQUESTS = st.builds(
    ExportMetricsServiceRequest,
    resource_metrics=st.lists(
        st.builds(
            m.ResourceMetrics,
            resource=RESOURCES,
            scope_metrics=st.lists(
                st.builds(m.ScopeMetrics, scope=SCOPES, metrics=st.lists(_METRICS, max_size=3)), max_size=2
            ),
        ),
        max_size=2,
    ),
)
