"""Columns from the values of JSON documents: ids, times, attribute maps, senders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from causeway.conventions.resource import Resource, resource_of
from causeway.conventions.text import text_of
from causeway.records import ATTRIBUTES

_NIBBLES = np.full(256, 255, np.uint8)
for _place, _digit in enumerate(b"0123456789abcdef"):
    _NIBBLES[_digit] = _place
for _place, _digit in enumerate(b"ABCDEF"):
    _NIBBLES[_digit] = 10 + _place
_EPOCH_MS = re.compile(r"(-?\d+)(?:\.(\d+))?")
REMEMBERED_MAX = 8192


def ids(texts: Sequence[str | None], width: int) -> pa.Array:
    """Binary ids of `width` bytes from hexadecimal text, padded with zeros in front; null where it is no such id.

    An id of zeros only is none either (OpenTelemetry's "absent").
    """
    column = pa.array(texts, pa.string())
    digits = width * 2
    lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    if not ((lengths == digits) | (lengths == 0)).all():
        plain = [text.zfill(digits) if text and len(text) <= digits else None for text in texts]
        column = pa.array(plain, pa.string())
    column = pc.fill_null(column, "")
    some = pc.equal(pc.binary_length(column), digits).to_numpy(zero_copy_only=False)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column), "")[0].as_py()
    nibbles = _NIBBLES[np.frombuffer(joined.encode(), np.uint8)].reshape(-1, digits)
    good = (nibbles < 16).all(axis=1) & nibbles.any(axis=1)
    packed = np.zeros((len(column), width), np.uint8)
    packed[some] = (nibbles[:, ::2] << 4) | (nibbles[:, 1::2] & 15)
    valid = np.zeros(len(column), np.bool_)
    valid[np.flatnonzero(some)[good]] = True
    return binaries(packed, valid)


def binaries(rows: np.ndarray, valid: np.ndarray) -> pa.Array:
    """(n, width) uint8 as binary values, null where not valid."""
    width = rows.shape[1]
    offsets = pa.py_buffer(np.arange(len(rows) + 1, dtype=np.int32) * width)
    mask = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.binary(), len(rows), [mask, offsets, pa.py_buffer(rows.tobytes())])


def times_ns(values: Sequence[Any]) -> pa.Array:
    """Unix ns of `@timestamp` values as products write them; null where it is no time.

    A number, or text of one, is milliseconds; after its point the exporter of the OpenTelemetry Collector writes the
    nanoseconds of that millisecond without leading zeros. Other text is RFC 3339.
    """
    if not values:
        return pa.array([], pa.int64())
    try:
        column = pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([_time_ns(value) for value in values], pa.int64())
    parts = pc.extract_regex(column, r"^(?P<ms>\d+)\.(?P<ns>\d{1,6})$")
    if parts.null_count == 0:
        return pc.add(
            pc.multiply(pc.struct_field(parts, "ms").cast(pa.int64()), 1_000_000),
            pc.struct_field(parts, "ns").cast(pa.int64()),
        )
    try:
        return pc.cast(column, pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array([_time_ns(value) for value in values], pa.int64())


def _time_ns(value: object) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value) * 1_000_000 + round((value - int(value)) * 1e6)
    found = _EPOCH_MS.fullmatch(str(value))
    if found:
        digits = found.group(2) or "0"
        below = int(digits) if len(digits) <= 6 else int(digits[:6])
        return int(found.group(1)) * 1_000_000 + below
    try:
        return int(pa.scalar(str(value)).cast(pa.timestamp("ns", "UTC")).value)
    except pa.ArrowInvalid:
        return None


def attribute_maps(rows: Sequence[Mapping[str, Any] | None]) -> pa.Array:
    """map<string, string> of JSON objects whose keys are attribute names; null is an empty map."""
    present: list[Mapping[str, Any]] = [row or {} for row in rows]
    offsets = np.zeros(len(present) + 1, np.int32)
    np.cumsum([len(row) for row in present], out=offsets[1:])
    keys = pa.array(list(chain.from_iterable(present)), pa.string())
    values = chain.from_iterable(row.values() for row in present)
    items = pa.array([value if type(value) is str else text_of(value) for value in values], pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def pair_maps(rows: Sequence[Iterable[tuple[str, str]] | None]) -> pa.Array:
    """map<string, string> of (key, value) pairs; null is an empty map."""
    return pa.array([list(row or ()) for row in rows], ATTRIBUTES)


class Senders:
    """Resources by their attributes, each distinct one worked out once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Resource] = {}

    def of(self, attributes: Mapping[str, Any] | None) -> Resource:
        """The sender with these resource attributes (JSON values)."""
        key = orjson.dumps(attributes)
        found = self._known.get(key)
        if found is None:
            found = resource_of({name: text_of(value) for name, value in (attributes or {}).items()})
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[key] = found
        return found


def repeated(texts: Sequence[str | None]) -> pa.Array:
    """Text that repeats; plain strings."""
    return pa.array(texts, pa.string())
