"""SkyWalking's segment documents, made by hand after its protocol and its storage model; no agent wrote them."""

from __future__ import annotations

import base64
from typing import Any

from causeway.stores.elasticsearch.foreign.segment import SegmentObject

TRACE = "a12ff60b5807463791827fb1c2b6cc14.67.16123456789012345"
ENTRY, EXIT, LOCAL = range(3)
DATABASE, RPC, HTTP, QUEUE, CACHE = range(1, 6)
MAPPINGS: dict[str, Any] = {
    "properties": {
        "data_binary": {"type": "binary"},
        "endpoint_id": {"type": "keyword"},
        "is_error": {"type": "integer"},
        "latency": {"type": "integer"},
        "segment_id": {"type": "keyword"},
        "service_id": {"type": "keyword"},
        "service_instance_id": {"type": "keyword"},
        "start_time": {"type": "long"},
        "tags": {"type": "keyword"},
        "time_bucket": {"type": "long"},
        "trace_id": {"type": "keyword"},
    }
}


def span(number: int, parent: int, name: str, kind: int, start_ms: int, **said: Any) -> dict[str, Any]:
    """The fields of a SpanObject; `took_ms` gives its end."""
    took = said.pop("took_ms", 10)
    tags = [{"key": key, "value": value} for key, value in said.pop("tags", {}).items()]
    return {
        "spanId": number,
        "parentSpanId": parent,
        "operationName": name,
        "spanType": kind,
        "startTime": start_ms,
        "endTime": start_ms + took,
        "tags": tags,
        **said,
    }


def reference(segment: str, number: int, *, trace: str = TRACE, across: int = 0) -> dict[str, Any]:
    return {"refType": across, "traceId": trace, "parentTraceSegmentId": segment, "parentSpanId": number}


def document(segment: str, service: str, spans: list[dict[str, Any]], *, trace: str = TRACE) -> dict[str, Any]:
    """One document of the index `segment`."""
    packed = SegmentObject(
        traceId=trace, traceSegmentId=segment, service=service, serviceInstance=f"{service}-1", spans=spans
    )
    start = spans[0]["startTime"]
    return {
        "segment_id": segment,
        "trace_id": trace,
        "service_id": base64.b64encode(service.encode()).decode() + ".1",
        "start_time": start,
        "time_bucket": start // 1000,
        "latency": spans[0]["endTime"] - start,
        "is_error": 0,
        "data_binary": base64.b64encode(packed.SerializeToString()).decode(),
    }
