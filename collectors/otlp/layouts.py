"""Which OTLP messages become rows of which tables, by field number (opentelemetry-proto, stable since 1.0)."""

from __future__ import annotations

from collectors.otlp.table_layout import Field, Layout
from collectors.otlp.wire import (
    CHILD,
    FIXED64,
    INLINE,
    NUMBERS_FIXED,
    NUMBERS_VARINT,
    REF,
    REF_ROW,
    SINT,
    VARINT,
)


def _varint(column: str, *, mark: str = "", value: int = 1) -> Field:
    return Field(VARINT, column, mark=mark, mark_value=value)


def _fixed(column: str, *, mark: str = "", value: int = 1) -> Field:
    return Field(FIXED64, column, mark=mark, mark_value=value)


def _ref(column: str, *, mark: str = "", value: int = 1) -> Field:
    return Field(REF, column, mark=mark, mark_value=value)


def _rows(table: str, message: str) -> Field:
    return Field(CHILD, message=message, table=table)


def _same_row(message: str, *, mark: str = "", value: int = 1) -> Field:
    return Field(INLINE, message=message, mark=mark, mark_value=value)


# The type of an AnyValue is the number of the field that is set; 0 is a value without any.
VALUE_NONE, VALUE_TEXT, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_ARRAY, VALUE_MAP, VALUE_BYTES = range(8)

_COMMON: dict[str, dict[int, Field]] = {
    "KeyValue": {1: _ref("key"), 2: _same_row("AnyValue")},
    "AnyValue": {
        VALUE_TEXT: _ref("value", mark="value_type", value=VALUE_TEXT),
        VALUE_BOOL: _varint("value", mark="value_type", value=VALUE_BOOL),
        VALUE_INT: _varint("value", mark="value_type", value=VALUE_INT),
        VALUE_DOUBLE: _fixed("value", mark="value_type", value=VALUE_DOUBLE),
        VALUE_ARRAY: _ref("value", mark="value_type", value=VALUE_ARRAY),
        VALUE_MAP: _ref("value", mark="value_type", value=VALUE_MAP),
        VALUE_BYTES: _ref("value", mark="value_type", value=VALUE_BYTES),
    },
}


def _envelope(record_table: str, record: str) -> dict[str, dict[int, Field]]:
    """ExportRequest, ResourceX and ScopeX have the same shape for every signal."""
    return {
        **_COMMON,
        "Request": {1: _rows("resources", "ResourceRecords")},
        "ResourceRecords": {
            # A message that comes in parts is their concatenation.
            1: Field(REF_ROW, "bytes", table="resource_parts"),
            2: _rows("scopes", "ScopeRecords"),
        },
        "ScopeRecords": {1: Field(REF_ROW, "bytes", table="scope_parts"), 2: _rows(record_table, record)},
    }


TRACES = Layout(
    {
        **_envelope("spans", "Span"),
        "Span": {
            1: _ref("trace_id"),
            2: _ref("span_id"),
            3: _ref("trace_state"),
            4: _ref("parent_span_id"),
            5: _ref("name"),
            6: _varint("kind"),
            7: _fixed("start"),
            8: _fixed("end"),
            9: _rows("attributes", "KeyValue"),
            11: _rows("events", "Event"),
            13: _rows("links", "Link"),
            15: _same_row("Status"),
        },
        "Status": {2: _ref("status_message"), 3: _varint("status")},
        "Event": {1: _fixed("time"), 2: _ref("name"), 3: _rows("event_attributes", "KeyValue")},
        "Link": {1: _ref("trace_id"), 2: _ref("span_id"), 4: _rows("link_attributes", "KeyValue")},
    },
    "Request",
)

LOGS = Layout(
    {
        **_envelope("logs", "LogRecord"),
        "LogRecord": {
            1: _fixed("time"),
            2: _varint("severity"),
            3: _ref("severity_text"),
            5: _same_row("AnyValue"),
            6: _rows("attributes", "KeyValue"),
            9: _ref("trace_id"),
            10: _ref("span_id"),
            11: _fixed("observed"),
            12: _ref("event_name"),
        },
    },
    "Request",
)

