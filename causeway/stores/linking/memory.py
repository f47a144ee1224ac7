"""Recent spans by identity, a bounded number of them: enough of each to be somebody's parent."""

from __future__ import annotations

import numpy as np

from causeway.stores.linking.hashing import map_find, map_put
from causeway.stores.linking.spans import FIELDS, KINDS, Spans, no_spans

_KEPT = tuple(name for name in FIELDS if name != "parent")
NONE = -1


class Memory:
    """About 85 bytes a span, with the index. The oldest half is forgotten when it is full.

    Places are valid until the next `remember`, which says by how much they moved. above: the place of the parent,
    NONE while unknown. context: the operation of the inbound span that encloses a span, NONE while unknown.
    """

    def __init__(self, spans_max: int) -> None:
        self.count = 0
        self.spans = no_spans()
        self.above = np.empty(0, np.int32)
        self.context = np.empty(0, np.int32)
        self._spans_max = spans_max
        self._keys = np.zeros(1 << 12, np.uint64)
        self._places = np.zeros(1 << 12, np.int32)

    def find(self, identity: np.ndarray) -> np.ndarray:
        """(n,) int64 places, -1 where unknown."""
        return map_find(self._keys, self._places, identity)

    def remember(self, spans: Spans) -> tuple[int, int]:
        """Add spans; the place of the first (the others follow) and how many places all others moved down."""
        dropped = 0
        if self.count + len(spans) > self._spans_max:
            dropped = self._forget_oldest(keep=self._spans_max // 2)
        first, total = self.count, self.count + len(spans)
        if total > len(self.above):
            self._grow(total)
        for name in _KEPT:
            getattr(self.spans, name)[first:total] = getattr(spans, name)
        self.above[first:total] = NONE
        self.context[first:total] = NONE
        if total * 3 > len(self._keys) * 2:
            self._index(total)
        else:
            map_put(self._keys, self._places, spans.identity, first)
        self.count = total
        return first, dropped

    def _columns(self) -> list[tuple[object, str]]:
        return [*((self.spans, name) for name in _KEPT), (self, "above"), (self, "context")]

    def _grow(self, total: int) -> None:
        size = min(max(4096, total + total // 2), max(self._spans_max, total))
        for owner, name in self._columns():
            larger = np.empty(size, KINDS.get(name, np.int32))
            larger[: self.count] = getattr(owner, name)[: self.count]
            setattr(owner, name, larger)

    def _index(self, total: int) -> None:
        size = 1 << (total * 2).bit_length()
        self._keys, self._places = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        map_put(self._keys, self._places, self.spans.identity[:total], 0)

    def _forget_oldest(self, *, keep: int) -> int:
        drop = max(0, self.count - keep)
        for owner, name in self._columns():
            column = getattr(owner, name)
            column[: self.count - drop] = column[drop : self.count].copy()
        self.count -= drop
        above = self.above[: self.count]
        above[:] = np.maximum(above - drop, NONE)
        self._index(max(self.count, 1))
        return drop
