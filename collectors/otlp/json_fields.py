"""Encoders of OTLP/JSON values as protobuf fields, and of attributes, which are nearly all of a request."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from causeway.errors import BadRequest
from causeway.records import SPAN_KINDS, SPAN_STATUSES, TEMPORALITIES
from collectors.otlp.nested import NESTING_MAX

Encoder = Callable[[Any], bytes]

SHOWN_CHARS = 60
REMEMBERED_MAX = 50_000
REMEMBERED_CHARS_MAX = 200
_UINT64_MAX = (1 << 64) - 1
_DOUBLE = struct.Struct("<d")
_FIXED64 = struct.Struct("<Q")
# At most 20 digits: longer ones are out of every range, and slow to read.
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_VARINTS = [bytes((n,)) for n in range(128)]
# An id that is not hex becomes one of a wrong length, so that its record is refused and not the request.
_NOT_AN_ID = b"?"

_SEVERITY_NAMES = {
    f"SEVERITY_NUMBER_{word}{suffix}": 1 + 4 * i + k
    for i, word in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for k, suffix in enumerate(("", "2", "3", "4"))
}
_ENUM_NAMES: Mapping[str, int] = {
    **{f"SPAN_KIND_{word}": i for i, word in enumerate(SPAN_KINDS)},
    **{f"STATUS_CODE_{word}": i for i, word in enumerate(SPAN_STATUSES)},
    **{f"AGGREGATION_TEMPORALITY_{word}": i for i, word in enumerate(TEMPORALITIES)},
    "SEVERITY_NUMBER_UNSPECIFIED": 0,
    **_SEVERITY_NAMES,
}


def _varint(number: int) -> bytes:
    if number < 128:
        return _VARINTS[number]
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _wrong(name: str, wanted: str, value: object) -> BadRequest:
    return BadRequest(f"JSON: {name}: must be {wanted}, not {_shown(value)}")


def _int_of(name: str, value: object, low: int, high: int) -> int:
    if type(value) is int and low <= value <= high:
        return value
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif (isinstance(value, float) and value.is_integer()) or (isinstance(value, str) and _INTEGER.fullmatch(value)):
        number = int(value)
    if number is None or not low <= number <= high:
        raise _wrong(name, f"a whole number from {low} to {high}", value)
    return number


def _double_of(name: str, value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise _wrong(name, "a number", value)


def _text_of(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise _wrong(name, "text", value)
    return value.encode("utf-8")


# Each of these takes the field number and its JSON name, and gives an encoder of the value with its tag.


def text_field(number: int, name: str) -> Encoder:
    """A string field."""
    tag = _varint(number << 3 | 2)

    def encode(value: Any) -> bytes:
        data = _text_of(name, value)
        return tag + _varint(len(data)) + data

    return encode


def id_field(number: int, name: str) -> Encoder:
    """A trace or span id: hex in JSON, bytes in protobuf."""
    tag = _varint(number << 3 | 2)

    def encode(value: Any) -> bytes:
        try:
            data = binascii.unhexlify(value)
        except (binascii.Error, ValueError):
            data = _NOT_AN_ID
        except TypeError:
            raise _wrong(name, "hex text", value) from None
        return tag + _varint(len(data)) + data

    return encode


def enum_field(number: int, name: str) -> Encoder:
    """An enum by number or name."""
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        found = _ENUM_NAMES.get(value) if isinstance(value, str) else None
        code = _int_of(name, value, -(1 << 31), (1 << 31) - 1) if found is None else found
        return tag + _varint(code & _UINT64_MAX)

    return encode


def integer_field(number: int, name: str, *, low: int = 0, high: int = (1 << 32) - 1, zigzag: bool = False) -> Encoder:
    """A whole number as varint, or as zigzag varint."""
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        code = _int_of(name, value, low, high)
        return tag + _varint(code << 1 ^ code >> 63 if zigzag else code)

    return encode


def sint32_field(number: int, name: str) -> Encoder:
    """A signed 32-bit number, zigzag."""
    return integer_field(number, name, low=-(1 << 31), high=(1 << 31) - 1, zigzag=True)


def bool_field(number: int, name: str) -> Encoder:
    """A truth value."""
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        if not isinstance(value, bool):
            raise _wrong(name, "true or false", value)
        return tag + (b"\x01" if value else b"\x00")

    return encode


def fixed64_field(number: int, name: str) -> Encoder:
    """An unsigned 64-bit number of fixed size, such as a time."""
    tag = _varint(number << 3 | 1)
    return lambda value: tag + _FIXED64.pack(_int_of(name, value, 0, _UINT64_MAX))


def sfixed64_field(number: int, name: str) -> Encoder:
    """A signed 64-bit number of fixed size."""
    tag = _varint(number << 3 | 1)
    low, high = -(1 << 63), (1 << 63) - 1
    return lambda value: tag + _FIXED64.pack(_int_of(name, value, low, high) & _UINT64_MAX)


def double_field(number: int, name: str) -> Encoder:
    """A double; NaN and Infinity as text."""
    tag = _varint(number << 3 | 1)
    return lambda value: tag + _DOUBLE.pack(_double_of(name, value))


def _list_of(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(name, "a list", value)
    return value


def _packed(one: Callable[[str, Any], bytes]) -> Callable[[int, str], Encoder]:
    def field(number: int, name: str) -> Encoder:
        tag = _varint(number << 3 | 2)

        def encode(value: Any) -> bytes:
            data = b"".join([one(name, item) for item in _list_of(name, value)])
            return tag + _varint(len(data)) + data

        return encode

    return field


doubles_field = _packed(lambda name, item: _DOUBLE.pack(_double_of(name, item)))
fixed64s_field = _packed(lambda name, item: _FIXED64.pack(_int_of(name, item, 0, _UINT64_MAX)))
varints_field = _packed(lambda name, item: _varint(_int_of(name, item, 0, _UINT64_MAX)))


def message_field(message: Encoder) -> Callable[[int, str], Encoder]:
    """One message inside another."""

    def field(number: int, _name: str) -> Encoder:
        tag = _varint(number << 3 | 2)

        def encode(value: Any) -> bytes:
            data = message(value)
            return tag + _varint(len(data)) + data

        return encode

    return field


def messages_field(message: Encoder) -> Callable[[int, str], Encoder]:
    """A list of messages."""

    def field(number: int, name: str) -> Encoder:
        tag = _varint(number << 3 | 2)

        def encode(value: Any) -> bytes:
            parts: list[bytes] = []
            for item in _list_of(name, value):
                data = message(item)
                parts += (tag, _varint(len(data)), data)
            return b"".join(parts)

        return encode

    return field


def object_encoder(name: str, fields: Mapping[str, tuple[int, Callable[[int, str], Encoder]]]) -> Encoder:
    """The encoder of a message without its tag."""
    encoders = {field: make(number, field) for field, (number, make) in fields.items()}
    find = encoders.get

    def encode(value: Any) -> bytes:
        if not isinstance(value, dict):
            raise _wrong(name, "an object", value)
        return b"".join(
            [encoder(item) for key, item in value.items() if item is not None and (encoder := find(key)) is not None]
        )

    return encode


# ---- attributes


def _any_value(value: Any, depth: int = 0) -> bytes:
    if not isinstance(value, dict):
        raise _wrong("value", "an object", value)
    if depth > NESTING_MAX:
        raise BadRequest(f"JSON: values nested deeper than {NESTING_MAX}")
    parts = []
    for key, item in value.items():
        if item is None:
            continue
        scalar = _SCALARS.get(key)
        if scalar is not None:
            parts.append(scalar(item))
        elif key in ("arrayValue", "kvlistValue"):
            parts.append(_nested(key, item, depth + 1))
    return b"".join(parts)


def _nested(key: str, value: Any, depth: int) -> bytes:
    if not isinstance(value, dict):
        raise _wrong(key, "an object", value)
    one, tag = (_any_value, b"\x2a") if key == "arrayValue" else (_key_value, b"\x32")
    parts: list[bytes] = []
    for item in _list_of("values", value.get("values") or []):
        data = one({} if item is None else item, depth)
        parts += (b"\x0a", _varint(len(data)), data)
    body = b"".join(parts)
    return tag + _varint(len(body)) + body


def _bytes_value(value: Any) -> bytes:
    text = _text_of("bytesValue", value).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise _wrong("bytesValue", "base64", value) from None
    return b"\x3a" + _varint(len(data)) + data


_INT64 = (-(1 << 63), (1 << 63) - 1)
_SCALARS: Mapping[str, Encoder] = {
    "stringValue": text_field(1, "stringValue"),
    "boolValue": bool_field(2, "boolValue"),
    "intValue": lambda value: b"\x18" + _varint(_int_of("intValue", value, *_INT64) & _UINT64_MAX),
    "doubleValue": double_field(4, "doubleValue"),
    "bytesValue": _bytes_value,
}


def _key_value(value: Any, depth: int = 0) -> bytes:
    if not isinstance(value, dict):
        raise _wrong("attribute", "an object", value)
    key = _text_of("key", value.get("key") or "")
    parts = [b"\x0a", _varint(len(key)), key]
    if value.get("value") is not None:
        data = _any_value(value["value"], depth)
        parts += (b"\x12", _varint(len(data)), data)
    return b"".join(parts)


class _Attributes:
    """Encodes lists of attributes with their tag; the short ones that come again are kept encoded."""

    def __init__(self, number: int, name: str) -> None:
        self._tag = _varint(number << 3 | 2)
        self._name = name
        self._texts: dict[tuple[str, str], bytes] = {}
        self._integers: dict[tuple[str, object], bytes] = {}

    def __call__(self, value: Any) -> bytes:
        parts: list[bytes] = []
        append = parts.append
        find_text, find_integer = self._texts.get, self._integers.get
        for item in _list_of(self._name, value):
            found = None
            try:
                content = item["value"]
                if len(content) == 1:
                    text = content.get("stringValue")
                    if text is not None:
                        found = find_text((item["key"], text))
                    elif type(number := content.get("intValue")) is not bool:
                        found = find_integer((item["key"], number))
            except (TypeError, KeyError, AttributeError):
                pass  # nested, empty, or wrong and about to be refused
            append(found if found is not None else self._encode(item))
        return b"".join(parts)

    def _encode(self, item: Any) -> bytes:
        data = _key_value(item)
        found = self._tag + _varint(len(data)) + data
        key, content = item.get("key"), item.get("value")
        if len(found) <= REMEMBERED_CHARS_MAX and isinstance(key, str) and content and len(content) == 1:
            if len(self._texts) + len(self._integers) >= REMEMBERED_MAX:
                self._texts.clear()
                self._integers.clear()
            ((kind, inner),) = content.items()
            # As keys of a dict True, 1 and 1.0 are the same: bool and float are not remembered.
            if kind == "stringValue":
                self._texts[key, inner] = found
            elif kind == "intValue" and type(inner) in (str, int):
                self._integers[key, inner] = found
        return found


attributes_field = _Attributes
value_field = message_field(_any_value)
