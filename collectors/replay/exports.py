"""Recorded tables as OTLP requests, byte for byte the same on every run.

What a recording does not say is not invented: spans carry no kind (OTLP reads that as INTERNAL), no
attributes and no status. A span lasts EndTime - StartTime, which the recording gives to the nanosecond; its
own
`Duration` column is the same in microseconds.
"""

from __future__ import annotations

import heapq
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from causeway.otlp import encode
from causeway.otlp.send import Export
from collectors.replay import plain
from collectors.replay.metric_columns import COLUMNS
from collectors.replay.recording import Recording, time_ns

_SCOPE = encode.scope("causeway.replay")
_POD = re.compile(r"-[a-z0-9]{5,11}-[a-z0-9]{4,6}$")
_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b")
# The level stands near the start of a line; further in the word may be part of the message.
_LEVEL_WITHIN = 64
_SEVERITY = {
    "TRACE": (1, "TRACE"),
    "DEBUG": (5, "DEBUG"),
    "INFO": (9, "INFO"),
    "WARN": (13, "WARN"),
    "WARNING": (13, "WARN"),
    "ERROR": (17, "ERROR"),
    "CRITICAL": (21, "FATAL"),
    "FATAL": (21, "FATAL"),
}
_TRACE_ID_LENGTH, _SPAN_ID_LENGTH = 32, 16
_TWO_TIMES = struct.Struct("<BQBQ")
_TIME = struct.Struct("<BQ")


@dataclass(frozen=True, slots=True)
class Cut:
    """How requests are cut: at most `records` each, over at most `span_ns` of recorded time (None: any)."""

    records: int = 1000
    span_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """Moves every time by `by_ns`. Shifted traces are new: a mask made of the shift changes their ids."""

    by_ns: int = 0

    def mask(self) -> int:
        """128 bits, zero for no shift."""
        spread = (self.by_ns & 0xFFFF_FFFF_FFFF_FFFF) * 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835
        return spread % (1 << 128)


@dataclass(frozen=True, slots=True)
class Due:
    """A request and the recorded time of its last record (not shifted): when it would have been sent."""

    time_ns: int
    export: Export


def exports(recording: Recording, *, cut: Cut, shift: Shift) -> Iterator[Due]:
    """All requests of the recording by time, the signals interleaved."""
    makers = {"spans": span_requests, "logs": log_requests, "metrics": metric_requests}
    streams = [
        plain_requests(signal, table, cut=cut, shift=shift)
        if plain.is_plain(table)
        else makers[signal](table, cut=cut, shift=shift)
        for signal, table in recording.tables.items()
    ]
    return heapq.merge(*streams, key=lambda due: due.time_ns)


def plain_requests(signal: str, table: pa.Table, *, cut: Cut, shift: Shift) -> Iterator[Due]:
    """Requests of plain records of any signal, by their time."""
    times = np.asarray(time_ns(signal, table))
    for first, last in _cuts(times, cut, rows=cut.records):
        part = table.slice(first, last - first)
        yield Due(int(times[last - 1]), plain.request(signal, part, by_ns=shift.by_ns, mask=shift.mask()))


def service_of(pod: str) -> str:
    """`ts-order-service` of `ts-order-service-5b67c48447-fj8b7`; a name of another shape stays as it is."""
    return _POD.sub("", pod)


def span_requests(table: pa.Table, *, cut: Cut, shift: Shift) -> Iterator[Due]:
    """Requests of spans, by their start."""
    resources = _Resources()
    mask = shift.mask()
    names: dict[str, bytes] = {}
    times = np.asarray(time_ns("spans", table))
    for first, last in _cuts(times, cut, rows=cut.records):
        part = table.slice(first, last - first)
        groups: dict[bytes, list[bytes]] = {}
        columns = [part[name].to_pylist() for name in ("TraceID", "SpanID", "ParentID", "PodName", "OperationName")]
        starts = (times[first:last] + shift.by_ns).tolist()
        ends = (np.asarray(part["EndTimeUnixNano"]) + shift.by_ns).tolist()
        for trace, span, parent, pod, operation, start, end in zip(*columns, starts, ends, strict=True):
            name = names.get(operation)
            if name is None:
                name = names[operation] = encode.text(5, operation or "")
            record = (
                b"\x0a\x10" + _masked(trace, mask, 16) + b"\x12\x08" + _masked(span, mask, 8)
                + (b"" if parent == "root" else b"\x22\x08" + _masked(parent, mask, 8))
                + name + _TWO_TIMES.pack(0x39, start, 0x41, end)
            )  # fmt: skip
            groups.setdefault(resources.of_pod(pod), []).append(encode.field(2, record))
        yield _due("spans", last - first, groups, int(times[last - 1]))


def log_requests(table: pa.Table, *, cut: Cut, shift: Shift) -> Iterator[Due]:
    """Requests of log records: the Docker line unwrapped, the severity read from it."""
    resources = _Resources()
    mask = shift.mask()
    times = np.asarray(time_ns("logs", table))
    for first, last in _cuts(times, cut, rows=cut.records):
        part = table.slice(first, last - first)
        groups: dict[bytes, list[bytes]] = {}
        columns = [_optional(part, name) for name in ("PodName", "Node", "Container", "TraceID", "SpanID", "Log")]
        stamps = (times[first:last] + shift.by_ns).tolist()
        for pod, node, container, trace, span, line, stamp in zip(*columns, stamps, strict=True):
            record = encode.field(2, _log_record(line, stamp, trace, span, mask))
            groups.setdefault(resources.of_container(pod, node, container), []).append(record)
        yield _due("logs", last - first, groups, int(times[last - 1]))


