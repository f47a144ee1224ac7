"""Elastic APM's data streams `traces-apm*`: transactions and spans, filed by their start cut to milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from causeway.stores.contract import SpanFilter
from causeway.stores.elasticsearch.foreign.apm import ApmDecoder
from causeway.stores.elasticsearch.layouts.layout import Clause, Conditions, Hit, Layout

INDEXED_CHARS = 1024
# What everything but attributes and resources is decoded from.
_LINKED = (
    "processor.event",
    "@timestamp",
    "timestamp.us",
    "trace.id",
    "parent.id",
    "transaction.id",
    "transaction.name",
    "transaction.type",
    "transaction.duration.us",
    "transaction.message.queue.name",
    "transaction.representative_count",
    "transaction.links",
    "span.representative_count",
    "span.links",
    "span.id",
    "span.name",
    "span.kind",
    "span.type",
    "span.subtype",
    "span.action",
    "span.duration.us",
    "span.destination.service.resource",
    "span.message.queue.name",
    "event.outcome",
    "event.duration",
    "destination.address",
    "service.name",
    "service.version",
    "service.node.name",
    "http.request.method",
    "host.name",
    "container.id",
    "kubernetes.pod.name",
)
_WHOLE = frozenset(("attributes", "resource", "resource_id", "scope", "trace_state", "status_message"))
_OUTCOMES = {"OK": "success", "ERROR": "failure"}


class ApmLayout(Layout):
    """See the module."""

    name = "apm"
    time_field = "@timestamp"
    early_ns = 1_000_000
    late_ns = 1_000_000

    def __init__(self) -> None:
        self._decoder = ApmDecoder()

    def index(self, namespace: str) -> str:
        return f"traces-apm*-{namespace}"

    def base(self) -> tuple[Clause, ...]:
        return ({"terms": {"processor.event": ["transaction", "span"]}},)

    def source(self, columns: Sequence[str]) -> list[str]:
        return ["*"] if _WHOLE & set(columns) else list(_LINKED)

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        return self._decoder.decode([hit["_source"] for hit in hits], columns)

    def conditions(self, where: SpanFilter) -> Conditions:
        clauses: list[Clause] = []
        if where.service is not None and len(where.service) <= INDEXED_CHARS:
            clauses.append({"term": {"service.name": where.service}})
        if where.operation and len(where.operation) <= INDEXED_CHARS:
            clauses.append(_either("term", "name", where.operation))
        bounds = {}
        if where.duration_min_ns is not None:
            bounds["gte"] = -(-where.duration_min_ns // 1000)
        if where.duration_max_ns is not None:
            bounds["lte"] = where.duration_max_ns // 1000
        if bounds:
            clauses.append(_either("range", "duration.us", bounds))
        if where.status in _OUTCOMES:
            clauses.append({"term": {"event.outcome": _OUTCOMES[where.status]}})
        return Conditions(tuple(clauses), exact=where == SpanFilter())

    def of_traces(self, trace_ids: Sequence[bytes]) -> Clause:
        return {"terms": {"trace.id": [one.hex() for one in trace_ids]}}

    def services_field(self) -> str | None:
        return "service.name"


def _either(query: str, field: str, value: object) -> Clause:
    return {"bool": {"should": [{query: {f"{part}.{field}": value}} for part in ("transaction", "span")]}}


def layout() -> Layout:
    return ApmLayout()
