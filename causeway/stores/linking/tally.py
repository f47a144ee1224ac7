"""Sums of counted contributions by an integer key: what a flush turns into rollup rows."""

from __future__ import annotations

import numpy as np
from numba import njit

_M2 = np.uint64(0xBF58476D1CE4E5B9)
_GROUPS_FIRST = 1 << 10


class Tally:
    """Sums measures over equal keys, exactly, in int64: about 30 ns a contribution. For one thread.

    Contributions are added up as they come, in a hash table of the groups: memory grows with these alone.
    """

    def __init__(self, keys: tuple[str, ...], measures: tuple[str, ...]) -> None:
        self._names, self._measures = keys, measures
        self._count = 0
        self._index = np.empty(0, np.int32)  # open addressing, twice the groups; -1 is free
        self._keys = np.empty((0, len(keys)), np.int64)
        self._sums = np.empty((0, len(measures)), np.int64)

    def add(self, keys: dict[str, np.ndarray], **measures: np.ndarray | int) -> None:
        """keys: (n,) integers each; measures: (n,) or one number for all; those not named are 0."""
        count = len(next(iter(keys.values())))
        if count == 0:
            return
        members = np.empty((len(self._names), count), np.int64)
        for place, name in enumerate(self._names):
            members[place] = keys[name]
        constants = np.zeros(len(self._measures), np.int64)
        places, varying = [], []
        for name, value in measures.items():
            place = self._measures.index(name)
            if isinstance(value, np.ndarray):
                places.append(place)
                varying.append(value)
            else:
                constants[place] = value
        values = np.empty((len(places), count), np.int64)
        for row, column in enumerate(varying):
            values[row] = column
        self._add(members, values, np.array(places, np.int64), constants)

    def take(self) -> dict[str, np.ndarray] | None:
        """The summed rows as columns, rows of all zeros left out, None if there are none; empties the tally.

        Rows in the order in which their keys first came.
        """
        kept = np.flatnonzero(self._sums[: self._count].any(axis=1))
        keys, sums = self._keys[kept], self._sums[kept]
        self._index[:] = -1
        self._count = 0
        if not len(kept):
            return None
        rows = {name: np.ascontiguousarray(keys[:, place]) for place, name in enumerate(self._names)}
        rows.update({name: np.ascontiguousarray(sums[:, place]) for place, name in enumerate(self._measures)})
        return rows

    def _add(self, members: np.ndarray, values: np.ndarray, places: np.ndarray, constants: np.ndarray) -> None:
        done, hashes = 0, _hashes(members)
        while True:
            done, self._count = _accumulate(
                self._index, self._keys, self._sums, self._count, members, hashes, values, places, constants, done
            )
            if done == members.shape[1]:
                return
            self._grow()

    def _grow(self) -> None:
        size = max(_GROUPS_FIRST, 4 * len(self._keys))
        keys, sums = np.empty((size, len(self._names)), np.int64), np.zeros((size, len(self._measures)), np.int64)
        keys[: self._count], sums[: self._count] = self._keys[: self._count], self._sums[: self._count]
        self._keys, self._sums = keys, sums
        self._index = np.full(2 * size, -1, np.int32)
        _place_all(self._index, _hashes(np.ascontiguousarray(keys[: self._count].T)))


@njit(cache=True, nogil=True)
def _accumulate(
    index: np.ndarray,
    keys: np.ndarray,
    sums: np.ndarray,
    count: int,
    members: np.ndarray,
    hashes: np.ndarray,
    values: np.ndarray,
    places: np.ndarray,
    constants: np.ndarray,
    first: int,
) -> tuple[int, int]:
    """Add the contributions from `first` on; returns the first one that found no room, and the groups there are."""
    width, mask = members.shape[0], np.uint64(len(index) - 1)
    for i in range(first, members.shape[1]):
        if count == len(keys):
            return i, count
        place = hashes[i] & mask
        while index[place] >= 0 and not _same(keys, index[place], members, i, width):
            place = (place + np.uint64(1)) & mask
        if index[place] < 0:
            index[place] = count
            keys[count] = members[:, i]
            sums[count] = 0
            count += 1
        group = index[place]
        for j in range(len(constants)):
            sums[group, j] += constants[j]
        for j in range(len(places)):
            sums[group, places[j]] += values[j, i]
    return members.shape[1], count


@njit(cache=True, nogil=True, inline="always")  # a call for each row would cost as much again
def _same(keys: np.ndarray, group: int, members: np.ndarray, row: int, width: int) -> bool:
    different = 0
    for j in range(width):
        different |= keys[group, j] ^ members[j, row]
    return different == 0


@njit(cache=True, nogil=True)
def _hashes(members: np.ndarray) -> np.ndarray:
    out = np.zeros(members.shape[1], np.uint64)
    for j in range(members.shape[0]):
        for i in range(len(out)):
            h = (out[i] ^ np.uint64(members[j, i])) * _M2
            out[i] = h ^ (h >> np.uint64(32))
    return out


@njit(cache=True, nogil=True)
def _place_all(index: np.ndarray, hashes: np.ndarray) -> None:
    mask = np.uint64(len(index) - 1)
    for group in range(len(hashes)):
        place = hashes[group] & mask
        while index[place] >= 0:
            place = (place + np.uint64(1)) & mask
        index[place] = group
