"""Sums of counted contributions by an integer key: what a flush turns into rollup rows."""

from __future__ import annotations

import numpy as np
from numba import njit

_FIRST_ROWS = 1024
_M = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def _hash(keys: np.ndarray, row: int) -> np.uint64:
    h = np.uint64(0x243F6A8885A308D3)
    for j in range(keys.shape[0]):
        h = (h ^ np.uint64(keys[j, row])) * _M
        h ^= h >> np.uint64(29)
    return h


@njit(cache=True, nogil=True)
def _accumulate(
    index: np.ndarray,
    known: np.ndarray,
    sums: np.ndarray,
    count: int,
    keys: np.ndarray,
    values: np.ndarray,
    begin: int,
) -> tuple[int, int]:
    """Add rows from `begin` on; (known rows, the row that found no space or the number of rows)."""
    mask = np.uint64(len(index) - 1)
    members = keys.shape[0]
    for i in range(begin, keys.shape[1]):
        place = _hash(keys, i) & mask
        row = -1
        while index[place] >= 0:
            row = index[place]
            for j in range(members):
                if known[row, j] != keys[j, i]:
                    row = -1
                    break
            if row >= 0:
                break
            place = (place + np.uint64(1)) & mask
        if row < 0:
            if count == len(known):
                return count, i
            row = count
            count += 1
            index[place] = row
            for j in range(members):
                known[row, j] = keys[j, i]
            for j in range(values.shape[0]):
                sums[row, j] = 0
        for j in range(values.shape[0]):
            sums[row, j] += values[j, i]
    return count, keys.shape[1]


@njit(cache=True, nogil=True)
def _reindex(index: np.ndarray, known: np.ndarray, count: int) -> None:
    mask = np.uint64(len(index) - 1)
    keys = known.T
    for row in range(count):
        place = _hash(keys, row) & mask
        while index[place] >= 0:
            place = (place + np.uint64(1)) & mask
        index[place] = row


class Tally:
    """Sums measures over equal keys as they come, exactly, in int64."""

    def __init__(self, keys: tuple[str, ...], measures: tuple[str, ...]) -> None:
        self._keys, self._measures = keys, measures
        self._clear()

    def add(self, keys: dict[str, np.ndarray], **measures: np.ndarray | int) -> None:
        """keys: (n,) integers each; measures: (n,) or one number for all; those not named are 0."""
        count = len(next(iter(keys.values())))
        if count == 0:
            return
        places = np.empty((len(self._keys), count), np.int64)
        for place, name in enumerate(self._keys):
            places[place] = keys[name]
        values = np.zeros((len(self._measures), count), np.int64)
        for place, name in enumerate(self._measures):
            if name in measures:
                values[place] = measures.pop(name)
        assert not measures, measures
        done = 0
        while True:
            self._count, done = _accumulate(self._index, self._known, self._sums, self._count, places, values, done)
            if done == count:
                return
            self._grow()

    def take(self) -> dict[str, np.ndarray] | None:
        """The summed rows as columns, rows of all zeros left out, None if there are none; empties the tally.

        By the first appearance of each key.
        """
        known, sums = self._known[: self._count], self._sums[: self._count]
        self._clear()
        kept = np.flatnonzero(sums.any(axis=1))
        if len(kept) == 0:
            return None
        rows = {name: known[kept, place] for place, name in enumerate(self._keys)}
        rows.update({name: sums[kept, place] for place, name in enumerate(self._measures)})
        return rows

    def _clear(self) -> None:
        self._count = 0
        self._known = np.empty((_FIRST_ROWS, len(self._keys)), np.int64)
        self._sums = np.empty((_FIRST_ROWS, len(self._measures)), np.int64)
        self._index = np.full(_FIRST_ROWS * 2, -1, np.int32)

    def _grow(self) -> None:
        size = self._count * 4
        for name in ("_known", "_sums"):
            column = getattr(self, name)
            larger = np.empty((size, column.shape[1]), np.int64)
            larger[: self._count] = column[: self._count]
            setattr(self, name, larger)
        self._index = np.full(size * 2, -1, np.int32)
        _reindex(self._index, self._known, self._count)
