"""Jaeger's span documents: daily indices, rollover indices behind aliases, or the data stream of Jaeger 2.

A document is filed by its start cut to milliseconds. Tags may stand in a list of objects or in an object whose keys
have @ for dots, so that what a filter asks of tags is asked of both, and looked at again after decoding.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from causeway.stores.contract import SpanFilter
from causeway.stores.elasticsearch.foreign.jaeger import JaegerDecoder
from causeway.stores.elasticsearch.layouts.layout import Clause, Conditions, Hit, Layout

INDEXED_CHARS = 256  # longer text is kept, but not indexed, by Jaeger's templates
_ALWAYS = ("traceID", "spanID", "startTime")
_TAGS = ("tags", "tag")
_SENDER = ("process",)
_FIELDS: dict[str, tuple[str, ...]] = {
    "trace_id": (),
    "span_id": (),
    "start_ns": (),
    "parent_span_id": ("parentSpanID", "references"),
    "service": ("process.serviceName",),
    "operation": ("operationName",),
    "duration_ns": ("duration",),
    "events": ("logs",),
    "links": ("parentSpanID", "references"),
    "instance": _SENDER,
    "version": _SENDER,
    "resource_id": _SENDER,
    "resource": _SENDER,
}


class JaegerLayout(Layout):
    """See the module."""

    name = "jaeger"
    time_field = "startTimeMillis"
    late_ns = 1_000_000

    def __init__(self) -> None:
        self._decoder = JaegerDecoder()

    def index(self, namespace: str) -> str:  # noqa: ARG002 Jaeger's prefix is named by `indices`
        return "*jaeger-span-*,*jaeger.spans*,-*jaeger-span-archive*"

    def source(self, columns: Sequence[str]) -> list[str]:
        found: list[str] = [*_ALWAYS]
        for name in columns:
            found += _FIELDS.get(name, _TAGS)
        if "process" in found:
            found = [name for name in found if not name.startswith("process.")]
        return list(dict.fromkeys(found))

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        return self._decoder.decode([hit["_source"] for hit in hits], columns)

    def conditions(self, where: SpanFilter) -> Conditions:
        clauses: list[Clause] = []
        if where.service is not None and len(where.service) <= INDEXED_CHARS:
            clauses.append({"term": {"process.serviceName": where.service}})
        if where.operation and len(where.operation) <= INDEXED_CHARS:
            clauses.append({"term": {"operationName": where.operation}})
        bounds = {}
        if where.duration_min_ns is not None:
            bounds["gte"] = -(-where.duration_min_ns // 1000)
        if where.duration_max_ns is not None:
            bounds["lte"] = where.duration_max_ns // 1000
        if bounds:
            clauses.append({"range": {"duration": bounds}})
        if where.kind not in {None, "UNSPECIFIED"}:
            clauses.append(_tag("span.kind", str(where.kind).lower()))
        for key, value in where.attributes.items():
            if value and len(value) <= INDEXED_CHARS and not _may_be_written_otherwise(value):
                clauses.append(_tag(key, value))
        return Conditions(tuple(clauses), exact=where == SpanFilter())

    def of_traces(self, trace_ids: Sequence[bytes]) -> Clause:
        return {"terms": {"traceID": [text for one in trace_ids for text in _spellings(one)]}}

    def services_field(self) -> str | None:
        return "process.serviceName"

    def order_field(self, column: str) -> str | None:
        return "duration" if column == "duration_ns" else None


def _spellings(trace_id: bytes) -> list[str]:
    """As Jaeger may have written an id: 64 bits where the rest is zero, and once without leading zeros."""
    full = trace_id.hex()
    short = [full[16:]] if full.startswith("0" * 16) else []
    return list(dict.fromkeys((full, *short, full.lstrip("0"))))


def _tag(key: str, value: str) -> Clause:
    listed: Clause = {"bool": {"filter": [{"term": {"tags.key": key}}, {"term": {"tags.value": value}}]}}
    return {
        "bool": {
            "should": [
                {"term": {f"tag.{key.replace('.', '@')}": value}},
                {"nested": {"path": "tags", "ignore_unmapped": True, "query": listed}},
            ]
        }
    }


def _may_be_written_otherwise(value: str) -> bool:
    """Numbers with a fraction and anything that is not plain text may be indexed in another spelling."""
    if value[0] in "[{":
        return True
    try:
        float(value)
    except ValueError:
        return False
    return not value.lstrip("-").isdigit()


def layout() -> Layout:
    return JaegerLayout()
