"""Plain tables of records and the OTLP requests they become: what every other recorded layout is turned into.

spans: time_ns, duration_ns, trace_id, span_id, parent_span_id (hex or null), service, operation, kind (OTLP number),
failed, attributes. logs: time_ns, service, severity, body, attributes. metrics: time_ns, service, name, unit, value
(no row where nothing was recorded), attributes. events: time_ns, kind (records.EVENT_KINDS), service (empty where it
is nobody's in particular), entity, name, message, attributes. `attributes` are JSON objects of text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
import pyarrow as pa

from causeway.otlp import encode
from causeway.otlp.send import Export

SCHEMAS: Mapping[str, pa.Schema] = {
    "spans": pa.schema(
        [
            ("time_ns", pa.int64()),
            ("duration_ns", pa.int64()),
            ("trace_id", pa.string()),
            ("span_id", pa.string()),
            ("parent_span_id", pa.string()),
            ("service", pa.string()),
            ("operation", pa.string()),
            ("kind", pa.int8()),
            ("failed", pa.bool_()),
            ("attributes", pa.string()),
        ]
    ),
    "logs": pa.schema(
        [
            ("time_ns", pa.int64()),
            ("service", pa.string()),
            ("severity", pa.string()),
            ("body", pa.string()),
            ("attributes", pa.string()),
        ]
    ),
    "metrics": pa.schema(
        [
            ("time_ns", pa.int64()),
            ("service", pa.string()),
            ("name", pa.string()),
            ("unit", pa.string()),
            ("value", pa.float64()),
            ("attributes", pa.string()),
        ]
    ),
    "events": pa.schema(
        [
            ("time_ns", pa.int64()),
            ("kind", pa.string()),
            ("service", pa.string()),
            ("entity", pa.string()),
            ("name", pa.string()),
            ("message", pa.string()),
            ("attributes", pa.string()),
        ]
    ),
}
_SEVERITY = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21, "CRITICAL": 21}
_STATUS_ERROR = b"\x7a\x02\x18\x02"  # Span.status.code = ERROR
_SCOPE = encode.scope("causeway.replay")


def is_plain(table: pa.Table) -> bool:
    """Whether the table is one of these rather than one of Nezha's."""
    return "time_ns" in table.column_names


def table(signal: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a plain table; `attributes` may be a mapping."""
    for row in rows:
        row["attributes"] = orjson.dumps(row.get("attributes") or {}).decode()
    return pa.Table.from_pylist(rows, schema=SCHEMAS[signal])


def request(signal: str, part: pa.Table, *, by_ns: int, mask: int) -> Export:
    """One request with all records of the part, their times moved, their trace ids masked."""
    encoders = {"spans": _span, "logs": _log, "metrics": _metric, "events": _event}
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for row in part.to_pylist():
        row["time_ns"] += by_ns
        groups[_resource(row["service"] or "")].append(encode.field(2, encoders[signal](row, mask)))
    body = encode.request({owner: b"".join(records) for owner, records in groups.items()}, _SCOPE)
    return Export({"metrics": "samples", "events": "logs"}.get(signal, signal), part.num_rows, body)


@lru_cache(maxsize=4096)
def _resource(service: str) -> bytes:
    return encode.resource({"service.name": service} if service else {})


def _attributes(number: int, text: str) -> bytes:
    return encode.attributes(number, {key: str(value) for key, value in orjson.loads(text).items()})


def _span(row: Mapping[str, Any], mask: int) -> bytes:
    parent = row["parent_span_id"]
    return (
        encode.field(1, _masked(row["trace_id"], mask, 16))
        + encode.field(2, _masked(row["span_id"], mask, 8))
        + (encode.field(4, _masked(parent, mask, 8)) if parent else b"")
        + encode.text(5, row["operation"])
        + (b"\x30" + encode.varint(row["kind"]) if row["kind"] else b"")
        + encode.fixed64(7, row["time_ns"])
        + encode.fixed64(8, row["time_ns"] + row["duration_ns"])
        + _attributes(9, row["attributes"])
        + (_STATUS_ERROR if row["failed"] else b"")
    )


def _log(row: Mapping[str, Any], mask: int) -> bytes:
    del mask  # of no trace
    name = (row["severity"] or "").upper()
    number = _SEVERITY.get(name, 0)
    severity = (b"\x10" + encode.varint(number) + encode.text(3, name)) if number else b""
    body = encode.field(5, encode.field(1, row["body"].encode()))
    return encode.fixed64(1, row["time_ns"]) + severity + body + _attributes(6, row["attributes"])


def _event(row: Mapping[str, Any], mask: int) -> bytes:
    del mask
    known = {"causeway.event.kind": row["kind"], "causeway.event.entity": row["entity"], "event.name": row["name"]}
    body = encode.field(5, encode.field(1, row["message"].encode()))
    given = encode.attributes(6, {key: value for key, value in known.items() if value})
    return encode.fixed64(1, row["time_ns"]) + body + given + _attributes(6, row["attributes"])


def _metric(row: Mapping[str, Any], mask: int) -> bytes:
    del mask
    point = encode.fixed64(3, row["time_ns"]) + encode.double(4, row["value"]) + _attributes(7, row["attributes"])
    return encode.text(1, row["name"]) + encode.text(3, row["unit"]) + encode.field(5, encode.field(1, point))


def _masked(identifier: str, mask: int, size: int) -> bytes:
    bits = 8 * size
    return (int(identifier, 16) ^ (mask & ((1 << bits) - 1))).to_bytes(size, "big")
