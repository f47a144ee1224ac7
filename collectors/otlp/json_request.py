"""OTLP/JSON requests rewritten as protobuf, so that both encodings go through one decoder and cannot differ.

The rules of OTLP/JSON: ids in hex of any case, enums as numbers (their names are taken too), 64-bit numbers as text
or number, bytes attributes in base64, lowerCamelCase names, unknown fields ignored.
"""

from __future__ import annotations

import base64
import binascii
import gc
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

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


def protobuf_of_json(signal: str, payload: bytes) -> bytes:
    """The same request as protobuf. Raises BadRequest when it is not JSON or a field has a wrong type."""
    with _no_collection():
        try:
            request = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"JSON: {error}") from error
        return _REQUESTS[signal](request)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without garbage collection: a parsed request is a tree of many live objects, to be walked in vain.

    Measured: it makes parsing four times as fast. Nothing here makes cycles.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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


# ---- fields: each takes the field number and its JSON name, and gives an encoder of the value with its tag


def _text(number: int, name: str) -> Encoder:
    tag = _varint(number << 3 | 2)

    def encode(value: Any) -> bytes:
        data = _text_of(name, value)
        return tag + _varint(len(data)) + data

    return encode


def _id(number: int, name: str) -> Encoder:
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


def _enum(number: int, name: str) -> Encoder:
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        found = _ENUM_NAMES.get(value) if isinstance(value, str) else None
        code = _int_of(name, value, -(1 << 31), (1 << 31) - 1) if found is None else found
        return tag + _varint(code & _UINT64_MAX)

    return encode


def _integer(number: int, name: str, *, low: int = 0, high: int = (1 << 32) - 1, zigzag: bool = False) -> Encoder:
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        code = _int_of(name, value, low, high)
        return tag + _varint(code << 1 ^ code >> 63 if zigzag else code)

    return encode


def _sint32(number: int, name: str) -> Encoder:
    return _integer(number, name, low=-(1 << 31), high=(1 << 31) - 1, zigzag=True)


def _bool(number: int, name: str) -> Encoder:
    tag = _varint(number << 3)

    def encode(value: Any) -> bytes:
        if not isinstance(value, bool):
            raise _wrong(name, "true or false", value)
        return tag + (b"\x01" if value else b"\x00")

    return encode


def _fixed64(number: int, name: str) -> Encoder:
    tag = _varint(number << 3 | 1)
    return lambda value: tag + _FIXED64.pack(_int_of(name, value, 0, _UINT64_MAX))


def _sfixed64(number: int, name: str) -> Encoder:
    tag = _varint(number << 3 | 1)
    low, high = -(1 << 63), (1 << 63) - 1
    return lambda value: tag + _FIXED64.pack(_int_of(name, value, low, high) & _UINT64_MAX)


def _double(number: int, name: str) -> Encoder:
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


_doubles = _packed(lambda name, item: _DOUBLE.pack(_double_of(name, item)))
_fixed64s = _packed(lambda name, item: _FIXED64.pack(_int_of(name, item, 0, _UINT64_MAX)))
_varints = _packed(lambda name, item: _varint(_int_of(name, item, 0, _UINT64_MAX)))


def _message(message: Encoder) -> Callable[[int, str], Encoder]:
    def field(number: int, _name: str) -> Encoder:
        tag = _varint(number << 3 | 2)

        def encode(value: Any) -> bytes:
            data = message(value)
            return tag + _varint(len(data)) + data

        return encode

    return field


def _messages(message: Encoder) -> Callable[[int, str], Encoder]:
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


def _object(name: str, fields: Mapping[str, tuple[int, Callable[[int, str], Encoder]]]) -> Encoder:
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
    "stringValue": _text(1, "stringValue"),
    "boolValue": _bool(2, "boolValue"),
    "intValue": lambda value: b"\x18" + _varint(_int_of("intValue", value, *_INT64) & _UINT64_MAX),
    "doubleValue": _double(4, "doubleValue"),
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


_attributes = _Attributes
_value = _message(_any_value)

_scope = _message(_object("scope", {"name": (1, _text)}))
_resource = _message(_object("resource", {"attributes": (1, _attributes)}))


def _request(signal: str, records: str, record: Encoder) -> Encoder:
    of_scope = _object(f"scope{signal}", {"scope": (1, _scope), records: (2, _messages(record))})
    of_resource = _object(f"resource{signal}", {"resource": (1, _resource), f"scope{signal}": (2, _messages(of_scope))})
    return _object("request", {f"resource{signal}": (1, _messages(of_resource))})


