"""64-bit identities of records, computed over whole columns, and sets and maps keyed by them (numba).

Identities are hashes of 64 bits. Records are compared within one minute only, so that even a million a minute makes
a false duplicate once in some ten million minutes.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

_M1 = np.uint64(0x9E3779B97F4A7C15)
_M2 = np.uint64(0xBF58476D1CE4E5B9)
_M3 = np.uint64(0x94D049BB133111EB)
_EMPTY = np.uint64(0)
_FNV = np.uint64(0x100000001B3)


def mix(values: np.ndarray) -> np.ndarray:
    """(n,) uint64 -> (n,) well-spread uint64, never 0 (splitmix64)."""
    z = values.astype(np.uint64, copy=True)
    z += _M1
    z ^= z >> np.uint64(30)
    z *= _M2
    z ^= z >> np.uint64(27)
    z *= _M3
    z ^= z >> np.uint64(31)
    z[z == 0] = np.uint64(1)
    return z


def fold(*columns: np.ndarray) -> np.ndarray:
    """One identity per row from several (n,) columns of 64-bit hashes or integers; order of columns matters."""
    out = np.full(len(columns[0]), np.uint64(0x243F6A8885A308D3))
    for column in columns:
        out = mix(out * np.uint64(31) + column.astype(np.uint64, copy=False))
    return out


def binary_hash(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """(n,) uint64 of a binary or string column; dictionary columns are hashed once per value. Null is 0."""
    if isinstance(column, pa.ChunkedArray):
        chunks = [binary_hash(chunk) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, np.uint64)
    if pa.types.is_dictionary(column.type):
        values = binary_hash(column.dictionary)
        if len(values) == 0:
            return np.zeros(len(column), np.uint64)
        codes = column.indices
        valid = codes.is_valid().to_numpy(zero_copy_only=False)
        places = pc.fill_null(codes, 0).to_numpy(zero_copy_only=False)
        return np.where(valid, values[places], np.uint64(0))
    offsets, data = _offsets_and_bytes(column)
    out = _hash_slices(data, offsets)
    if column.null_count:
        out[~column.is_valid().to_numpy(zero_copy_only=False)] = 0
    return out


def _offsets_and_bytes(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    wide = pa.types.is_large_binary(column.type) or pa.types.is_large_string(column.type)
    _, offsets, data = column.buffers()
    count = len(column)
    kind = np.int64 if wide else np.int32
    if offsets is None or count == 0:
        return np.zeros(count + 1, kind), np.empty(0, np.uint8)
    places = np.frombuffer(offsets, kind)[column.offset : column.offset + count + 1]
    raw = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return places, raw


@njit(cache=True, nogil=True)
def _hash_slices(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    n = len(offsets) - 1
    out = np.empty(n, np.uint64)
    for i in range(n):
        start, end = offsets[i], offsets[i + 1]
        h = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - start)
        place = start
        while place + 8 <= end:
            word = np.uint64(0)
            for k in range(8):
                word |= np.uint64(data[place + k]) << np.uint64(8 * k)
            h = (h ^ word) * _M2
            h ^= h >> np.uint64(29)
            place += 8
        while place < end:
            h = (h ^ np.uint64(data[place])) * _FNV
            place += 1
        h ^= h >> np.uint64(32)
        h *= _M3
        h ^= h >> np.uint64(29)
        out[i] = h if h != 0 else np.uint64(1)
    return out


def list_hash(column: pa.Array, child: np.ndarray) -> np.ndarray:
    """(n,) uint64: the order-independent sum of each list's child hashes. child: hashes of `column.values`."""
    offsets = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    sums = np.concatenate(([np.uint64(0)], np.cumsum(child, dtype=np.uint64)))
    return sums[offsets[1:]] - sums[offsets[:-1]]


def attributes_hash(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """(n,) uint64 of a map<string, string> column, independent of the order of its keys."""
    if isinstance(column, pa.ChunkedArray):
        chunks = [attributes_hash(chunk) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, np.uint64)
    pairs = fold(binary_hash(column.keys), binary_hash(column.items)) if len(column.keys) else np.empty(0, np.uint64)
    return list_hash(column, pairs)


@njit(cache=True, nogil=True)
def _insert_new(table: np.ndarray, keys: np.ndarray, fresh: np.ndarray) -> int:
    mask = len(table) - 1
    added = 0
    for i in range(len(keys)):
        key = keys[i]
        place = key & np.uint64(mask)
        while table[place] != _EMPTY and table[place] != key:
            place = (place + np.uint64(1)) & np.uint64(mask)
        if table[place] == _EMPTY:
            table[place] = key
            fresh[i] = True
            added += 1
        else:
            fresh[i] = False
    return added


class IdentitySet:
    """A growing set of non-zero 64-bit identities: 16-32 bytes each."""

    __slots__ = ("_table", "count")

    def __init__(self, expected: int = 256) -> None:
        self._table = np.zeros(_capacity(expected), np.uint64)
        self.count = 0

    def add(self, keys: np.ndarray) -> np.ndarray:
        """Add (n,) uint64 keys; returns (n,) bool: True for the first time a key is seen."""
        if (self.count + len(keys)) * 2 > len(self._table):
            larger = np.zeros(_capacity(self.count + len(keys)), np.uint64)
            _insert_new(larger, self._table[self._table != 0], np.empty(self.count, np.bool_))
            self._table = larger
        fresh = np.empty(len(keys), np.bool_)
        self.count += int(_insert_new(self._table, keys, fresh))
        return fresh


def _capacity(count: int) -> int:
    return 1 << max(9, int(count * 2).bit_length())


@njit(cache=True, nogil=True)
def map_put(keys: np.ndarray, places: np.ndarray, new_keys: np.ndarray, first: int) -> None:
    """Put key i at value first + i; a key that is there already keeps its value."""
    mask = np.uint64(len(keys) - 1)
    for i in range(len(new_keys)):
        key = new_keys[i]
        place = key & mask
        while keys[place] != _EMPTY and keys[place] != key:
            place = (place + np.uint64(1)) & mask
        if keys[place] == _EMPTY:
            keys[place] = key
            places[place] = first + i


@njit(cache=True, nogil=True)
def map_find(keys: np.ndarray, places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n,) int64: the value of each wanted key, -1 where it is not there (or is 0)."""
    mask = np.uint64(len(keys) - 1)
    out = np.empty(len(wanted), np.int64)
    for i in range(len(wanted)):
        key = wanted[i]
        out[i] = -1
        if key != _EMPTY:
            place = key & mask
            while keys[place] != _EMPTY:
                if keys[place] == key:
                    out[i] = places[place]
                    break
                place = (place + np.uint64(1)) & mask
    return out
