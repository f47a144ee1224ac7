"""Sampled requests as visits: one row per request to one service, with who asked for it and how that went.

A visit begins where a request reaches a service: at a span whose parent is of another service, at a SERVER or CONSUMER
span, at a top. A client or producer span to a named peer that sends no spans itself is a visit to that peer.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from analytics.patterns.calls import Calls
from analytics.traces.forest import Forest
from analytics.traces.linking import settled

# The graph does not know that name.
ELSEWHERE = -1


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits in preorder, trace by trace. Arrays are (m,) unless said otherwise.

    node: place in `names`, ELSEWHERE where it is none of them. parent: visit that called, below 0 for none. row: its
    first span in `forest`. name: code of its (service, operation) in `forest.names`; of the client's for a peer.
    virtual: a peer, seen only from its caller. failed: the visit itself; lost: as its caller saw it. retried: another
    attempt followed. waited: the caller waits for it; delaying: it lies on the critical path of the caller's visit, so
    that a later end is a later end there. entry: a request from outside. of_row: (spans,) the visit of each span.
    first: (traces + 1,) where each trace begins.
    """

    names: tuple[str, ...]
    forest: Forest
    node: np.ndarray
    parent: np.ndarray
    row: np.ndarray
    name: np.ndarray
    virtual: np.ndarray
    failed: np.ndarray
    lost: np.ndarray
    retried: np.ndarray
    waited: np.ndarray
    delaying: np.ndarray
    entry: np.ndarray
    of_row: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def visits_of(forest: Forest, names: Sequence[str]) -> Visits:
    """The visits of sampled traces; names: those of the call graph. Cost: linear in the spans."""
    calls = Calls(forest)
    client = _is(forest, "CLIENT", "PRODUCER")
    virtual = _to_peer(forest, client)
    top = (forest.parent < 0) | forest.remote | _is(forest, "SERVER", "CONSUMER") | virtual
    last = np.zeros(len(forest), dtype=np.int64)
    np.maximum.at(last, calls.first_attempt, np.arange(len(forest)))
    again = last[calls.first_attempt] != np.arange(len(forest))
    offsets, _, by_end, _ = forest.siblings
    on_path = _on_path(offsets, by_end, forest.start_ns, forest.end_ns)
    of_row, parent, lost, retried, waited, delaying = _carried(
        forest.parent, forest.waiter, top, client, forest.failed, again, forest.waited, on_path
    )
    row = np.flatnonzero(top)
    entry = np.zeros(len(forest), dtype=bool)
    entry[forest.entries] = True
    return Visits(
        names=tuple(names),
        forest=forest,
        node=_nodes(forest, row, virtual[row], names),
        parent=parent[row],
        row=row,
        name=forest.name[row],
        virtual=virtual[row],
        failed=forest.failed[row],
        lost=lost[row],
        retried=retried[row],
        waited=waited[row],
        delaying=delaying[row],
        entry=entry[row],
        of_row=of_row,
        first=np.searchsorted(forest.trace[row], np.arange(forest.traces + 1)),
    )


def _is(forest: Forest, *kinds: str) -> np.ndarray:
    return np.isin(forest.kind.code, [forest.kind.code_of(kind) for kind in kinds])


def _to_peer(forest: Forest, client: np.ndarray) -> np.ndarray:
    """(n,) bool: calls of a named peer that no other service answers; producers always, for a queue answers nobody."""
    named = forest.peer.code != forest.peer.code_of("")
    answered = np.zeros(len(forest), dtype=bool)
    answered[forest.parent[forest.remote]] = True
    return client & named & (~answered | _is(forest, "PRODUCER")) & (forest.parent >= 0)


def _nodes(forest: Forest, row: np.ndarray, virtual: np.ndarray, names: Sequence[str]) -> np.ndarray:
    place = {name: code for code, name in enumerate(names)}
    service = np.array([place.get(name, ELSEWHERE) for name in (*forest.service.values, "")], dtype=np.int64)
    peer = np.array([place.get(name, ELSEWHERE) for name in (*forest.peer.values, "")], dtype=np.int64)
    return np.where(virtual, peer[forest.peer.code[row]], service[forest.service.code[row]])


@njit(nogil=True, cache=True)
def _on_path(offsets, by_end, start, end):
    """(n,) bool: a later end of the span would end the one that waits for it later."""
    on = np.zeros(start.shape[0], dtype=np.bool_)
    for i in range(start.shape[0]):
        now = end[i]
        for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            c = by_end[k]
            if settled(start[c], end[c]) <= now:
                on[c] = True
                now = start[c]
    return on


@njit(nogil=True, cache=True)
def _carried(parent, waiter, top, client, failed, again, waits, on_path):
    """What the spans between two visits say about the call, at the row of the lower one: see Visits."""
    n = parent.shape[0]
    of_row, above = np.empty(n, np.int64), np.full(n, -1)
    lost, retried = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    waited, delaying = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    count = 0
    for i in range(n):
        p = parent[i]
        if top[i]:
            of_row[i] = count
            count += 1
        if p < 0:
            lost[i] = failed[i]
            continue
        if not top[i]:
            of_row[i] = of_row[p]
        above[i] = of_row[p]
        within = not top[p]
        lost[i] = failed[i] or (within and client[p] and failed[p])
        retried[i] = again[i] or (within and retried[p])
        waited[i] = waits[i] and (not within or waited[p])
        w = waiter[i]
        delaying[i] = w >= 0 and on_path[i] and (top[w] or delaying[w])
    return of_row, above, lost, retried, waited, delaying
