"""Transactions and spans as Elastic APM Server writes them to `traces-apm*`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from causeway.conventions.peers import host_of
from causeway.conventions.text import text_of
from causeway.records import SPAN_KINDS
from causeway.stores.elasticsearch.foreign.gathering import (
    NO_ITEMS,
    Document,
    Items,
    Pairs,
    Senders,
    SpanColumns,
    pick,
    table_of,
)

_STATUSES = {"success": "OK", "failure": "ERROR"}
# Attribute names of OpenTelemetry, and where the same thing stands in a document.
_ATTRIBUTES = {
    "http.request.method": "http.request.method",
    "http.response.status_code": "http.response.status_code",
    "http.version": "http.version",
    "url.full": "url.full",
    "url.original": "url.original",
    "url.path": "url.path",
    "client.address": "client.ip",
    "user_agent.original": "user_agent.original",
    "server.port": "destination.port",
    "db.namespace": "span.db.instance",
    "db.query.text": "span.db.statement",
    "transaction.type": "transaction.type",
    "transaction.result": "transaction.result",
    "span.type": "span.type",
    "span.subtype": "span.subtype",
    "span.action": "span.action",
    "service.target.name": "service.target.name",
    "service.target.type": "service.target.type",
    "span.destination.service.resource": "span.destination.service.resource",
}
# Resource attributes likewise.
_RESOURCE = {
    "service.name": "service.name",
    "service.version": "service.version",
    "service.instance.id": "service.node.name",
    "deployment.environment.name": "service.environment",
    "host.name": "host.name",
    "host.id": "host.id",
    "container.id": "container.id",
    "k8s.pod.name": "kubernetes.pod.name",
    "k8s.namespace.name": "kubernetes.namespace",
    "k8s.node.name": "kubernetes.node.name",
    "cloud.provider": "cloud.provider",
    "cloud.region": "cloud.region",
    "telemetry.sdk.name": "agent.name",
    "telemetry.sdk.version": "agent.version",
    "telemetry.sdk.language": "service.language.name",
}
_SENDER = ("service", "host", "container", "kubernetes", "cloud", "agent")
_RECEIVING = frozenset(("receive", "poll", "process"))


class ApmDecoder:
    """Decodes `_source` of transactions and spans. It remembers senders, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._senders = Senders(_resource_attributes)

    def decode(self, documents: Sequence[Document], columns: Sequence[str]) -> pa.Table:
        """One span per document, in order; documents of other events (errors, metrics) are left out."""
        documents = [one for one in map(_nested, documents) if _event(one)]
        ours = [_event(one) for one in documents]
        bodies = [one.get(event) or {} for one, event in zip(documents, ours, strict=True)]
        types = [str(body.get("type") or "") for body in bodies]
        kinds = [_kind(*one) for one in zip(ours, bodies, types, strict=True)]
        found = SpanColumns(
            trace_id=pick(documents, "trace.id"),
            span_id=pick(bodies, "id"),
            parent_span_id=pick(documents, "parent.id"),
            operation=pick(bodies, "name"),
            kind=kinds,
            start_ns=[_start_ns(one) for one in documents],
            duration_ns=[_duration_ns(*one) for one in zip(documents, bodies, strict=True)],
            status=[_STATUSES.get(one, "UNSET") for one in pick(documents, "event.outcome")],
            status_message=[""] * len(documents),
            scope=[str(name or "") for name in pick(documents, "service.framework.name")],
            trace_state=[""] * len(documents),
            senders=self._senders.of([_sender(one) for one in documents]),
            attributes=_attributes(documents, types, kinds),
            events=Items(counts=[0] * len(documents)),
            links=_links(bodies) if "links" in columns else NO_ITEMS,
        )
        return table_of(found, columns)


def _nested(document: Document) -> Document:
    """The document with dotted names at its top taken apart, as some pipelines write them."""
    if not any("." in key for key in document):
        return document
    found: Document = {}
    for key, value in document.items():
        place, parts = found, key.split(".")
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        last = parts[-1]
        if isinstance(value, dict) and isinstance(place.get(last), dict):
            place[last] = {**place[last], **value}
        else:
            place[last] = value
    return found


