"""Small integers for text that repeats, and for combinations of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

_M1, _M2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
OTHER = "_other"  # stands for what came after a bound was reached


class Interner:
    """Text to codes 0, 1, 2, ... and back; None is a text of its own. After `limit` texts new ones are OTHER."""

    __slots__ = ("_codes", "_limit", "texts")

    def __init__(self, limit: int = 1 << 28) -> None:
        self._codes: dict[str | None, int] = {}
        self._limit = limit
        self.texts: list[str | None] = []

    def code(self, text: str | None) -> int:
        found = self._codes.get(text)
        if found is None:
            if len(self.texts) >= self._limit and text != OTHER:
                return self.code(OTHER)
            found = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return found

    def codes(self, column: pa.ChunkedArray) -> np.ndarray:
        """(n,) int64 codes of a column; cost per distinct value of each chunk, not per row, in Python."""
        parts = [self._chunk(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _chunk(self, chunk: pa.Array) -> np.ndarray:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        lookup = np.array([self.code(text) for text in texts] or [0], np.int64)
        if not encoded.indices.null_count:
            return lookup[encoded.indices.to_numpy(zero_copy_only=False)]
        places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
        valid = encoded.is_valid().to_numpy(zero_copy_only=False)
        return np.where(valid, lookup[places], self.code(None))

    def column(self, codes: np.ndarray) -> pa.Array:
        """The texts of (n,) codes."""
        distinct, places = np.unique(codes, return_inverse=True)
        texts = pa.array([self.texts[code] for code in distinct.tolist()], pa.string())
        return texts.take(pa.array(places))


Members = tuple[int, ...]


class Combinations:
    """Ids 0, 1, 2, ... for tuples of codes. After `limit` ids a new tuple gets the id of `instead` of it.

    `instead` must lead to few tuples, and to itself from those.
    """

    __slots__ = ("_array", "_count", "_ids", "_instead", "_keys", "_limit", "_places", "_widths")

    def __init__(
        self, widths: Sequence[int], *, limit: int = 1 << 30, instead: Callable[[Members], Members] | None = None
    ) -> None:
        """widths: bits of each member, 63 at most together."""
        assert sum(widths) <= 63
        self._widths = tuple(widths)
        self._ids: dict[int, int] = {}
        self._count, self._limit, self._instead = 0, limit, instead
        self._keys, self._places = np.zeros(256, np.int64), np.zeros(256, np.int64)  # the ids again, for whole columns
        self._array = np.empty((64, len(widths)), np.int64)

    def __len__(self) -> int:
        return self._count

    def ids(self, *members: np.ndarray) -> np.ndarray:
        """(n,) int64 ids of the rows of (n,) members."""
        packed = np.zeros(len(members[0]), np.int64)
        for member, width in zip(members, self._widths, strict=True):
            packed = (packed << width) | member
        found = _look_up(self._keys, self._places, packed)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            found[unknown] = self._learn(packed[unknown])
        return found

    def id(self, *members: int) -> int:
        return self._id(self._pack(members))

    def members(self, ids: np.ndarray) -> np.ndarray:
        """(n, members) codes of (n,) ids."""
        return self._array[ids]

    def column(self, member: int) -> np.ndarray:
        """(ids,) codes of one member of every id."""
        return self._array[: self._count, member]

    def _learn(self, packed: np.ndarray) -> np.ndarray:
        """(n,) ids of combinations that are not in the index; they are put there unless the limit is reached."""
        distinct, first, places = np.unique(packed, return_index=True, return_inverse=True)
        found = np.empty(len(distinct), np.int64)
        for place in np.argsort(first).tolist():
            found[place] = self._id(int(distinct[place]))
        if self._count < self._limit:
            if self._count * 2 > len(self._keys):
                self._index(np.fromiter(self._ids.keys(), np.int64), np.fromiter(self._ids.values(), np.int64))
            else:
                _put(self._keys, self._places, distinct, found)
        return found[places]

    def _index(self, packed: np.ndarray, ids: np.ndarray) -> None:
        size = 1 << (len(packed) * 4).bit_length()
        self._keys, self._places = np.zeros(size, np.int64), np.zeros(size, np.int64)
        _put(self._keys, self._places, packed, ids)

    def _pack(self, members: Members) -> int:
        packed = 0
        for member, width in zip(members, self._widths, strict=True):
            packed = (packed << width) | member
        return packed

    def _id(self, packed: int) -> int:
        found = self._ids.get(packed)
        if found is not None:
            return found
        members = self._unpack(packed)
        if self._count >= self._limit and self._instead is not None:
            other = self._instead(members)
            if other != members:
                return self._id(self._pack(other))
        if self._count == len(self._array):
            self._array = np.concatenate((self._array, np.empty_like(self._array)))
        self._array[self._count] = members
        found = self._ids[packed] = self._count
        self._count += 1
        return found

    def _unpack(self, packed: int) -> Members:
        row: list[int] = []
        for width in reversed(self._widths):
            row.append(packed & ((1 << width) - 1))
            packed >>= width
        return tuple(reversed(row))


@njit(cache=True, nogil=True)
def _spread(packed: np.int64) -> np.uint64:
    h = np.uint64(packed) * _M1
    h = (h ^ (h >> np.uint64(32))) * _M2
    return h ^ (h >> np.uint64(29))


@njit(cache=True, nogil=True)
def _look_up(keys: np.ndarray, places: np.ndarray, packed: np.ndarray) -> np.ndarray:
    """(n,) int64 places, -1 where unknown. keys: packed + 1, 0 is free."""
    mask = np.uint64(len(keys) - 1)
    out = np.empty(len(packed), np.int64)
    for i in range(len(packed)):
        if i and packed[i] == packed[i - 1]:  # spans of one operation come together
            out[i] = out[i - 1]
            continue
        out[i] = -1
        place = _spread(packed[i]) & mask
        while keys[place] != 0:
            if keys[place] == packed[i] + 1:
                out[i] = places[place]
                break
            place = (place + np.uint64(1)) & mask
    return out


@njit(cache=True, nogil=True)
def _put(keys: np.ndarray, places: np.ndarray, packed: np.ndarray, ids: np.ndarray) -> None:
    mask = np.uint64(len(keys) - 1)
    for i in range(len(packed)):
        place = _spread(packed[i]) & mask
        while keys[place] != 0 and keys[place] != packed[i] + 1:
            place = (place + np.uint64(1)) & mask
        keys[place], places[place] = packed[i] + 1, ids[i]
