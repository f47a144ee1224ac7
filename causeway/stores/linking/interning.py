"""Small integers for text that repeats, and for combinations of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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

    __slots__ = ("_array", "_count", "_ids", "_instead", "_limit", "_widths")

    def __init__(
        self, widths: Sequence[int], *, limit: int = 1 << 30, instead: Callable[[Members], Members] | None = None
    ) -> None:
        """widths: bits of each member, 63 at most together."""
        assert sum(widths) <= 63
        self._widths = tuple(widths)
        self._ids: dict[int, int] = {}
        self._count, self._limit, self._instead = 0, limit, instead
        self._array = np.empty((64, len(widths)), np.int64)

    def __len__(self) -> int:
        return self._count

    def ids(self, *members: np.ndarray) -> np.ndarray:
        """(n,) int64 ids of the rows of (n,) members."""
        packed = np.zeros(len(members[0]), np.int64)
        for member, width in zip(members, self._widths, strict=True):
            packed = (packed << width) | member
        encoded = pa.array(packed).dictionary_encode()
        distinct = encoded.dictionary.to_numpy(zero_copy_only=False)
        lookup = np.array([self._id(key) for key in distinct.tolist()] or [0], np.int64)
        return lookup[encoded.indices.to_numpy(zero_copy_only=False)]

    def id(self, *members: int) -> int:
        return self._id(self._pack(members))

    def members(self, ids: np.ndarray) -> np.ndarray:
        """(n, members) codes of (n,) ids."""
        return self._array[ids]

    def column(self, member: int) -> np.ndarray:
        """(ids,) codes of one member of every id."""
        return self._array[: self._count, member]

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
