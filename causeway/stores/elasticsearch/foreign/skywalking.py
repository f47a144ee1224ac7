"""Trace segments as SkyWalking writes them to Elasticsearch: one document holds all spans of a segment, packed.

Ids are text of any shape there: trace ids that are no hexadecimal become 16-byte hashes, and a span's id is the
8-byte hash of its segment's id and its number.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.message import DecodeError

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
from causeway.stores.elasticsearch.foreign.segment import (
    CACHE,
    DATABASE,
    ENTRY,
    EXIT,
    HTTP,
    QUEUE,
    RPC,
    SegmentObject,
)

# Component numbers (`component-libraries.yml` of SkyWalking 9 and 10) of one system, where it has a name of its own.
_SYSTEMS: dict[str, tuple[int, ...]] = {
    "h2": (4, 32),
    "mysql": (5, 33, 3008, 3012, 5012, 7003, 7013, 8005),
    "oracle": (6, 34),
    "redis": (7, 30, 56, 57, 3005, 3018, 7017, 8006),
    "mongodb": (9, 42, 4006),
    "memcached": (20, 35, 36),
    "postgresql": (22, 37, 3007, 3013, 7010, 7016),
    "sqlite": (31, 3011),
    "elasticsearch": (47, 48, 77),
    "solr": (63, 64),
    "cassandra": (69, 70),
    "mariadb": (86, 87),
    "influxdb": (89, 90),
    "hbase": (94,),
    "mssql": (104, 3002, 3006, 3010),
    "neo4j": (112,),
    "clickhouse": (119, 120),
    "kylin": (121, 122),
    "impala": (133, 134),
    "dynamodb": (138,),
    "rocketmq": (25, 38, 39),
    "kafka": (27, 40, 41, 95),
    "activemq": (44, 45, 46),
    "rabbitmq": (51, 52, 53),
    "pulsar": (72, 73, 74),
    "nats": (132,),
    "eventmesh": (135, 136, 137),
    "aws_sns": (139,),
    "aws_sqs": (140,),
    "amqp": (143, 144, 145),
    "dubbo": (3,),
    "motan": (8,),
    "grpc": (23,),
    "sofarpc": (43,),
    "brpc": (91,),
    "thrift": (100, 101),
    "jsonrpc": (106,),
}
_SYSTEM_OF = {number: system for system, numbers in _SYSTEMS.items() for number in numbers}
_DESTINATION_TAGS = ("mq.topic", "mq.queue")
_ROOT = -1


class SkywalkingDecoder:
    """Decodes `_source` of segment documents. It remembers senders, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._senders = Senders(_resource_attributes)

    def decode(self, documents: Sequence[Document], columns: Sequence[str]) -> pa.Table:
        """All spans of the segments, in order; none of a segment that cannot be unpacked."""
        segments = [segment for segment in map(_segment, documents) if segment is not None]
        spans = [(segment, span) for segment in segments for span in segment.spans]
        parents = [_parent(segment, span) for segment, span in spans]
        found = SpanColumns(
            trace_id=[segment.traceId for segment, _ in spans],
            span_id=[_span_name(segment.traceSegmentId, span.spanId) for segment, span in spans],
            parent_span_id=parents,
            operation=[span.operationName for _, span in spans],
            kind=[_kind(span) for _, span in spans],
            start_ns=[span.startTime * 1_000_000 for _, span in spans],
            duration_ns=[(span.endTime - span.startTime) * 1_000_000 for _, span in spans],
            status=["ERROR" if span.isError else "UNSET" for _, span in spans],
            status_message=[""] * len(spans),
            scope=[""] * len(spans),
            trace_state=[""] * len(spans),
            senders=self._senders.of([(segment.service, segment.serviceInstance) for segment, _ in spans]),
            attributes=_attributes([span for _, span in spans]),
            events=_events([span for _, span in spans]) if "events" in columns else NO_ITEMS,
            links=_links(spans, parents) if "links" in columns else NO_ITEMS,
        )
        return table_of(found, columns)


