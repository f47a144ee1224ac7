"""Our own documents: those of the OTel mapping mode, and under `causeway` what a reader would have to derive.

Attributes are text already, span events lie in their span, and times are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.stores.contract import LogFilter, SpanFilter
from causeway.stores.elasticsearch.layouts import columns as made
from causeway.stores.elasticsearch.layouts.layout import Clause, Conditions, Hit, Layout
from causeway.stores.elasticsearch.layouts.otel import SCHEMA, Documents, OtelLayout, OtelLogs, attribute_clauses
from causeway.stores.elasticsearch.names import Names

_OURS = (
    "service",
    "instance",
    "version",
    "peer_service",
    "peer_address",
    "peer_type",
    "protocol",
    "resource_id",
    "adjusted_count_milli",
)
# Empty text, which documents leave out: decoders never give null here.
_NEVER_NULL = ("service", "instance", "version")
_OUR_LOGS = ("service", "instance", "resource_id", "severity", "template_id", "ordinal")


class CausewayLayout(OtelLayout):
    """See the module."""

    name = "causeway"
    early_ns = 0

    def __init__(self) -> None:
        super().__init__()
        self.logs = CausewayLogs(self.senders)

    def index(self, namespace: str) -> str:
        return Names(namespace).spans

    def events_index(self, namespace: str) -> str | None:  # noqa: ARG002
        return None

    def fields_of(self, column: str) -> tuple[str, ...]:
        if column in _OURS:
            return (f"causeway.{column}",)
        return super().fields_of(column)

    def build(self, documents: Documents, columns: set[str]) -> dict[str, pa.Array]:
        built = super().build(documents, columns - {*_OURS, "resource", "events"})
        own = [document.get("causeway") or {} for document in documents]
        for name in columns & set(_OURS):
            absent = "" if name in _NEVER_NULL else None
            built[name] = pa.array([part.get(name, absent) for part in own], SCHEMA.field(name).type)
        if "resource" in columns:
            resources = [(document.get("resource") or {}).get("attributes") for document in documents]
            built["resource"] = made.attribute_maps(resources)
        if "events" in columns:
            built["events"] = _events(documents)
        return built

    def conditions(self, where: SpanFilter) -> Conditions:
        plain = SpanFilter(
            operation=where.operation,
            kind=where.kind,
            status=where.status,
            duration_min_ns=where.duration_min_ns,
            duration_max_ns=where.duration_max_ns,
        )
        clauses = list(super().conditions(plain).clauses)
        clauses += _terms({"causeway.service": where.service, "causeway.instance": where.instance})
        for key, value in where.attributes.items():
            clauses += attribute_clauses(key, value)
        return Conditions(tuple(clauses), exact=not where.attributes)

    def services_field(self) -> str | None:
        return "causeway.service"


class CausewayLogs(OtelLogs):
    """Our log documents."""

    early_ns = 0
    body_terms = "body.text"
    severity_field = "severity_text"
    template_field = "causeway.template_id"

    def index(self, namespace: str) -> str:
        return Names(namespace).logs

    def base(self) -> tuple[Clause, ...]:
        return ()

    def source(self, columns: Sequence[str]) -> list[str]:
        ours = [f"causeway.{name}" for name in columns if name in _OUR_LOGS]
        return [*super().source([name for name in columns if name not in _OUR_LOGS]), *ours]

    def build(self, documents: Documents, columns: set[str]) -> dict[str, pa.Array]:
        built = super().build(documents, columns - set(_OUR_LOGS))
        own = [document.get("causeway") or {} for document in documents]
        for name in columns & set(_OUR_LOGS):
            absent = "" if name in _NEVER_NULL else None
            built[name] = pa.array([part.get(name, absent) for part in own], records.LOGS.field(name).type)
        return built

    def conditions(self, where: LogFilter) -> Conditions:
        plain = LogFilter(severity_min=where.severity_min, trace_id=where.trace_id)
        clauses = list(super().conditions(plain).clauses)
        clauses += _terms({"causeway.service": where.service, "causeway.instance": where.instance})
        if where.template_ids is not None:
            clauses.append({"terms": {"causeway.template_id": list(where.template_ids)}})
        return Conditions(tuple(clauses), exact=True)

    def services_field(self) -> str:
        return "causeway.service"


def decode_events(hits: Sequence[Hit]) -> pa.Table:
    """`records.EVENTS` from the documents of our events."""
    documents = [hit["_source"] for hit in hits]
    own = [document.get("causeway") or {} for document in documents]
    columns: dict[str, pa.Array] = {
        "time_ns": made.times_ns([document.get("@timestamp") for document in documents]),
        "message": pa.array([(document.get("body") or {}).get("text") for document in documents], pa.string()),
        "attributes": made.attribute_maps([document.get("attributes") for document in documents]),
    }
    for name in ("kind", "entity", "service", "instance", "reason"):
        columns[name] = pa.array([part.get(name) for part in own], pa.string())
    return pa.table([columns[name] for name in records.EVENTS.names], schema=records.EVENTS)


def decode_exemplars(hits: Sequence[Hit]) -> pa.Table:
    """`records.EXEMPLARS` from the documents of our exemplars, in the order of the hits."""
    documents = [hit["_source"] for hit in hits]
    own = [document["exemplar"] for document in documents]
    columns: dict[str, pa.Array] = {
        "series_id": pa.array([document["causeway"]["series_id"] for document in documents], pa.int64()),
        "time_ns": made.times_ns([document.get("@timestamp") for document in documents]),
        "value": pa.array([float("nan") if part.get("value") is None else part["value"] for part in own], pa.float64()),
        "trace_id": made.ids([part.get("trace_id") for part in own], 16),
        "span_id": made.ids([part.get("span_id") for part in own], 8),
        "attributes": made.attribute_maps([part.get("attributes") for part in own]),
    }
    return pa.table([columns[name] for name in records.EXEMPLARS.names], schema=records.EXEMPLARS)


def _terms(wanted: dict[str, str | None]) -> list[Clause]:
    """Equality; empty text is what a document may leave out."""
    return [
        {"term": {field: value}} if value else {"bool": {"must_not": {"range": {field: {"gt": ""}}}}}
        for field, value in wanted.items()
        if value is not None
    ]


def _events(documents: Documents) -> pa.Array:
    """The span events of each document as a list column."""
    rows: list[list[dict[str, Any]]] = [document.get("events") or [] for document in documents]
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    events = [event for row in rows for event in row]
    kind = SCHEMA.field("events").type.value_type
    items = pa.StructArray.from_arrays(
        [
            pa.array([event.get("time_unix_nano") for event in events], pa.int64()),
            pa.array([event.get("name") for event in events], pa.string()),
            made.attribute_maps([event.get("attributes") for event in events]),
        ],
        fields=list(kind),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), items).cast(SCHEMA.field("events").type)


def layout() -> Layout:
    return CausewayLayout()