# The type of a metric is the number of the field that is set.
METRIC_GAUGE, METRIC_SUM, METRIC_HISTOGRAM, METRIC_EXPONENTIAL, METRIC_SUMMARY = 5, 7, 9, 10, 11
NUMBER_DOUBLE, NUMBER_INT = 1, 2
FLAG_NO_VALUE = 1

_POINT = {2: _fixed("start"), 3: _fixed("time")}
_EXEMPLARS = _rows("exemplars", "Exemplar")
_ATTRIBUTES = _rows("attributes", "KeyValue")

METRICS = Layout(
    {
        **_envelope("metrics", "Metric"),
        "Metric": {
            1: _ref("name"),
            2: _ref("description"),
            3: _ref("unit"),
            METRIC_GAUGE: _same_row("Gauge", mark="type", value=METRIC_GAUGE),
            METRIC_SUM: _same_row("Sum", mark="type", value=METRIC_SUM),
            METRIC_HISTOGRAM: _same_row("Histogram", mark="type", value=METRIC_HISTOGRAM),
            METRIC_EXPONENTIAL: _same_row("ExponentialHistogram", mark="type", value=METRIC_EXPONENTIAL),
            METRIC_SUMMARY: _same_row("Summary", mark="type", value=METRIC_SUMMARY),
        },
        "Gauge": {1: _rows("points", "NumberDataPoint")},
        "Sum": {1: _rows("points", "NumberDataPoint"), 2: _varint("temporality"), 3: _varint("monotonic")},
        "Histogram": {1: _rows("points", "HistogramDataPoint"), 2: _varint("temporality")},
        "ExponentialHistogram": {1: _rows("points", "ExponentialPoint"), 2: _varint("temporality")},
        "Summary": {1: _rows("points", "SummaryDataPoint")},
        "NumberDataPoint": {
            **_POINT,
            4: _fixed("number", mark="number_type", value=NUMBER_DOUBLE),
            5: _EXEMPLARS,
            6: _fixed("number", mark="number_type", value=NUMBER_INT),
            7: _ATTRIBUTES,
            8: _varint("flags"),
        },
        "HistogramDataPoint": {
            **_POINT,
            4: _fixed("count"),
            5: _fixed("sum", mark="has_sum"),
            6: Field(NUMBERS_FIXED, "number", table="counts"),
            7: Field(NUMBERS_FIXED, "number", table="bounds"),
            8: _EXEMPLARS,
            9: _ATTRIBUTES,
            10: _varint("flags"),
            11: _fixed("min", mark="has_min"),
            12: _fixed("max", mark="has_max"),
        },
        "ExponentialPoint": {
            **_POINT,
            1: _ATTRIBUTES,
            4: _fixed("count"),
            5: _fixed("sum", mark="has_sum"),
            6: Field(SINT, "scale"),
            7: _fixed("zero_count"),
            8: _same_row("PositiveBuckets"),
            9: _same_row("NegativeBuckets"),
            10: _varint("flags"),
            11: _EXEMPLARS,
            12: _fixed("min", mark="has_min"),
            13: _fixed("max", mark="has_max"),
            14: _fixed("zero_threshold"),
        },
        "PositiveBuckets": {
            1: Field(SINT, "positive_offset"),
            2: Field(NUMBERS_VARINT, "number", table="positive_counts"),
        },
        "NegativeBuckets": {
            1: Field(SINT, "negative_offset"),
            2: Field(NUMBERS_VARINT, "number", table="negative_counts"),
        },
        "SummaryDataPoint": {
            **_POINT,
            4: _fixed("count"),
            5: _fixed("sum", mark="has_sum"),
            6: _rows("quantiles", "ValueAtQuantile"),
            7: _ATTRIBUTES,
            8: _varint("flags"),
        },
        "ValueAtQuantile": {1: _fixed("quantile"), 2: _fixed("number")},
        "Exemplar": {
            2: _fixed("time"),
            3: _fixed("number", mark="number_type", value=NUMBER_DOUBLE),
            4: _ref("span_id"),
            5: _ref("trace_id"),
            6: _fixed("number", mark="number_type", value=NUMBER_INT),
            7: _rows("exemplar_attributes", "KeyValue"),
        },
    },
    "Request",
)