def _segment(document: Document) -> Any:
    """The unpacked segment; None when it is damaged."""
    try:
        return SegmentObject.FromString(binascii.a2b_base64(document.get("data_binary") or ""))
    except (binascii.Error, ValueError, DecodeError):
        return None


def _span_name(segment: str, number: int) -> str:
    return f"{segment}-{number}"  # longer than an id or no hexadecimal: hashed


def _parent(segment: Any, span: Any) -> str | None:
    """The span above it in the segment, else the one its first reference within the trace names."""
    if span.parentSpanId > _ROOT:
        return _span_name(segment.traceSegmentId, span.parentSpanId)
    for reference in span.refs:
        if reference.traceId in {segment.traceId, ""}:
            return _span_name(reference.parentTraceSegmentId, reference.parentSpanId)
    return None


def _kind(span: Any) -> str:
    if span.spanType == ENTRY:
        return "CONSUMER" if span.spanLayer == QUEUE else "SERVER"
    if span.spanType == EXIT:
        return "PRODUCER" if span.spanLayer == QUEUE else "CLIENT"
    return "INTERNAL"


def _attributes(spans: Sequence[Any]) -> Pairs:
    pairs = Pairs()
    for row, span in enumerate(spans):
        tags = {tag.key: tag.value for tag in span.tags}
        for key, value in _peer(span, tags):
            pairs.add(row, key, value)
        for key, value in tags.items():
            pairs.add(row, key, value)
    return pairs


def _peer(span: Any, tags: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The attributes from which a peer is worked out, in OpenTelemetry's words."""
    system = _SYSTEM_OF.get(span.componentId, "")
    if span.spanLayer in {DATABASE, CACHE}:
        yield "db.system.name", system or _database(tags)
    elif span.spanLayer == QUEUE:
        yield "messaging.system", system or "messaging"
        topic = next((tags[key] for key in _DESTINATION_TAGS if tags.get(key)), "")
        if topic:
            yield "messaging.destination.name", topic
    elif span.spanLayer == RPC:
        yield "rpc.system.name", system or "rpc"
    elif span.spanLayer == HTTP and tags.get("url"):
        yield "url.full", tags["url"]
    if span.peer and span.spanType == EXIT:
        yield "server.address", _host(span.peer)


def _database(tags: dict[str, str]) -> str:
    named = (tags.get("db.type") or tags.get("cache.type") or "").lower()
    return named if named not in {"", "sql"} else "database"


def _host(peer: str) -> str:
    """The first host of `host:port`, or of several with , or ; between."""
    first = peer.replace(";", ",").split(",", 1)[0].strip()
    first = first.rsplit("://", 1)[-1]
    if first.startswith("["):
        return first[1:].split("]", 1)[0]
    return first.split(":", 1)[0] if first.count(":") == 1 else first


def _events(spans: Sequence[Any]) -> Items:
    events = Items(columns={"time_ns": [], "name": []})
    for span in spans:
        events.counts.append(len(span.logs))
        for one in span.logs:
            row, name = len(events.columns["name"]), ""
            for pair in one.data:
                if pair.key == "event":
                    name = pair.value
                else:
                    events.attributes.add(row, pair.key, pair.value)
            events.columns["time_ns"].append(one.time * 1_000_000)
            events.columns["name"].append(name)
    return events


def _links(spans: Sequence[tuple[Any, Any]], parents: list[str | None]) -> Items:
    links = Items(columns={"trace_id": [], "span_id": []})
    for (_, span), parent in zip(spans, parents, strict=True):
        named = [(one, _span_name(one.parentTraceSegmentId, one.parentSpanId)) for one in span.refs]
        others = [(one, name) for one, name in named if name != parent]
        links.counts.append(len(others))
        for one, name in others:
            links.columns["trace_id"].append(one.traceId)
            links.columns["span_id"].append(name)
    return links


def _resource_attributes(sender: Any) -> dict[str, str]:
    service, instance = sender
    found = {"service.name": text_of(service), "service.instance.id": text_of(instance)}
    return {key: value for key, value in found.items() if value}
