"""Small integers for text that repeats, and for combinations of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Interner:
    """Text to codes 0, 1, 2, ... and back; None is a text of its own."""

    __slots__ = ("_codes", "texts")

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {}
        self.texts: list[str | None] = []

    def code(self, text: str | None) -> int:
        found = self._codes.get(text)
        if found is None:
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


class Combinations:
    """Ids 0, 1, 2, ... for tuples of codes. `rows[id]` is the tuple."""

    __slots__ = ("_array", "_ids", "_widths", "rows")

    def __init__(self, widths: Sequence[int]) -> None:
        """widths: bits of each member, 63 at most together."""
        assert sum(widths) <= 63
        self._widths = tuple(widths)
        self._ids: dict[int, int] = {}
        self.rows: list[tuple[int, ...]] = []
        self._array = np.empty((0, len(widths)), np.int64)

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
        packed = 0
        for member, width in zip(members, self._widths, strict=True):
            packed = (packed << width) | member
        return self._id(packed)

    def members(self, ids: np.ndarray) -> np.ndarray:
        """(n, members) codes of (n,) ids."""
        if len(self._array) < len(self.rows):
            self._array = np.array(self.rows, np.int64).reshape(len(self.rows), len(self._widths))
        return self._array[ids]

    def _id(self, packed: int) -> int:
        found = self._ids.get(packed)
        if found is None:
            found = self._ids[packed] = len(self.rows)
            row: list[int] = []
            rest = packed
            for width in reversed(self._widths):
                row.append(rest & ((1 << width) - 1))
                rest >>= width
            self.rows.append(tuple(reversed(row)))
        return found
