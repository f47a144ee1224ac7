"""Turns (start, length) references into Arrow text columns: one copy, compiled, without the interpreter lock."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from causeway.conventions.text import double_texts
from causeway.memory import copy_bytes, load64
from collectors.otlp.layouts import VALUE_BOOL, VALUE_DOUBLE, VALUE_INT, VALUE_NONE, VALUE_TEXT
from collectors.otlp.nested import value_text


@njit(nogil=True, cache=True)
def _text_offsets(rows, column):
    offsets = np.empty(rows.shape[0] + 1, dtype=np.int64)
    total = np.int64(0)
    offsets[0] = 0
    for i in range(rows.shape[0]):
        total += rows[i, column + 1]
        offsets[i + 1] = total
    return offsets


@njit(nogil=True, cache=True)
def _copy_texts(buffer, rows, column, offsets, out):
    for i in range(rows.shape[0]):
        copy_bytes(out, offsets[i], buffer, rows[i, column], rows[i, column + 1])


@njit(nogil=True, cache=True)
def _is_ascii(data):
    seen = np.uint8(0)
    for k in range(data.shape[0]):
        seen |= data[k]
    return seen < 128


@njit(nogil=True, cache=True)
def gather_raw(buffer, rows, column):
    """(offsets, data, whether all is ASCII) of the referenced pieces, one after another."""
    offsets = _text_offsets(rows, column)
    data = np.empty(offsets[-1], dtype=np.uint8)
    _copy_texts(buffer, rows, column, offsets, data)
    return offsets, data, _is_ascii(data)


def as_strings(offsets: np.ndarray, data: np.ndarray, *, ascii_only: bool) -> pa.Array:
    """A string array over these bytes. Invalid UTF-8 is replaced by U+FFFD rather than losing the record."""
    if len(data) >= 2**31:
        raise OverflowError("more than 2 GiB of text in one batch; decode fewer requests at once")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    array = pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)
    if ascii_only:
        return array
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers).to_pylist()
        return pa.array([piece.decode("utf-8", "replace") for piece in pieces], pa.string())
    return array


def texts(buffer: np.ndarray, rows: np.ndarray, column: int) -> pa.Array:
    """The referenced texts as a string array; an absent text is empty."""
    offsets, data, ascii_only = gather_raw(buffer, rows, column)
    return as_strings(offsets, data, ascii_only=bool(ascii_only))


def binaries(buffer: np.ndarray, rows: np.ndarray, column: int, *, valid: np.ndarray | None = None) -> pa.Array:
    """The referenced bytes as a binary array, null where not `valid`."""
    if valid is not None and not valid.all():
        rows = rows.copy()
        rows[~valid, column + 1] = 0
    offsets, data, _ = gather_raw(buffer, rows, column)
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


@njit(nogil=True, cache=True)
def intern(buffer, rows, column):
    """(code of each row, first row of each code): equal texts get equal codes, in order of appearance."""
    n = rows.shape[0]
    size = 64
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, dtype=np.int32)
    codes = np.empty(n, dtype=np.int32)
    firsts = np.empty(n, dtype=np.int64)
    found = 0
    for i in range(n):
        start, length = rows[i, column], rows[i, column + 1]
        slot = hash_bytes(buffer, start, length) & (size - 1)
        while True:
            code = slots[slot]
            if code < 0:
                slots[slot] = found
                firsts[found] = i
                codes[i] = found
                found += 1
                break
            first = firsts[code]
            if rows[first, column + 1] == length and same_bytes(buffer, start, buffer, rows[first, column], length):
                codes[i] = code
                break
            slot = (slot + 1) & (size - 1)
    return codes, firsts[:found]


@njit(nogil=True, cache=True)
def same_bytes(left, left_at, right, right_at, length):
    """Whether two pieces of equal length are equal. Both arrays must have eight bytes to spare at the end."""
    k = 0
    while k + 8 <= length:
        if load64(left, left_at + k) != load64(right, right_at + k):
            return False
        k += 8
    if k == length:
        return True
    mask = (np.int64(1) << (8 * (length - k))) - 1
    return ((load64(left, left_at + k) ^ load64(right, right_at + k)) & mask) == 0


@njit(nogil=True, cache=True)
def mix64(value):
    """The finisher of SplitMix64 (Steele et al., OOPSLA 2014): every bit of the input moves every bit of the result."""
    z = np.uint64(value)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(z ^ (z >> np.uint64(31)))


@njit(nogil=True, cache=True)
def hash_bytes(buffer, start, length):
    """A stable 64-bit hash, eight bytes at a time; the buffer must have eight bytes to spare at the end."""
    state = mix64(np.int64(length) + np.int64(0x1E3779B97F4A7C15))
    k = 0
    while k + 8 <= length:
        state = mix64(state ^ load64(buffer, start + k))
        k += 8
    if k < length:
        mask = (np.int64(1) << (8 * (length - k))) - 1
        state = mix64(state ^ (load64(buffer, start + k) & mask))
    return state


def dictionary(buffer: np.ndarray, rows: np.ndarray, column: int, *, valid: np.ndarray | None = None) -> pa.Array:
    """The referenced texts as a dictionary array, null where not `valid`."""
    codes, firsts = intern(buffer, rows, column)
    words = texts(buffer, rows[firsts], column)
    indices = pa.array(codes, pa.int32(), mask=None if valid is None else ~valid)
    return pa.DictionaryArray.from_arrays(indices, words)


def words_by_code(codes: np.ndarray, words: list[str] | tuple[str, ...]) -> pa.Array:
    """A dictionary array from codes and the words they stand for; a code of -1 is null."""
    mask = codes < 0
    indices = pa.array(codes.astype(np.int32, copy=False), pa.int32(), mask=mask if mask.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


_DIGITS_MAX = 20


@njit(nogil=True, cache=True)
def _digits(value):
    """How many characters an int64 takes in decimal."""
    count = 1
    rest = value
    if value < 0:
        count = 2
        rest = -(value // 10) if value == -9223372036854775808 else -value
        if value == -9223372036854775808:
            return 20
    while rest >= 10:
        rest //= 10
        count += 1
    return count


@njit(nogil=True, cache=True)
def _write_int(value, count, out, at):
    """Write an int64 in decimal into out[at:at + count]."""
    rest = np.uint64(value)
    first = at
    if value < 0:
        rest = np.uint64(0) - rest
        out[at] = 45
        first = at + 1
    k = at + count - 1
    while k >= first:
        out[k] = np.uint8(48 + rest % np.uint64(10))
        rest //= np.uint64(10)
        k -= 1


@njit(nogil=True, cache=True)
def gather_values(buffer, rows, column, type_column, other, other_offsets):  # noqa: C901
    """As `gather_raw`, for AnyValues: text and whole numbers directly, the rest from `other` in turn."""
    n = rows.shape[0]
    offsets = np.empty(n + 1, dtype=np.int64)
    offsets[0] = 0
    taken = 0
    for i in range(n):
        kind = rows[i, type_column]
        size = np.int64(0)
        if kind == VALUE_TEXT:
            size = rows[i, column + 1]
        elif kind == VALUE_BOOL:
            size = np.int64(4 if rows[i, column] != 0 else 5)
        elif kind == VALUE_INT:
            size = np.int64(_digits(rows[i, column]))
        elif kind != VALUE_NONE:
            size = other_offsets[taken + 1] - other_offsets[taken]
            taken += 1
        offsets[i + 1] = offsets[i] + size
    data = np.empty(offsets[n], dtype=np.uint8)
    taken = 0
    for i in range(n):
        kind = rows[i, type_column]
        at, size = offsets[i], offsets[i + 1] - offsets[i]
        if kind == VALUE_TEXT:
            copy_bytes(data, at, buffer, rows[i, column], size)
        elif kind == VALUE_BOOL:
            # The words are in the TRAILER: "truefalse".
            copy_bytes(data, at, buffer, np.int64(buffer.shape[0] - 16 + (0 if size == 4 else 4)), size)
        elif kind == VALUE_INT:
            _write_int(rows[i, column], size, data, at)
        elif kind != VALUE_NONE:
            copy_bytes(data, at, other, other_offsets[taken], size)
            taken += 1
    return offsets, data, _is_ascii(data)


_NO_BYTES = np.empty(0, dtype=np.uint8)
_NO_OFFSETS = np.zeros(1, dtype=np.int64)
_INLINE_TYPES = np.array([VALUE_NONE, VALUE_TEXT, VALUE_BOOL, VALUE_INT], dtype=np.int64)


def values(buffer: np.ndarray, rows: np.ndarray, column: int, type_column: int) -> pa.Array:
    """AnyValues as text: numbers in decimal, booleans true/false, arrays and maps as JSON, bytes as base64."""
    other, other_offsets = _NO_BYTES, _NO_OFFSETS
    kinds = rows[:, type_column]
    rare = np.flatnonzero(kinds > _INLINE_TYPES[-1])
    if len(rare):
        found = _rare_texts(buffer, rows[rare], column, type_column)
        other = np.frombuffer(found.buffers()[2] or b"", dtype=np.uint8)
        other_offsets = np.frombuffer(found.buffers()[1], dtype=np.int32)[: len(found) + 1].astype(np.int64)
    offsets, data, ascii_only = gather_values(buffer, rows, column, type_column, other, other_offsets)
    return as_strings(offsets, data, ascii_only=bool(ascii_only))


def _rare_texts(buffer: np.ndarray, rows: np.ndarray, column: int, type_column: int) -> pa.Array:
    """Doubles by column; arrays, maps and bytes each distinct one once."""
    kinds = rows[:, type_column]
    doubles = kinds == VALUE_DOUBLE
    numbers = pa.array(rows[:, column].view(np.float64), mask=~doubles)
    found = double_texts(numbers)
    if doubles.all():
        return found
    nested = np.flatnonzero(~doubles)
    codes, firsts = intern(buffer, rows[nested], column)
    # The same bytes may stand for an array in one place and a map in another.
    kinds_nested = kinds[nested]
    if (kinds_nested != kinds_nested[firsts][codes]).any():
        codes, firsts = np.arange(len(nested), dtype=np.int32), np.arange(len(nested))
    words = [
        value_text(int(kinds_nested[i]), buffer[start : start + length].tobytes())
        for i, (start, length) in zip(firsts, rows[nested][firsts][:, column : column + 2].tolist(), strict=True)
    ]
    filled = pa.array(words, pa.string()).take(pa.array(codes))
    return pc.replace_with_mask(found, pa.array(~doubles), filled)
