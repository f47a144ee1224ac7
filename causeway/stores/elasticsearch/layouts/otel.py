"""Documents as the OpenTelemetry Collector's elasticsearchexporter writes them in its OTel mapping mode.

Their time on record is a millisecond and, after a point, nanoseconds without leading zeros, which Elasticsearch reads
as a fraction: a document may be filed up to a millisecond later than its span started. Span events are log documents
without an observed time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.conventions.peers import HTTP_PREFIXES, PEER_KEYS, peer_columns
from causeway.conventions.resource import INSTANCE_KEYS, UNKNOWN_SERVICE
from causeway.conventions.sampling import KEYS as SAMPLING_KEYS
from causeway.conventions.sampling import adjusted_counts
from causeway.conventions.text import text_of
from causeway.stores.contract import LogFilter, SpanFilter
from causeway.stores.elasticsearch.layouts import columns as made
from causeway.stores.elasticsearch.layouts.layout import Clause, Conditions, Hit, Layout, LogLayout

MILLISECOND_NS = 1_000_000
RESOURCE = pa.field("resource", records.ATTRIBUTES)
SCHEMA = pa.schema([*records.SPANS, RESOURCE])
KIND_WORDS = {word.capitalize(): word for word in records.SPAN_KINDS}
STATUS_WORDS = {word.capitalize(): word for word in records.SPAN_STATUSES}
_PEER_COLUMNS = ("peer_service", "peer_address", "peer_type", "protocol")
_SENDER_COLUMNS = ("service", "instance", "version")
# Longer values are not indexed by the templates that come with Elasticsearch.
INDEXED_CHARS = 1024
# The severity words of the OpenTelemetry data model, as in `records.SEVERITIES`.
SEVERITY_STEP = 4

Documents = list[Mapping[str, Any]]


class OtelLayout(Layout):
    """See the module."""

    name = "otel"
    time_field = "@timestamp"
    early_ns = MILLISECOND_NS

    def __init__(self) -> None:
        self.senders = made.Senders()
        self.logs: LogLayout | None = OtelLogs(self.senders)

    def index(self, namespace: str) -> str:
        return f"traces-*.otel-{namespace}"

    def source(self, columns: Sequence[str]) -> list[str]:
        found: list[str] = ["trace_id", "span_id"]
        for name in columns:
            found += self.fields_of(name)
        if "attributes" in found:
            found = [name for name in found if not name.startswith("attributes.")]
        return list(dict.fromkeys(found))

    def fields_of(self, column: str) -> tuple[str, ...]:
        """The `_source` fields one column needs."""
        if column in _PEER_COLUMNS:
            return ("kind", *_PEER_FIELDS)
        if column == "adjusted_count_milli":
            return ("trace_state", *_SAMPLING_FIELDS)
        if column in {"resource_id", "resource"}:
            return ("resource.attributes",)
        if column in _SENDER_COLUMNS:
            return ("resource.attributes.service.name", "resource.attributes.service.version", *_INSTANCE_FIELDS)
        return _FIELDS[column]

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        documents = [hit["_source"] for hit in hits]
        built = self.build(documents, {*columns, "trace_id", "span_id"})
        schema = pa.schema([SCHEMA.field(name) for name in columns])
        table = pa.table([built[name].cast(schema.field(name).type) for name in columns], schema=schema)
        readable = pc.and_(built["trace_id"].is_valid(), built["span_id"].is_valid())
        return table if pc.all(readable).as_py() is not False else table.filter(readable)

    def build(self, documents: Documents, columns: set[str]) -> dict[str, pa.Array]:
        """The columns by name, one element a document."""
        built = {name: builder(documents) for name, builder in _BUILDERS.items() if name in columns}
        if columns & {"resource_id", "resource", *_SENDER_COLUMNS}:
            built |= self.sender_columns(documents, whole="resource" in columns)
        if columns & {*_PEER_COLUMNS, "adjusted_count_milli"}:
            built.setdefault("attributes", _BUILDERS["attributes"](documents))
        if "adjusted_count_milli" in columns:
            states = built.get("trace_state", _BUILDERS["trace_state"](documents))
            built["adjusted_count_milli"] = adjusted_counts(states, built["attributes"])
        if columns & set(_PEER_COLUMNS):
            kinds = built.get("kind", _BUILDERS["kind"](documents))
            built |= peer_columns(kinds, built["attributes"])
        return built

    def sender_columns(self, documents: Documents, *, whole: bool) -> dict[str, pa.Array]:
        """service, instance, version, resource_id and, with `whole`, resource."""
        senders = [self.senders.of((document.get("resource") or {}).get("attributes")) for document in documents]
        found = {
            "service": pa.array([sender.service for sender in senders], pa.string()),
            "instance": pa.array([sender.instance for sender in senders], pa.string()),
            "version": pa.array([sender.version for sender in senders], pa.string()),
            "resource_id": pa.array([sender.resource_id for sender in senders], pa.int64()),
        }
        if whole:
            found["resource"] = made.attribute_maps([sender.attributes for sender in senders])
        return found

    def conditions(self, where: SpanFilter) -> Conditions:
        clauses: list[Clause] = []
        if where.service is not None:
            clauses.append(service_clause(where.service))
        if where.operation is not None:
            clauses.append({"term": {"name": where.operation}})
        if where.kind is not None:
            clauses.append(enum_clause("kind", where.kind))
        if where.status is not None:
            clauses.append(enum_clause("status.code", where.status))
        bounds = {"gte": where.duration_min_ns, "lte": where.duration_max_ns}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        if given:
            clauses.append({"range": {"duration": given}})
        for key, value in where.attributes.items():
            clauses += attribute_clauses(key, value)
        return Conditions(tuple(clauses), exact=where.instance is None and not where.attributes)

    def of_traces(self, trace_ids: Sequence[bytes]) -> Clause:
        return {"terms": {"trace_id": [trace_id.hex() for trace_id in trace_ids]}}

    def services_field(self) -> str | None:
        return "resource.attributes.service.name"

    def order_field(self, column: str) -> str | None:
        return "duration" if column == "duration_ns" else None

    def events_index(self, namespace: str) -> str | None:
        return f"logs-*.otel-{namespace}"

    def attach_events(self, spans: pa.Table, documents: Sequence[Hit]) -> pa.Table:
        if "events" not in spans.column_names or not documents:
            return spans
        sources = [hit["_source"] for hit in documents if "observed_timestamp" not in hit["_source"]]
        by_span: dict[bytes, list[dict[str, Any]]] = {}
        for span_id, event in zip(
            made.ids([source.get("span_id") for source in sources], 8).to_pylist(), _events_of(sources), strict=True
        ):
            by_span.setdefault(span_id, []).append(event)
        for events in by_span.values():
            events.sort(key=lambda event: event["time_ns"])
        rows = [by_span.get(span_id, []) for span_id in spans["span_id"].to_pylist()]
        place = spans.schema.get_field_index("events")
        return spans.set_column(place, SCHEMA.field("events"), pa.array(rows, SCHEMA.field("events").type))


class OtelLogs(LogLayout):
    """Log documents of the exporter; those without an observed time are span events and left out."""

    time_field = "@timestamp"
    early_ns = MILLISECOND_NS

    def __init__(self, senders: made.Senders) -> None:
        self.senders = senders

    def index(self, namespace: str) -> str:
        return f"logs-*.otel-{namespace}"

    def base(self) -> tuple[Clause, ...]:
        return ({"exists": {"field": "observed_timestamp"}},)

    def source(self, columns: Sequence[str]) -> list[str]:
        found: list[str] = []
        for name in columns:
            if name == "resource_id":
                found.append("resource.attributes")
            elif name in _SENDER_COLUMNS:
                found += ("resource.attributes.service.name", *_INSTANCE_FIELDS)
            else:
                found += _LOG_FIELDS[name]
        return list(dict.fromkeys(found))

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        documents = [hit["_source"] for hit in hits]
        built = self.build(documents, set(columns))
        schema = pa.schema([records.LOGS.field(name) for name in columns])
        return pa.table([built[name].cast(schema.field(name).type) for name in columns], schema=schema)

    def build(self, documents: Documents, columns: set[str]) -> dict[str, pa.Array]:
        """The columns by name, one element a document."""
        built = {name: builder(documents) for name, builder in LOG_BUILDERS.items() if name in columns}
        if columns & {"service", "instance", "resource_id"}:
            senders = [self.senders.of((document.get("resource") or {}).get("attributes")) for document in documents]
            built["service"] = pa.array([sender.service for sender in senders], pa.string())
            built["instance"] = pa.array([sender.instance for sender in senders], pa.string())
            built["resource_id"] = pa.array([sender.resource_id for sender in senders], pa.int64())
        return built

    def conditions(self, where: LogFilter) -> Conditions:
        clauses: list[Clause] = []
        if where.service is not None:
            clauses.append(service_clause(where.service))
        if where.severity_min is not None and where.severity_min > 0:
            clauses.append({"range": {"severity_number": {"gte": where.severity_min}}})
        if where.trace_id is not None:
            clauses.append({"term": {"trace_id": where.trace_id.hex()}})
        return Conditions(tuple(clauses), exact=where.instance is None)

    def services_field(self) -> str:
        return "resource.attributes.service.name"


def service_clause(service: str) -> Clause:
    """A sender that does not say its name is `unknown_service`."""
    field = "resource.attributes.service.name"
    if service == UNKNOWN_SERVICE:
        absent: Clause = {"bool": {"must_not": {"exists": {"field": field}}}}
        return {"bool": {"should": [{"term": {field: service}}, {"term": {field: ""}}, absent]}}
    return {"term": {field: service}}


def enum_clause(field: str, word: str) -> Clause:
    """A kind or status by its word in `records`; the first word is also what is not said."""
    term: Clause = {"term": {field: word.capitalize()}}
    if word in {records.SPAN_KINDS[0], records.SPAN_STATUSES[0]}:
        return {"bool": {"should": [term, {"bool": {"must_not": {"exists": {"field": field}}}}]}}
    return term


def attribute_clauses(key: str, value: str) -> list[Clause]:
    """What can be asked of an attribute whose value was a number, a flag or text: never too little."""
    if not value or value[0] in "[{" or len(value) > INDEXED_CHARS:
        return []
    return [{"match": {f"attributes.{key}": {"query": value, "lenient": True}}}]


def _texts(*path: str) -> Callable[[Documents], pa.Array]:
    if len(path) == 1:
        return lambda documents: pa.array([document.get(path[0]) for document in documents], pa.string())
    head, tail = path
    return lambda documents: pa.array([(document.get(head) or {}).get(tail) for document in documents], pa.string())


def _integers(name: str) -> Callable[[Documents], pa.Array]:
    return lambda documents: pa.array([document.get(name) for document in documents], pa.int64())


def _ids(name: str, width: int) -> Callable[[Documents], pa.Array]:
    return lambda documents: made.ids([document.get(name) for document in documents], width)


def _times(name: str) -> Callable[[Documents], pa.Array]:
    return lambda documents: made.times_ns([document.get(name) for document in documents])


def _maps(name: str) -> Callable[[Documents], pa.Array]:
    return lambda documents: made.attribute_maps([document.get(name) for document in documents])


def words(values: Sequence[str | None], meaning: Mapping[str, str], otherwise: str) -> pa.Array:
    """The word of each value, `otherwise` for those without."""
    return pa.array([meaning.get(value or "", otherwise) for value in values], pa.string())


def _kinds(documents: Documents) -> pa.Array:
    return words([document.get("kind") for document in documents], KIND_WORDS, records.SPAN_KINDS[0])


def _statuses(documents: Documents) -> pa.Array:
    codes = [(document.get("status") or {}).get("code") for document in documents]
    return words(codes, STATUS_WORDS, records.SPAN_STATUSES[0])


def _links(documents: Documents) -> pa.Array:
    rows = [
        [
            {
                "trace_id": _bytes(link.get("trace_id")),
                "span_id": _bytes(link.get("span_id")),
                "attributes": list(_text_pairs(link.get("attributes"))),
            }
            for link in document.get("links") or ()
        ]
        for document in documents
    ]
    return pa.array(rows, SCHEMA.field("links").type)


def _no_events(documents: Documents) -> pa.Array:
    return pa.array([[] for _ in documents], SCHEMA.field("events").type)


def _events_of(sources: Documents) -> list[dict[str, Any]]:
    times = made.times_ns([source.get("@timestamp") for source in sources]).to_pylist()
    return [
        {
            "time_ns": time_ns,
            "name": source.get("event_name") or "",
            "attributes": [pair for pair in _text_pairs(source.get("attributes")) if pair[0] != "event.name"],
        }
        for time_ns, source in zip(times, sources, strict=True)
    ]


def _text_pairs(attributes: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(key, text_of(value)) for key, value in (attributes or {}).items()]


def _bytes(text: str | None) -> bytes | None:
    return bytes.fromhex(text) if text else None


def _severity_numbers(documents: Documents) -> pa.Array:
    numbers = np.array([document.get("severity_number") or 0 for document in documents], np.int64)
    return pa.array(np.where((numbers < 0) | (numbers > 24), 0, numbers).astype(np.int8))


def _severities(documents: Documents) -> pa.Array:
    numbers = _severity_numbers(documents).to_numpy().astype(np.int64)
    return pa.array(records.SEVERITIES).take(pa.array((numbers + SEVERITY_STEP - 1) // SEVERITY_STEP))


def _bodies(documents: Documents) -> pa.Array:
    bodies = [document.get("body") or {} for document in documents]
    return pa.array([text_of(body.get("text", body.get("structured"))) for body in bodies], pa.string())


_INSTANCE_FIELDS = tuple(f"resource.attributes.{key}" for key in INSTANCE_KEYS)
_PEER_FIELDS = (
    *(f"attributes.{name}" for names in PEER_KEYS for name in names),
    *(f"attributes.{prefix}*" for prefix in HTTP_PREFIXES),
)
_SAMPLING_FIELDS = tuple(f"attributes.{name}" for name in SAMPLING_KEYS)
_FIELDS: dict[str, tuple[str, ...]] = {
    "trace_id": ("trace_id",),
    "span_id": ("span_id",),
    "parent_span_id": ("parent_span_id",),
    "operation": ("name",),
    "kind": ("kind",),
    "start_ns": ("@timestamp",),
    "duration_ns": ("duration",),
    "status": ("status.code",),
    "status_message": ("status.message",),
    "scope": ("scope.name",),
    "trace_state": ("trace_state",),
    "attributes": ("attributes",),
    "events": ("events",),
    "links": ("links",),
}
_BUILDERS: dict[str, Callable[[Documents], pa.Array]] = {
    "trace_id": _ids("trace_id", 16),
    "span_id": _ids("span_id", 8),
    "parent_span_id": _ids("parent_span_id", 8),
    "operation": _texts("name"),
    "kind": _kinds,
    "start_ns": _times("@timestamp"),
    "duration_ns": _integers("duration"),
    "status": _statuses,
    "status_message": _texts("status", "message"),
    "scope": _texts("scope", "name"),
    "trace_state": _texts("trace_state"),
    "attributes": _maps("attributes"),
    "events": _no_events,
    "links": _links,
}
_LOG_FIELDS: dict[str, tuple[str, ...]] = {
    "time_ns": ("@timestamp",),
    "observed_ns": ("observed_timestamp",),
    "severity": ("severity_number",),
    "severity_number": ("severity_number",),
    "body": ("body",),
    "event_name": ("event_name",),
    "template_id": (),
    "trace_id": ("trace_id",),
    "span_id": ("span_id",),
    "scope": ("scope.name",),
    "attributes": ("attributes",),
    "ordinal": (),
}
LOG_BUILDERS: dict[str, Callable[[Documents], pa.Array]] = {
    "time_ns": _times("@timestamp"),
    "observed_ns": _times("observed_timestamp"),
    "severity": _severities,
    "severity_number": _severity_numbers,
    "body": _bodies,
    "event_name": _texts("event_name"),
    "template_id": lambda documents: pa.nulls(len(documents), pa.int64()),
    "trace_id": _ids("trace_id", 16),
    "span_id": _ids("span_id", 8),
    "scope": _texts("scope", "name"),
    "attributes": _maps("attributes"),
    "ordinal": lambda documents: pa.array(np.zeros(len(documents), np.int32)),
}


def layout() -> Layout:
    return OtelLayout()
