"""In which request a span works: the inbound span of its own service that encloses it.

The way up from a span ends at a span of kind SERVER or CONSUMER, at a root, or at one whose parent is of another
service. While a parent on the way is missing the context is unknown, and calls count under the caller's own operation;
what waits for such a parent is corrected when it comes. Once known a context never changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

from causeway.stores.linking.memory import Memory
from causeway.stores.linking.spans import COUNTED, INBOUND

WAITING_MAX = 200_000  # calls under an unknown context; of the oldest beyond them it stays the caller's own operation
_INBOUND, _COUNTED = INBOUND, COUNTED


@njit(cache=True, nogil=True)
def _walk(  # noqa: C901 one loop with five ways out
    places: np.ndarray,
    above: np.ndarray,
    context: np.ndarray,
    operation: np.ndarray,
    service_of: np.ndarray,
    flags: np.ndarray,
    remembered: bool,
    found: np.ndarray,
    heads: np.ndarray,
    counted: np.ndarray,
) -> None:
    """found: the context or -1; heads: then where the way ends (-1: in a ring); counted: whether all on it were."""
    for i in range(len(places)):
        place, turtle = places[i], places[i]
        steps, power = 0, 1
        found[i], heads[i], counted[i] = -1, -1, True
        while True:
            if remembered and context[place] >= 0:
                found[i] = context[place]
                break
            counted[i] = counted[i] and (flags[place] & _COUNTED) > 0
            if (flags[place] & _INBOUND) > 0:
                found[i] = operation[place]
                break
            up = above[place]
            if up < 0:
                heads[i] = place
                break
            if service_of[operation[up]] != service_of[operation[place]]:
                found[i] = operation[place]
                counted[i] = counted[i] and (flags[up] & _COUNTED) > 0
                break
            place = up
            if place == turtle:  # a ring (Brent 1980)
                break
            steps += 1
            if steps == power:
                turtle, power, steps = place, power * 2, 0
        if found[i] >= 0:
            end, place = place, places[i]
            while True:
                context[place] = found[i]
                if place == end:
                    break
                place = above[place]


@dataclass(slots=True)
class Calls:
    """Calls of a caller's span, (n,) each: what `rollup_calls` says of each but the caller's operation.

    place: of the caller's span in memory. calls: 1, or -1 for one taken back; errors, weight and duration likewise.
    counted: whether its rows were made before.
    """

    place: np.ndarray
    slot: np.ndarray
    callee: np.ndarray
    kind: np.ndarray
    calls: np.ndarray
    errors: np.ndarray
    weight: np.ndarray
    duration: np.ndarray
    counted: np.ndarray

    def where(self, rows: np.ndarray) -> Calls:
        return Calls(*(getattr(self, name)[rows] for name in _FIELDS))

    def negative(self) -> Calls:
        return Calls(
            self.place,
            self.slot,
            self.callee,
            self.kind,
            -self.calls,
            -self.errors,
            -self.weight,
            -self.duration,
            self.counted,
        )


_FIELDS = ("place", "slot", "callee", "kind", "calls", "errors", "weight", "duration", "counted")


def _no_calls() -> Calls:
    return Calls(*(np.empty(0, np.bool_ if name == "counted" else np.int64) for name in _FIELDS))


class Contexts:
    """Contexts of remembered spans, and the calls that wait for theirs."""

    def __init__(self, memory: Memory, *, waiting_max: int = WAITING_MAX) -> None:
        self._memory, self._waiting_max = memory, waiting_max
        self._waiting = _no_calls()
        self._heads = np.empty(0, np.int64)

    def moved(self, dropped: int) -> None:
        """Places moved down by so much: what was forgotten waits no more."""
        if dropped and len(self._heads):
            self._waiting.place -= dropped
            self._heads -= dropped
            self._keep(np.flatnonzero((self._waiting.place >= 0) & (self._heads >= 0)))

    def heads(self) -> np.ndarray:
        """(n,) places of the spans whose parents would tell a context that calls wait for; some more than once."""
        return self._heads

    def assign(self, calls: Calls, service_of: np.ndarray) -> np.ndarray:
        """(n,) operation ids of the callers as known now; those that may change wait."""
        found, heads, _ = self._find(calls.place, service_of, remembered=True)
        open_ = np.flatnonzero((found < 0) & (heads >= 0))
        if len(open_):
            joined = (np.concatenate((getattr(self._waiting, n), getattr(calls, n)[open_])) for n in _FIELDS)
            self._waiting = Calls(*joined)
            self._heads = np.concatenate((self._heads, heads[open_]))
            if len(self._heads) > self._waiting_max:
                self._keep(np.arange(len(self._heads) - self._waiting_max, len(self._heads)))
        return np.where(found < 0, self._memory.spans.operation[calls.place], found)

    def resolve(self, service_of: np.ndarray) -> Iterator[tuple[Calls, np.ndarray]]:
        """What parents that came have told: calls to count again, and the (n,) operation ids to count them under."""
        if not len(self._heads):
            return
        told = np.flatnonzero(self._memory.above[self._heads] >= 0)
        if not len(told):
            return
        calls = self._waiting.where(told)
        found, heads, all_counted = self._find(calls.place, service_of, remembered=not calls.counted.any())
        self._heads[told] = np.where(found < 0, heads, self._heads[told])
        fresh = np.flatnonzero((found >= 0) & ~(calls.counted & all_counted))
        done = told[(found >= 0) | (heads < 0)]
        self._keep(np.delete(np.arange(len(self._heads)), done))
        changed = calls.where(fresh)
        yield changed.negative(), self._memory.spans.operation[changed.place]
        yield changed, found[fresh]

    def discard_after(self, count: int) -> None:
        """Forget those that have waited least, so that `count` are left."""
        self._keep(np.arange(min(count, len(self._heads))))

    @property
    def waiting(self) -> int:
        return len(self._heads)

    def _keep(self, rows: np.ndarray) -> None:
        self._waiting, self._heads = self._waiting.where(rows), self._heads[rows]

    def _find(
        self, places: np.ndarray, service_of: np.ndarray, *, remembered: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found, heads = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
        counted = np.empty(len(places), np.bool_)
        memory = self._memory
        _walk(
            places.astype(np.int64),
            memory.above,
            memory.context,
            memory.spans.operation,
            np.ascontiguousarray(service_of),
            memory.spans.flags,
            remembered,
            found,
            heads,
            counted,
        )
        return found, heads, counted
