"""AnyValues in plain Python: for resources (each distinct one once) and for arrays and maps, which become JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from causeway.conventions.text import Plain, text_of
from causeway.errors import BadRequest
from collectors.otlp.layouts import (
    VALUE_ARRAY,
    VALUE_BOOL,
    VALUE_BYTES,
    VALUE_DOUBLE,
    VALUE_INT,
    VALUE_MAP,
    VALUE_TEXT,
)

# Deeper values are refused, as protobuf implementations do at about this depth.
NESTING_MAX = 64


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(number, wire type, value) of each field of a message. Raises BadRequest when it is not well-formed."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise BadRequest("protobuf: field number 0")
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        size = 8 if wire == 1 else 4 if wire == 5 else -1
        if wire == 2:
            size, at = _varint(data, at)
        if size < 0 or size > end - at:
            raise BadRequest("protobuf: a nested value is cut short or malformed")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise BadRequest("protobuf: a nested number is cut short or malformed")


def plain_value(data: bytes, depth: int = 0) -> Plain:
    """What an AnyValue message holds; None when it holds nothing."""
    if depth > NESTING_MAX:
        raise BadRequest(f"protobuf: values nested deeper than {NESTING_MAX}")
    result: Plain = None
    for number, wire, value in fields(data):
        if number == VALUE_BOOL and wire == 0:
            result = bool(value)
        elif number == VALUE_INT and isinstance(value, int):
            result = value - (1 << 64) if value >> 63 else value
        elif number == VALUE_DOUBLE and wire == 1 and isinstance(value, bytes):
            result = struct.unpack("<d", value)[0]
        elif wire == 2 and isinstance(value, bytes) and number in (VALUE_TEXT, VALUE_ARRAY, VALUE_MAP, VALUE_BYTES):
            result = _plain_bytes(number, value, depth)
    return result


def _plain_bytes(kind: int, value: bytes, depth: int = 0) -> Plain:
    if kind == VALUE_TEXT:
        return value.decode("utf-8", "replace")
    if kind == VALUE_ARRAY:
        return [plain_value(item, depth + 1) for item in _messages(value, 1)]
    if kind == VALUE_MAP:
        return dict(key_value(item, depth + 1) for item in _messages(value, 1))
    return value


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    for number, wire, value in fields(data):
        if number == wanted and wire == 2 and isinstance(value, bytes):
            yield value


def key_value(data: bytes, depth: int = 0) -> tuple[str, Plain]:
    """The key and value of a KeyValue message."""
    key, parts = "", []
    for number, wire, value in fields(data):
        if wire == 2 and isinstance(value, bytes):
            if number == 1:
                key = value.decode("utf-8", "replace")
            elif number == 2:
                parts.append(value)
    return key, plain_value(b"".join(parts), depth)


def value_text(kind: int, data: bytes) -> str:
    """The text of an array, map or bytes value whose message body is given."""
    return text_of(_plain_bytes(kind, data))
