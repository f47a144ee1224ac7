"""Which spans are calls, to what, and which came before them from the same span."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from analytics.traces.forest import Forest
from analytics.traces.linking import children, settled


@dataclass(frozen=True)
class Calls:
    """Calls among the spans of a forest. A call reaches another service, has a peer, or is a client or producer span;
    one that holds such a span within the same service (a repository's method) counts too.

    All (n,) by span. is_call: as said, and has a parent. far: code of who is called, 0 where unknown. target: code of
    the operation together with `far`; equal for calls of the same kind.
    """

    forest: Forest

    @cached_property
    def far(self) -> np.ndarray:
        """Peers by name, else the first child in another service by its operation."""
        forest = self.forest
        below = np.minimum(np.arange(len(forest)) + 1, max(len(forest) - 1, 0))
        reaches = (forest.parent[below] == np.arange(len(forest))) & forest.remote[below]
        peers = len(forest.peer.values)
        named = forest.peer.code != forest.peer.code_of("")
        return np.where(named, forest.peer.code + 1, np.where(reaches, peers + 1 + forest.name[below], 0))

    @cached_property
    def is_call(self) -> np.ndarray:
        forest = self.forest
        kinds = [forest.kind.code_of(name) for name in ("CLIENT", "PRODUCER")]
        direct = np.isin(forest.kind.code, kinds) | (self.far > 0)
        return (forest.parent >= 0) & (_holding(direct, forest.parent, forest.service.code) | forest.remote)

    @cached_property
    def target(self) -> np.ndarray:
        return self.forest.name * (int(self.far.max(initial=0)) + 1) + self.far

    @cached_property
    def first_attempt(self) -> np.ndarray:
        """The row of the first attempt of the logical call; the row itself where it is no retry.

        A retry follows, under the same parent, a failed and finished call of the same operation to the same target;
        a target that an attempt never reached is unknown and fits all.
        """
        offsets, child = children(self.forest.parent)
        forest = self.forest
        return _attempts(
            offsets, child, self.is_call, forest.name, self.far, forest.failed, forest.start_ns, forest.end_ns,
            len(forest.names),
        )  # fmt: skip

    @cached_property
    def attempts(self) -> np.ndarray:
        """How many attempts the logical call of each span has."""
        counts = np.bincount(self.first_attempt, minlength=len(self.forest))
        return counts[self.first_attempt]

    @cached_property
    def before(self) -> np.ndarray:
        """The call of the same parent that began last before, -1 where none did."""
        offsets, child = children(self.forest.parent)
        return _before(offsets, child, self.is_call)

    def callee(self, row: int) -> str:
        """`service operation` of what is called, or `peer operation`."""
        forest, far = self.forest, int(self.far[row])
        peers = len(forest.peer.values)
        if far > peers:
            return " ".join(forest.names[far - peers - 1])
        service, operation = forest.names[int(forest.name[row])]
        return f"{forest.peer.values[far - 1] if far else service} {operation}"


@njit(nogil=True, cache=True)
def _holding(direct, parent, service):  # noqa: ANN001, ANN202
    """(n,) bool: the span or one below it in the same service, by steps within it, is marked."""
    held = direct.copy()
    for i in range(parent.shape[0] - 1, -1, -1):
        if held[i] and parent[i] >= 0 and service[parent[i]] == service[i]:
            held[parent[i]] = True
    return held


@njit(nogil=True, cache=True)
def _attempts(offsets, child, is_call, name, far, failed, start, end, names):  # noqa: ANN001, ANN202
    first = np.arange(name.shape[0])
    last, stamp = np.empty(names, np.int64), np.full(names, -1)
    for p in range(offsets.shape[0] - 1):
        for k in range(offsets[p], offsets[p + 1]):
            c = child[k]
            if not is_call[c]:
                continue
            if stamp[name[c]] == p:
                b = last[name[c]]
                same = far[b] == far[c] or far[b] == 0 or far[c] == 0
                if failed[b] and same and settled(start[b], end[b]) <= start[c]:
                    first[c] = first[b]
            stamp[name[c]], last[name[c]] = p, c
    return first


@njit(nogil=True, cache=True)
def _before(offsets, child, is_call):  # noqa: ANN001, ANN202
    before = np.full(is_call.shape[0], -1)
    for p in range(offsets.shape[0] - 1):
        last = -1
        for k in range(offsets[p], offsets[p + 1]):
            if is_call[child[k]]:
                before[child[k]] = last
                last = child[k]
    return before
