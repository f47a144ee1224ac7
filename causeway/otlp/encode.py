"""The parts of the protobuf wire format that OTLP requests are made of, as bytes.

Only tools that send much from one process (replay, the demo's history) encode by hand; tests decode what
comes out with the official classes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

AttributeValue = str | int | float | bool

_FIXED64 = struct.Struct("<Q")
_DOUBLE = struct.Struct("<d")
_LENGTH_DELIMITED = 2


def varint(number: int) -> bytes:
    """The base-128 varint of a number >= 0."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field: a string, bytes or an embedded message."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(content)) + content


def text(number: int, content: str) -> bytes:
    """A string field; nothing for an empty string, as proto3 says."""
    return field(number, content.encode()) if content else b""


def fixed64(number: int, value: int) -> bytes:
    """A fixed64 field, as OTLP writes every time."""
    return varint(number << 3 | 1) + _FIXED64.pack(value)


def double(number: int, value: float) -> bytes:
    """A double field."""
    return varint(number << 3 | 1) + _DOUBLE.pack(value)


def any_value(value: AttributeValue) -> bytes:
    """The content of an AnyValue."""
    if isinstance(value, bool):
        return b"\x10" + (b"\x01" if value else b"\x00")
    if isinstance(value, int):
        return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return double(4, value)
    return field(1, value.encode())


def attribute(number: int, key: str, value: AttributeValue) -> bytes:
    """A KeyValue as field `number` of its message."""
    return field(number, field(1, key.encode()) + field(2, any_value(value)))


def attributes(number: int, values: Mapping[str, AttributeValue]) -> bytes:
    """All KeyValues of a mapping, in its order."""
    return b"".join(attribute(number, key, value) for key, value in values.items())


def resource(values: Mapping[str, AttributeValue]) -> bytes:
    """The `resource` field (1) of a ResourceSpans, ResourceLogs or ResourceMetrics."""
    return field(1, attributes(1, values))


def scope(name: str, version: str = "") -> bytes:
    """The `scope` field (1) of a ScopeSpans, ScopeLogs or ScopeMetrics."""
    return field(1, text(1, name) + text(2, version))


def request(groups: Mapping[bytes, bytes], scope_field: bytes) -> bytes:
    """An Export*ServiceRequest: by `resource` field, the records of that resource, all of one scope."""
    return b"".join(field(1, of + field(2, scope_field + records)) for of, records in groups.items())
