"""Finds well-known attributes among all attributes of a batch in one compiled pass."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from collectors.otlp.gather import same_bytes
from collectors.otlp.layouts import VALUE_TEXT


class KeySet:
    """Well-known keys. Each slot is a tuple of names for one thing; the last one sent wins.

    Only text that is not empty is found.
    """

    def __init__(self, slots: Sequence[tuple[str, ...]]) -> None:
        named = sorted((len(name), name, slot) for slot, names in enumerate(slots) for name in names)
        self.count = len(slots)
        words = [name.encode("ascii") for _, name, _ in named]
        self._words = np.frombuffer(b"".join(words) + bytes(8), dtype=np.uint8)
        longest = max(len(word) for word in words)
        lengths = np.array([len(word) for word in words])
        # keys[i]: (where its text begins, slot); by_length[n]: the first key of length n.
        self._keys = np.stack([np.cumsum(lengths) - lengths, [slot for _, _, slot in named]], axis=1).astype(np.int64)
        self._by_length = np.searchsorted(lengths, np.arange(longest + 2)).astype(np.int64)

    def find(self, buffer: np.ndarray, rows: np.ndarray, parents: int) -> np.ndarray:
        """(parents, slots) int32: the KeyValue row of each slot, -1 where there is none."""
        found = np.full((parents, self.count), -1, dtype=np.int32)
        _find(buffer, rows, self._words, self._keys, self._by_length, found)
        return found


@njit(nogil=True, cache=True)
def _find(buffer, rows, words, keys, by_length, found):
    # Columns of a KeyValue row: parent, key (start, length), value (start, length), value_type.
    for i in range(rows.shape[0]):
        length = rows[i, 2]
        if length + 1 >= by_length.shape[0] or rows[i, 5] != VALUE_TEXT or rows[i, 4] == 0:
            continue
        for k in range(by_length[length], by_length[length + 1]):
            if same_bytes(buffer, rows[i, 1], words, keys[k, 0], length):
                found[rows[i, 0], keys[k, 1]] = i
