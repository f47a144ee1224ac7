"""Pieces of JSON by column: built per distinct value where a column has few, then joined row by row, all compiled.

A document is the concatenation of one piece of each of its fragments; a null gives an empty piece. Strings are escaped
as RFC 8259 asks; bytes that are no UTF-8 become question marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway.stores.elasticsearch import json_bytes

_NO_CODES = np.empty(0, np.int32)
_NO_BYTES = np.empty(0, np.uint8)
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Fragment:
    """Pieces of JSON: piece k is data[offsets[k]:offsets[k + 1]]. codes: the piece of each row, -1 for none.

    Without codes (empty) row k has piece k. offsets: (pieces + 1,) int64.
    """

    offsets: np.ndarray
    data: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, slots=True)
class Lines:
    """Joined rows: row k is data[offsets[k]:offsets[k + 1]]."""

    offsets: np.ndarray
    data: np.ndarray


# -- columns to fragments ------------------------------------------------------------------------------------------


def constant(text: bytes, rows: int) -> Fragment:
    """The same piece for every row."""
    return Fragment(np.array([0, len(text)]), np.frombuffer(text, np.uint8), np.zeros(rows, np.int32))


def texts(column: pa.ChunkedArray | pa.Array, prefix: bytes, *, keep_empty: bool = False) -> Fragment:
    """`prefix"text"` of a string column, dictionary or plain; nothing for null and, unless asked, for ''."""
    array = _whole(column)
    if pa.types.is_dictionary(array.type):
        words = texts(array.dictionary, prefix, keep_empty=keep_empty)
        return Fragment(words.offsets, words.data, pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False))
    offsets, data = _bytes_of(array)
    prefixed = np.frombuffer(prefix, np.uint8)
    return _by_row(json_bytes.quote(offsets, data, _present(array), prefixed, keep_empty))


def raws(column: pa.ChunkedArray | pa.Array, prefix: bytes) -> Fragment:
    """`prefixtext` of a plain string column that is JSON already; nothing for null."""
    array = _whole(column)
    offsets, data = _bytes_of(array)
    return _by_row(json_bytes.prefixed(offsets, data, _present(array), np.frombuffer(prefix, np.uint8)))


def numbers(column: pa.ChunkedArray | pa.Array, prefix: bytes) -> Fragment:
    """`prefix123` of an integer column; nothing for null."""
    return raws(pc.cast(_whole(column), pa.string()), prefix)


def doubles(column: pa.ChunkedArray | pa.Array, prefix: bytes) -> Fragment:
    """`prefix1.5` of a float column, NaN and infinities as quoted words; nothing for null."""
    array = _whole(column)
    written = pc.cast(array, pa.string())
    if len(array) and pc.all(pc.is_finite(array)).as_py() is False:
        infinity = pc.if_else(pc.greater(array, 0.0), '"Infinity"', '"-Infinity"')
        written = pc.if_else(pc.is_finite(array), written, pc.if_else(pc.is_nan(array), '"NaN"', infinity))
    return raws(written, prefix)


def hexes(column: pa.ChunkedArray | pa.Array, prefix: bytes, *, keep_empty: bool = False) -> Fragment:
    """`prefix"0af3"` of a binary column; nothing for null and, unless asked, for no bytes."""
    array = _whole(column)
    offsets, data = _bytes_of(array)
    return _by_row(json_bytes.hex_quote(offsets, data, _present(array), np.frombuffer(prefix, np.uint8), keep_empty))


def objects(column: pa.ChunkedArray | pa.Array, prefix: bytes) -> Fragment:
    """`prefix{"key":"value",...}` of a map<string, string> column; nothing for null and for no entries.

    Of entries with equal keys the first is kept: JSON with a key twice is refused. A NUL in a key becomes U+FFFD.
    """
    array = _whole(column)
    rows = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    keys, values = _bytes_of(array.keys), _bytes_of(array.items)
    found = json_bytes.write_objects(rows, *keys, *values, _present(array), np.frombuffer(prefix, np.uint8))
    return _by_row(found)


def lists(column: pa.ChunkedArray | pa.Array, items: Fragment, prefix: bytes) -> Fragment:
    """`prefix[item,...]` of a list column from the pieces of its flat items; nothing for null and for no items."""
    array = _whole(column)
    rows = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    found = json_bytes.write_lists(rows, items.offsets, items.data, _present(array), np.frombuffer(prefix, np.uint8))
    return _by_row(found)


def by_code(pieces: Sequence[bytes], codes: np.ndarray) -> Fragment:
    """The piece of each row by its code, none for -1."""
    offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    return Fragment(offsets, np.frombuffer(b"".join(pieces), np.uint8), codes.astype(np.int32, copy=False))


def as_pieces(lines: Lines) -> Fragment:
    """Joined rows as the fragment of a larger document."""
    return Fragment(lines.offsets, lines.data, _NO_CODES)


def heads(ids: np.ndarray, times_ns: np.ndarray) -> Fragment:
    """The action line with its id, and the document up to its time: `{"@timestamp":"1764000000123.456789"`.

    ids: (n, ID_BYTES) uint8. The time is in ms with six digits after the point, which date_nanos keeps exactly.
    """
    head = np.frombuffer(b'{"create":{"_id":"' + b"." * ID_BYTES + b'"}}\n', np.uint8)
    start = np.frombuffer(b'{"@timestamp":"0000000000000.000000"', np.uint8)
    return _by_row(json_bytes.write_heads(ids, times_ns, head, start))


def document_ids(minutes: np.ndarray, identities: np.ndarray) -> np.ndarray:
    """(n, 16) uint8: base64url of the minute (4 bytes, big-endian) and the identity (8 bytes)."""
    return json_bytes.write_ids(minutes.astype(np.int64, copy=False), identities.astype(np.uint64, copy=False))


# -- fragments to documents ----------------------------------------------------------------------------------------


def join(parts: Sequence[Fragment], order: np.ndarray) -> Lines:
    """One row for each of `order` (row numbers), of the pieces of all parts one behind the other."""
    offsets = np.zeros(len(order) + 1, np.int64)
    for part in parts:
        json_bytes.add_lengths(part.offsets, part.codes, order, offsets)
    np.cumsum(offsets, out=offsets)
    data = np.empty(int(offsets[-1]), np.uint8)
    cursors = np.empty(_ROWS_AT_ONCE, np.int64)
    for first in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[first : first + _ROWS_AT_ONCE]
        cursors[: len(rows)] = offsets[first : first + len(rows)]
        for part in parts:
            json_bytes.copy_pieces(part.offsets, part.data, part.codes, rows, cursors, data)
    return Lines(offsets, _valid_utf8(data))


# So much of the output stays in the second-level cache while its columns are filled in.
_ROWS_AT_ONCE = 512


def _by_row(found: tuple[np.ndarray, np.ndarray]) -> Fragment:
    return Fragment(*found, _NO_CODES)


def _valid_utf8(data: np.ndarray) -> np.ndarray:
    if len(data) == 0 or int(data.max()) < 128:
        return data
    bounds = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, bounds, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return _replace_invalid(data)
    return data


def _replace_invalid(data: np.ndarray) -> np.ndarray:
    # Lengths stay as they are, since rows are known by their offsets: every bad byte becomes a question mark.
    whole = data.tobytes()
    parts, at = [], 0
    while at < len(whole):
        try:
            parts.append(whole[at:].decode().encode())
            break
        except UnicodeDecodeError as error:
            parts.append(whole[at : at + error.start] + b"?" * (error.end - error.start))
            at += error.end
    return np.frombuffer(b"".join(parts), np.uint8)


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _bytes_of(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type):
        array = array.cast(pa.binary())
    _, offsets, data = array.buffers()
    if offsets is None or len(array) == 0:
        return np.zeros(len(array) + 1, np.int32), _NO_BYTES
    found = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    return found, _NO_BYTES if data is None else np.frombuffer(data, np.uint8)


def _present(array: pa.Array) -> np.ndarray:
    """(n,) bool; empty where no element is null."""
    if not array.null_count:
        return _NO_FLAGS
    return array.is_valid().to_numpy(zero_copy_only=False)


_NO_FLAGS = np.empty(0, np.bool_)