def metric_requests(table: pa.Table, *, cut: Cut, shift: Shift) -> Iterator[Due]:
    """Requests of gauges: each value of each row is one sample, a missing value is none."""
    resources = _Resources()
    columns = [column for column in COLUMNS if column.recorded in table.column_names]
    times = np.asarray(time_ns("metrics", table))
    heads = {column: column.head() for column in columns}
    for first, last in _cuts(times, cut, rows=max(1, cut.records // max(1, len(columns)))):
        part = table.slice(first, last - first)
        stamps = times[first:last] + shift.by_ns
        owners = [
            resources.of_pod(pod) if pod else resources.of_service(service)
            for pod, service in zip(part["PodName"].to_pylist(), _optional(part, "ServiceName"), strict=True)
        ]
        groups: dict[bytes, list[bytes]] = {owner: [] for owner in owners}
        points = 0
        for column in columns:
            counted, by_owner = _points(part[column.recorded], column.factor, stamps, owners)
            points += counted
            for owner, encoded in by_owner.items():
                groups[owner].append(encode.field(2, heads[column] + encode.field(5, encoded)))
        if points:
            yield _due("samples", points, groups, int(times[last - 1]))


def _points(
    values: pa.ChunkedArray, factor: float, stamps: np.ndarray, owners: list[bytes]
) -> tuple[int, dict[bytes, bytes]]:
    numbers = values.to_numpy().astype(np.float64)
    known = np.flatnonzero(~np.isnan(numbers))
    by_owner: dict[bytes, bytes] = {}
    for i in known.tolist():
        point = _TIME.pack(0x19, int(stamps[i])) + encode.double(4, float(numbers[i]) * factor)
        by_owner[owners[i]] = by_owner.get(owners[i], b"") + encode.field(1, point)
    return len(known), by_owner


def unwrap(line: str) -> tuple[str, str | None]:
    """The message of a Docker json-file line without its trailing newline, and its stream (None if none).

    A torn line (the rest of another one after the JSON) is read up to the end of its JSON; what is no such
    line at all is kept as it is.
    """
    try:
        wrapped = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            wrapped, _ = json.JSONDecoder().raw_decode(line)
        except json.JSONDecodeError:
            return line.rstrip("\n"), None
    if not isinstance(wrapped, dict) or not isinstance(wrapped.get("log"), str):
        return line.rstrip("\n"), None
    return wrapped["log"].removesuffix("\n"), wrapped.get("stream")


def severity_of(message: str) -> tuple[int, str]:
    """OTLP severity number and text of the level named near the start; (0, "") where none is."""
    found = _LEVEL.search(message, 0, _LEVEL_WITHIN)
    return _SEVERITY[found.group(1)] if found else (0, "")


def _log_record(line: str, stamp: int, trace: str | None, span: str | None, mask: int) -> bytes:
    message, stream = unwrap(line)
    number, name = severity_of(message)
    severity = b"\x10" + encode.varint(number) + encode.text(3, name) if number else b""
    body = encode.field(5, encode.field(1, message.encode(errors="replace")))
    origin = encode.attribute(6, "log.iostream", stream) if stream else b""
    ids = b""
    if _is_hex(trace, _TRACE_ID_LENGTH):
        ids += b"\x4a\x10" + _masked(trace, mask, 16)
        if _is_hex(span, _SPAN_ID_LENGTH):
            ids += b"\x52\x08" + _masked(span, mask, 8)
    return _TIME.pack(0x09, stamp) + severity + body + origin + ids + _TIME.pack(0x59, stamp)


def _masked(identifier: str | None, mask: int, size: int) -> bytes:
    raw = bytes.fromhex(identifier or "")
    if not mask:
        return raw
    return (int.from_bytes(raw, "big") ^ (mask & ((1 << 8 * size) - 1))).to_bytes(size, "big")


def _is_hex(identifier: str | None, length: int) -> bool:
    if not identifier or len(identifier) != length:
        return False
    try:
        return any(bytes.fromhex(identifier))
    except ValueError:
        return False


def _optional(table: pa.Table, name: str) -> list[str | None]:
    return table[name].to_pylist() if name in table.column_names else [None] * table.num_rows


def _cuts(times: np.ndarray, cut: Cut, *, rows: int) -> Iterator[tuple[int, int]]:
    first, total = 0, len(times)
    while first < total:
        last = min(first + rows, total)
        if cut.span_ns is not None:
            last = min(last, int(np.searchsorted(times, times[first] + cut.span_ns, side="left")))
        yield first, last
        first = last


def _due(signal: str, records: int, groups: dict[bytes, list[bytes]], at_ns: int) -> Due:
    body = encode.request({owner: b"".join(parts) for owner, parts in groups.items() if parts}, _SCOPE)
    return Due(at_ns, Export(signal, records, body))


class _Resources:
    """`resource` fields by what the recording says about a record's origin, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, ...], bytes] = {}

    def of_pod(self, pod: str) -> bytes:
        return self.of_container(pod, None, None)

    def of_container(self, pod: str | None, node: str | None, container: str | None) -> bytes:
        known = self._known.get((pod, node, container))
        if known is None:
            name = pod or "unknown"
            values: dict[str, encode.AttributeValue] = {
                "service.name": service_of(name),
                "k8s.pod.name": name,
            }
            values |= {"k8s.node.name": node} if node else {}
            values |= {"k8s.container.name": container} if container else {}
            known = self._known[pod, node, container] = encode.resource(values)
        return known

    def of_service(self, service: str | None) -> bytes:
        known = self._known.get((service,))
        if known is None:
            known = self._known[service,] = encode.resource({"service.name": service or "unknown"})
        return known
