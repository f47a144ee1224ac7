"""Stable 64-bit fingerprints of records and series, compiled."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

from collectors.otlp.gather import hash_bytes, mix64


@njit(nogil=True, cache=True)
def attribute_sums(buffer, rows, parents):
    """(parents,) an order-independent fingerprint of each parent's KeyValue rows."""
    # Columns of a KeyValue row: parent, key (start, length), value (start, length), value_type.
    sums = np.zeros(parents, dtype=np.int64)
    for i in range(rows.shape[0]):
        kind = rows[i, 5]
        if kind >= 2 and kind <= 4:
            value = mix64(rows[i, 3] + kind)
        else:
            value = hash_bytes(buffer, rows[i, 3], rows[i, 4]) + kind
        sums[rows[i, 0]] += mix64(hash_bytes(buffer, rows[i, 1], rows[i, 2]) ^ mix64(value))
    return sums


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