def _event(document: Document) -> str:
    """transaction or span; "" for anything else."""
    event = (document.get("processor") or {}).get("event")
    if event is None:  # versions that leave it out
        event = "span" if (document.get("span") or {}).get("id") else "transaction" if "transaction" in document else ""
    return event if event in {"transaction", "span"} else ""


def _kind(event: str, body: dict[str, Any], kind: str) -> str:
    said = str(body.get("kind") or "").upper()  # of spans that came through OpenTelemetry
    if said in SPAN_KINDS:
        return said
    if event == "transaction":
        return {"request": "SERVER", "messaging": "CONSUMER"}.get(kind, "INTERNAL")
    if kind == "messaging":
        return "CONSUMER" if body.get("action") in _RECEIVING else "PRODUCER"
    leaves = (body.get("destination") or {}).get("service") or kind in {"external", "db", "storage"}
    return "CLIENT" if leaves else "INTERNAL"


def _start_ns(document: Document) -> int | None:
    exact = (document.get("timestamp") or {}).get("us")
    if exact is not None:
        return int(exact) * 1000
    stamp = document.get("@timestamp")
    if not isinstance(stamp, str):
        return None
    whole, _, rest = stamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 1_000_000_000 + int((rest + "000000000")[:9])


def _duration_ns(document: Document, body: dict[str, Any]) -> int:
    micros = (body.get("duration") or {}).get("us")
    if micros is not None:
        return int(micros) * 1000
    return int((document.get("event") or {}).get("duration") or 0)


def _attributes(documents: Sequence[Document], types: list[str], kinds: list[str]) -> Pairs:
    pairs = Pairs()
    for name, path in _ATTRIBUTES.items():
        pairs.add_column(name, pick(documents, path))
    for part in ("labels", "numeric_labels"):
        for row, labels in enumerate(pick(documents, part)):
            for key, value in (labels or {}).items():
                pairs.add(row, key, value)
    for part in ("transaction", "span"):
        for row, count in enumerate(pick(documents, f"{part}.representative_count")):
            if count is not None and count != 1:
                pairs.add(row, "sampler.adjusted_count", count)
    addresses = pick(documents, "destination.address")
    resources = pick(documents, "span.destination.service.resource")
    systems = pick(documents, "span.subtype")
    queues = pick(documents, "span.message.queue.name")
    taken = pick(documents, "transaction.message.queue.name")
    for row, (kind, leaving) in enumerate(zip(types, kinds, strict=True)):
        for key, value in _peer(kind, leaving, addresses[row], resources[row], systems[row], queues[row] or taken[row]):
            pairs.add(row, key, value)
    return pairs


def _peer(kind: str, span_kind: str, address: Any, resource: Any, system: Any, queue: Any) -> Iterator[tuple[str, str]]:
    """The attributes from which a peer is worked out, in OpenTelemetry's words.

    resource: `span.destination.service.resource`, such as postgresql, postgres/orders, kafka/topic, shop:8080.
    """
    named = str(resource or "")
    if kind == "messaging":
        yield "messaging.system", str(system or named.split("/", 1)[0] or "messaging")
        topic = str(queue or "") or named.partition("/")[2]
        if topic:
            yield "messaging.destination.name", topic
        return
    if span_kind not in {"CLIENT", "PRODUCER"}:
        return
    if kind == "db":
        yield "db.system.name", str(system or named.split("/", 1)[0] or "database")
    elif system in {"grpc", "dubbo"}:
        yield "rpc.system.name", str(system)
    if address:
        yield "server.address", str(address)
    elif named and kind != "db":
        yield "server.address", host_of(named)


def _links(bodies: Sequence[dict[str, Any]]) -> Items:
    links = Items(columns={"trace_id": [], "span_id": []})
    for body in bodies:
        found = body.get("links") or ()
        links.counts.append(len(found))
        for one in found:
            links.columns["trace_id"].append((one.get("trace") or {}).get("id"))
            links.columns["span_id"].append((one.get("span") or {}).get("id"))
    return links


def _sender(document: Document) -> Document:
    found = {part: document[part] for part in _SENDER if part in document}
    service = found.get("service")
    if service and "target" in service:  # who is called: of the span, not of its sender
        found["service"] = {key: value for key, value in service.items() if key != "target"}
    return found


def _resource_attributes(sender: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in _RESOURCE.items():
        value = pick([sender], path)[0]
        if value is not None and value != "":
            found[name] = text_of(value)
    return found
