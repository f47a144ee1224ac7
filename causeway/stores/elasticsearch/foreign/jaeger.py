"""Spans as Jaeger writes them to Elasticsearch: by day, by rollover, or to a data stream.

Also what its query service answers, whose spans are the same with the process told apart (`collectors/attach`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from causeway.conventions.text import text_of
from causeway.stores.elasticsearch.foreign.gathering import (
    NO_ITEMS,
    Document,
    Items,
    Pairs,
    Senders,
    SpanColumns,
    table_of,
)

_KINDS = {
    "internal": "INTERNAL",
    "server": "SERVER",
    "client": "CLIENT",
    "producer": "PRODUCER",
    "consumer": "CONSUMER",
}
# Tags that say what a span's own fields say in OpenTelemetry; they are no attributes.
_KIND, _STATE, _SCOPE, _SCOPE_VERSION = "span.kind", "w3c.tracestate", "otel.scope.name", "otel.scope.version"
_STATUS, _STATUS_TEXT, _ERROR = "otel.status_code", "otel.status_description", "error"
_OWN = frozenset((_KIND, _STATE, _SCOPE, _SCOPE_VERSION, _STATUS, _STATUS_TEXT, _ERROR))
_HTTP_STATUS = ("http.response.status_code", "http.status_code")
_READ = _OWN | frozenset(_HTTP_STATUS)
_DOT = "@"  # what stands for a dot in the names of `tag` objects, unless Jaeger was told otherwise


class JaegerDecoder:
    """Decodes `_source` of span documents. It remembers senders, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._senders = Senders(_resource_attributes)

    def decode(self, documents: Sequence[Document], columns: Sequence[str]) -> pa.Table:
        """One span per document, in order."""
        tags = [_tags(document.get("tags"), document.get("tag")) for document in documents]
        own = [{key: value for key, value in one if key in _READ} for one in tags]
        attributes = _attributes(tags)
        kinds = [_KINDS.get(str(one.get(_KIND, "")), "UNSPECIFIED") for one in own]
        references = [document.get("references") or () for document in documents]
        parents = [_parent(document, refs) for document, refs in zip(documents, references, strict=True)]
        processes = [document.get("process") or {} for document in documents]
        found = SpanColumns(
            trace_id=[document.get("traceID") for document in documents],
            span_id=[document.get("spanID") for document in documents],
            parent_span_id=parents,
            operation=[document.get("operationName") for document in documents],
            kind=kinds,
            start_ns=[_ns(document.get("startTime")) for document in documents],
            duration_ns=[_ns(document.get("duration")) or 0 for document in documents],
            status=[_status(*one) for one in zip(own, kinds, strict=True)],
            status_message=[str(one.get(_STATUS_TEXT, "")) for one in own],
            scope=[str(one.get(_SCOPE, "")) for one in own],
            trace_state=[str(one.get(_STATE, "")) for one in own],
            senders=self._senders.of(processes),
            attributes=attributes,
            events=_events(documents) if "events" in columns else NO_ITEMS,
            links=_links(documents, references, parents) if "links" in columns else NO_ITEMS,
        )
        return table_of(found, columns)


def _tags(listed: Any, by_name: Any) -> list[tuple[str, Any]]:
    """(key, value) of tags kept as a list, as an object, or (Jaeger's default) some of each."""
    found = [(one["key"], _value(one)) for one in listed] if listed else []
    if by_name:
        found.extend((key.replace(_DOT, "."), value) for key, value in by_name.items())
    return found


def _value(tag: dict[str, Any]) -> Any:
    value = tag.get("value")
    if tag.get("type") == "binary" and isinstance(value, str):
        try:
            return base64.b64encode(bytes.fromhex(value)).decode("ascii")
        except ValueError:
            return value
    return value


def _attributes(tags: list[list[tuple[str, Any]]]) -> Pairs:
    pairs = Pairs()
    for row, one in enumerate(tags):
        for key, value in one:
            if key not in _OWN or (key == _ERROR and not _is_true(value)):
                pairs.add(row, key, value)
    return pairs


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _status(own: dict[str, Any], kind: str) -> str:
    """As Jaeger reads its own documents: the error tag, else the status tag, else the HTTP status."""
    if _is_true(own.get(_ERROR)):
        return "ERROR"
    if _STATUS in own:
        word = str(own[_STATUS]).upper()
        return word if word in {"OK", "ERROR"} else "UNSET"
    code = own.get(_HTTP_STATUS[0], own.get(_HTTP_STATUS[1]))
    try:
        number = int(code) if code is not None else 0
    except (TypeError, ValueError):
        return "UNSET"
    return "ERROR" if number >= 500 or (400 <= number < 500 and kind != "SERVER") else "UNSET"


def _parent(document: Document, references: Sequence[dict[str, Any]]) -> str | None:
    """Its own field in old documents, else the first CHILD_OF of the trace, else the first FOLLOWS_FROM of it."""
    named = document.get("parentSpanID")
    if named:
        return str(named)
    within = [one for one in references if one.get("traceID") == document.get("traceID")]
    chosen = next((one for one in within if one.get("refType") == "CHILD_OF"), within[0] if within else None)
    return None if chosen is None else chosen.get("spanID")


def _links(
    documents: Sequence[Document], references: Sequence[Sequence[dict[str, Any]]], parents: list[str | None]
) -> Items:
    links = Items(columns={"trace_id": [], "span_id": []})
    for document, refs, parent in zip(documents, references, parents, strict=True):
        others = [one for one in refs if one.get("spanID") != parent or one.get("traceID") != document.get("traceID")]
        links.counts.append(len(others))
        for one in others:
            kind = "child_of" if one.get("refType") == "CHILD_OF" else "follows_from"
            links.attributes.add(len(links.columns["trace_id"]), "opentracing.ref_type", kind)
            links.columns["trace_id"].append(one.get("traceID"))
            links.columns["span_id"].append(one.get("spanID"))
    return links


def _events(documents: Sequence[Document]) -> Items:
    events = Items(columns={"time_ns": [], "name": []})
    for document in documents:
        logs = document.get("logs") or ()
        events.counts.append(len(logs))
        for one in logs:
            row, name = len(events.columns["name"]), ""
            for key, value in _tags(one.get("fields"), None):
                if key == "event":
                    name = text_of(value)
                else:
                    events.attributes.add(row, key, value)
            events.columns["time_ns"].append(_ns(one.get("timestamp")))
            events.columns["name"].append(name)
    return events


def _resource_attributes(process: Any) -> dict[str, str]:
    found = {key: text_of(value) for key, value in _tags(process.get("tags"), process.get("tag"))}
    if process.get("serviceName"):
        found["service.name"] = str(process["serviceName"])
    if "hostname" in found:  # Jaeger's own clients say it so; in Kubernetes it is the pod's name
        found.setdefault("host.name", found["hostname"])
    return found


def _ns(microseconds: Any) -> int | None:
    return None if microseconds is None else int(microseconds) * 1000