# ---- traces

_event = _object("event", {"timeUnixNano": (1, _fixed64), "name": (2, _text), "attributes": (3, _attributes)})
_link = _object("link", {"traceId": (1, _id), "spanId": (2, _id), "attributes": (4, _attributes)})
_status = _message(_object("status", {"message": (2, _text), "code": (3, _enum)}))
_span = _object(
    "span",
    {
        "traceId": (1, _id),
        "spanId": (2, _id),
        "traceState": (3, _text),
        "parentSpanId": (4, _id),
        "name": (5, _text),
        "kind": (6, _enum),
        "startTimeUnixNano": (7, _fixed64),
        "endTimeUnixNano": (8, _fixed64),
        "attributes": (9, _attributes),
        "events": (11, _messages(_event)),
        "links": (13, _messages(_link)),
        "status": (15, _status),
    },
)

# ---- logs

_log_record = _object(
    "logRecord",
    {
        "timeUnixNano": (1, _fixed64),
        "severityNumber": (2, _enum),
        "severityText": (3, _text),
        "body": (5, _value),
        "attributes": (6, _attributes),
        "traceId": (9, _id),
        "spanId": (10, _id),
        "observedTimeUnixNano": (11, _fixed64),
        "eventName": (12, _text),
    },
)

# ---- metrics

_exemplar = _object(
    "exemplar",
    {
        "timeUnixNano": (2, _fixed64),
        "asDouble": (3, _double),
        "spanId": (4, _id),
        "traceId": (5, _id),
        "asInt": (6, _sfixed64),
        "filteredAttributes": (7, _attributes),
    },
)
_times = {"startTimeUnixNano": (2, _fixed64), "timeUnixNano": (3, _fixed64)}
_number_point = _object(
    "dataPoint",
    {
        **_times,
        "asDouble": (4, _double),
        "exemplars": (5, _messages(_exemplar)),
        "asInt": (6, _sfixed64),
        "attributes": (7, _attributes),
        "flags": (8, _integer),
    },
)
_histogram_point = _object(
    "dataPoint",
    {
        **_times,
        "count": (4, _fixed64),
        "sum": (5, _double),
        "bucketCounts": (6, _fixed64s),
        "explicitBounds": (7, _doubles),
        "exemplars": (8, _messages(_exemplar)),
        "attributes": (9, _attributes),
        "flags": (10, _integer),
        "min": (11, _double),
        "max": (12, _double),
    },
)
_side = _message(_object("buckets", {"offset": (1, _sint32), "bucketCounts": (2, _varints)}))
_exponential_point = _object(
    "dataPoint",
    {
        **_times,
        "attributes": (1, _attributes),
        "count": (4, _fixed64),
        "sum": (5, _double),
        "scale": (6, _sint32),
        "zeroCount": (7, _fixed64),
        "positive": (8, _side),
        "negative": (9, _side),
        "flags": (10, _integer),
        "exemplars": (11, _messages(_exemplar)),
        "min": (12, _double),
        "max": (13, _double),
        "zeroThreshold": (14, _double),
    },
)
_quantile = _object("quantileValue", {"quantile": (1, _double), "value": (2, _double)})
_summary_point = _object(
    "dataPoint",
    {
        **_times,
        "count": (4, _fixed64),
        "sum": (5, _double),
        "quantileValues": (6, _messages(_quantile)),
        "attributes": (7, _attributes),
        "flags": (8, _integer),
    },
)


def _kind(
    name: str, point: Encoder, **more: tuple[int, Callable[[int, str], Encoder]]
) -> Callable[[int, str], Encoder]:
    return _message(_object(name, {"dataPoints": (1, _messages(point)), **more}))


_temporality = {"aggregationTemporality": (2, _enum)}
_metric = _object(
    "metric",
    {
        "name": (1, _text),
        "description": (2, _text),
        "unit": (3, _text),
        "gauge": (5, _kind("gauge", _number_point)),
        "sum": (7, _kind("sum", _number_point, **_temporality, isMonotonic=(3, _bool))),
        "histogram": (9, _kind("histogram", _histogram_point, **_temporality)),
        "exponentialHistogram": (10, _kind("exponentialHistogram", _exponential_point, **_temporality)),
        "summary": (11, _kind("summary", _summary_point)),
    },
)

_REQUESTS: Mapping[str, Encoder] = {
    "traces": _request("Spans", "spans", _span),
    "logs": _request("Logs", "logRecords", _log_record),
    "metrics": _request("Metrics", "metrics", _metric),
}
