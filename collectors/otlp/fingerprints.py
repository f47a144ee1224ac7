"""Stable 64-bit fingerprints of records and series, compiled."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from collectors.otlp.gather import hash_bytes, mix64, values
from collectors.otlp.layouts import VALUE_ARRAY, VALUE_BOOL, VALUE_DOUBLE, VALUE_MAP


def attribute_sums(buffer: np.ndarray, rows: np.ndarray, parents: int, known: pa.Array | None = None) -> np.ndarray:
    """(parents,) an order-independent fingerprint of each parent's KeyValue rows; `known` as `settled`."""
    return _attribute_sums(buffer, settled(buffer, rows, _VALUE, _VALUE_TYPE, known), parents)


def settled(
    buffer: np.ndarray, rows: np.ndarray, column: int, type_column: int, known: pa.Array | None = None
) -> np.ndarray:
    """The rows with their arrays and maps replaced by a fingerprint of their text.

    The same value may be encoded in several ways, so its bytes say nothing. known: the texts of all rows, if they
    have been made already.
    """
    nested = np.flatnonzero((rows[:, type_column] == VALUE_ARRAY) | (rows[:, type_column] == VALUE_MAP))
    if not len(nested):
        return rows
    found = values(buffer, rows[nested], column, type_column) if known is None else known.take(pa.array(nested))
    offsets = np.frombuffer(found.buffers()[1], dtype=np.int32)[: len(found) + 1].astype(np.int64)
    spare = np.frombuffer(bytes(found.buffers()[2] or b"") + bytes(8), dtype=np.uint8)
    pieces = np.stack([offsets[:-1], offsets[1:] - offsets[:-1]], axis=1)
    rows = rows.copy()
    rows[nested, column] = text_hashes(spare, pieces, 0)
    return rows


# Columns of a KeyValue row: parent, key (start, length), value (start, length), value_type.
_VALUE, _VALUE_TYPE = 3, 5


@njit(nogil=True, cache=True)
def value_hash(buffer, row, column, type_column):
    """A fingerprint of one settled AnyValue."""
    kind, start = row[type_column], row[column]
    if kind == VALUE_DOUBLE and (start & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000:
        return mix64(np.int64(kind))  # a NaN is a NaN
    if kind >= VALUE_BOOL and kind <= VALUE_MAP:
        return mix64(start + kind)
    return hash_bytes(buffer, start, row[column + 1]) + kind


@njit(nogil=True, cache=True)
def _attribute_sums(buffer, rows, parents):
    sums = np.zeros(parents, dtype=np.int64)
    for i in range(rows.shape[0]):
        value = value_hash(buffer, rows[i], 3, 5)
        sums[rows[i, 0]] += mix64(hash_bytes(buffer, rows[i, 1], rows[i, 2]) ^ mix64(value))
    return sums


@njit(nogil=True, cache=True)
def _value_hashes(buffer, rows, column, type_column):
    hashes = np.empty(rows.shape[0], dtype=np.int64)
    for i in range(rows.shape[0]):
        hashes[i] = value_hash(buffer, rows[i], column, type_column)
    return hashes


def value_hashes(
    buffer: np.ndarray, rows: np.ndarray, column: int, type_column: int, known: pa.Array | None = None
) -> np.ndarray:
    """(rows,) a fingerprint of the AnyValue in each row; `known` as `settled`."""
    return _value_hashes(buffer, settled(buffer, rows, column, type_column, known), column, type_column)


@njit(nogil=True, cache=True)
def text_hashes(buffer, rows, column):
    """(rows,) a fingerprint of each referenced text."""
    hashes = np.empty(rows.shape[0], dtype=np.int64)
    for i in range(rows.shape[0]):
        hashes[i] = hash_bytes(buffer, rows[i, column], rows[i, column + 1])
    return hashes


@njit(nogil=True, cache=True)
def combine(parts):
    """(n,) one fingerprint of the columns of (k, n) int64; their order matters."""
    result = np.zeros(parts.shape[1], dtype=np.int64)
    for k in range(parts.shape[0]):
        for i in range(parts.shape[1]):
            result[i] = mix64(result[i] * 31 + parts[k, i])
    return result


def repeat_numbers(groups: np.ndarray) -> np.ndarray:
    """(n,) int32: for each element, how many equal ones stand before it."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, dtype=bool)
    positions = np.arange(len(groups))
    starts = np.maximum.accumulate(np.where(first, positions, 0))
    numbers = np.empty(len(groups), dtype=np.int32)
    numbers[order] = positions - starts
    return numbers
