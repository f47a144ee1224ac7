"""Which roots share their trace with another root of the same minute: traces that came in pieces."""

from __future__ import annotations

import numpy as np
from numba import njit

from causeway.stores.linking.hashing import fold, map_put
from causeway.stores.linking.spans import COUNTED, ROOT, Spans
from causeway.window import MINUTE_NS

ROOTS_MAX = 300_000  # remembered; 40 bytes each with the index
_COUNTED = COUNTED
_COLUMNS = ("_key", "_start", "_service", "_flags", "_shared")


@njit(cache=True, nogil=True)
def _share(
    keys: np.ndarray,
    places: np.ndarray,
    wanted: np.ndarray,
    flags: np.ndarray,
    first_flags: np.ndarray,
    shared: np.ndarray,
    count: int,
    fresh: np.ndarray,
    told: np.ndarray,
) -> tuple[int, int]:
    """fresh: whether a root is the first of its key. told: where the firsts are that turn out to be shared."""
    mask = np.uint64(len(keys) - 1)
    tells = 0
    for i in range(len(wanted)):
        place = wanted[i] & mask
        while keys[place] != 0 and keys[place] != wanted[i]:
            place = (place + np.uint64(1)) & mask
        if keys[place] == 0:
            keys[place] = wanted[i]
            places[place] = count
            first_flags[count] = flags[i]
            shared[count] = False
            count += 1
            fresh[i] = True
            continue
        fresh[i] = False
        first = places[place]
        if not shared[first]:
            shared[first] = True
            if (flags[i] & first_flags[first] & _COUNTED) == 0:
                told[tells] = first
                tells += 1
    return count, tells


class Roots:
    """The first root of each trace and minute, a bounded number of them."""

    def __init__(self, roots_max: int = ROOTS_MAX) -> None:
        self._roots_max = roots_max
        self._count = 0
        self._key, self._start = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._service, self._flags = np.empty(0, np.int64), np.empty(0, np.uint8)
        self._shared = np.empty(0, np.bool_)
        self._size(1 << 10)

    def shared(self, spans: Spans, trace: np.ndarray, service: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(start_ns, service) of the roots that are known to share now and were not before.

        trace: (n,) uint64 of the spans; service: (n,) codes. Spans that are no roots are left alone.
        """
        rows = np.flatnonzero((spans.flags & ROOT) > 0)
        if not len(rows):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        start = spans.start[rows]
        key = fold(trace[rows], (start // MINUTE_NS).view(np.uint64))
        if self._count + len(rows) > self._roots_max:
            self._forget_oldest(keep=self._roots_max // 2)
        if self._count + len(rows) > len(self._key):
            self._size(2 * (self._count + len(rows)))
        fresh, told = np.empty(len(rows), np.bool_), np.empty(len(rows), np.int64)
        flags, before = spans.flags[rows], self._count
        self._count, tells = _share(
            self._keys, self._places, key, flags, self._flags, self._shared, before, fresh, told
        )
        first = np.flatnonzero(fresh)
        self._key[before : self._count] = key[first]
        self._start[before : self._count] = start[first]
        self._service[before : self._count] = service[rows[first]]
        later = np.flatnonzero(~fresh & ((flags & COUNTED) == 0))
        firsts = told[:tells]
        return (
            np.concatenate((self._start[firsts], start[later])),
            np.concatenate((self._service[firsts], service[rows[later]])),
        )

    def _size(self, size: int) -> None:
        for name in _COLUMNS:
            column: np.ndarray = getattr(self, name)
            larger = np.empty(size, column.dtype)
            larger[: self._count] = column[: self._count]
            setattr(self, name, larger)
        self._index()

    def _index(self) -> None:
        size = 1 << (len(self._key) * 2).bit_length()
        self._keys, self._places = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        map_put(self._keys, self._places, self._key[: self._count], 0)

    def _forget_oldest(self, *, keep: int) -> None:
        drop = max(0, self._count - keep)
        for name in _COLUMNS:
            column = getattr(self, name)
            column[: self._count - drop] = column[drop : self._count].copy()
        self._count -= drop
        self._index()
