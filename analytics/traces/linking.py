"""From spans sorted by trace and time to trees in preorder, with times that fit; compiled, linear in the spans.

Parents are found by a hash table per trace. The rows of a tree end up in preorder: a parent stands before its
children, siblings by start, and a subtree is the `size` rows from its top on.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, C901

from __future__ import annotations

import numpy as np
from numba import njit

ROOT = -1  # says that it has no parent
ORPHAN = -2  # its parent never came
LOOSE = -3  # its parents form a ring; the earliest of them is taken for a top
DOUBLE = -4  # a span of the trace with the same id came before; left out

# Siblings may overlap this much and still count as one after the other: clocks and exporters round to milliseconds.
OVERLAP_NS_MAX = 1_000_000
OVERLAP_PARTS = 10  # and not more than this part of the earlier one

WRAPPED_MAX = 64
FEW = 16  # so many siblings are sorted in place


@njit(nogil=True, cache=True)
def _slot(key, mask):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(20)) & np.uint64(mask))


@njit(nogil=True, cache=True)
def group_by_trace(trace, traces):
    """Rows in the order of their trace, and (traces + 1,) where each begins; rows of a trace stay in order."""
    offsets = np.zeros(traces + 1, dtype=np.int64)
    for i in range(trace.shape[0]):
        offsets[trace[i] + 1] += 1
    for t in range(traces):
        offsets[t + 1] += offsets[t]
    place = offsets[:-1].copy()
    rows = np.empty(trace.shape[0], dtype=np.int64)
    for i in range(trace.shape[0]):
        rows[place[trace[i]]] = i
        place[trace[i]] += 1
    return rows, offsets


@njit(nogil=True, cache=True)
def link(offsets, span_id, parent_id, has_parent):
    """(n,) the row of each span's parent, or ROOT, ORPHAN, DOUBLE."""
    n = span_id.shape[0]
    parent = np.full(n, ORPHAN, dtype=np.int64)
    longest = 1
    for t in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[t + 1] - offsets[t])
    room = 2
    while room < 2 * longest:
        room *= 2
    table = np.empty(room, dtype=np.int64)
    stamp = np.full(room, -1, dtype=np.int64)
    for t in range(offsets.shape[0] - 1):
        first, last = offsets[t], offsets[t + 1]
        size = 2
        while size < 2 * (last - first):
            size *= 2
        mask = size - 1
        for i in range(first, last):
            at = _slot(span_id[i], mask)
            while stamp[at] == t and span_id[table[at]] != span_id[i]:
                at = (at + 1) & mask
            if stamp[at] == t:
                parent[i] = DOUBLE
            else:
                stamp[at], table[at] = t, i
        for i in range(first, last):
            if parent[i] == DOUBLE:
                continue
            if not has_parent[i]:
                parent[i] = ROOT
                continue
            at = _slot(parent_id[i], mask)
            while stamp[at] == t:
                if span_id[table[at]] == parent_id[i]:
                    parent[i] = table[at]
                    break
                at = (at + 1) & mask
    return parent


@njit(nogil=True, cache=True)
def children(parent):
    """(offsets (n + 1,), rows): the children of row i are rows[offsets[i] : offsets[i + 1]], ascending."""
    n = parent.shape[0]
    offsets = np.zeros(n + 1, dtype=np.int64)
    for i in range(n):
        if parent[i] >= 0:
            offsets[parent[i] + 1] += 1
    for i in range(n):
        offsets[i + 1] += offsets[i]
    place = offsets[:-1].copy()
    child = np.empty(offsets[-1], dtype=np.int64)
    for i in range(n):
        if parent[i] >= 0:
            child[place[parent[i]]] = i
            place[parent[i]] += 1
    return offsets, child


@njit(nogil=True, cache=True)
def cut_rings(parent):
    """Give every ring of parents a top: its first row becomes LOOSE, in place."""
    state = np.zeros(parent.shape[0], dtype=np.int8)  # 1: on the way, 2: known to lead to a top
    for i in range(parent.shape[0]):
        at = i
        while at >= 0 and state[at] == 0:
            state[at] = 1
            at = parent[at]
        ring = at if at >= 0 and state[at] == 1 else np.int64(-1)
        at = i
        while at >= 0 and state[at] == 1:
            state[at] = 2
            at = parent[at]
        if ring >= 0:
            first, following = ring, parent[ring]
            while following != ring:
                first = min(first, following)
                following = parent[following]
            parent[first] = LOOSE


@njit(nogil=True, cache=True)
def preorder(parent):
    """(rows in preorder, parent in that order, subtree size, depth); DOUBLE rows are left out.

    parent: (n,) rows or negative marks, free of rings. The new parent keeps the marks.
    """
    n = parent.shape[0]
    offsets, child = children(parent)
    rows, up = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    depth, place = np.zeros(n, dtype=np.int32), np.empty(n, dtype=np.int64)
    ahead = np.empty(n, dtype=np.int64)
    count = 0
    for top in range(n):
        if parent[top] >= 0 or parent[top] == DOUBLE:
            continue
        waiting = 1
        ahead[0] = top
        while waiting:
            waiting -= 1
            i = ahead[waiting]
            rows[count], place[i] = i, count
            if parent[i] >= 0:
                up[count] = place[parent[i]]
                depth[count] = depth[up[count]] + 1
            else:
                up[count] = parent[i]
            count += 1
            for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
                ahead[waiting] = child[k]
                waiting += 1
    size = np.ones(count, dtype=np.int64)
    for i in range(count - 1, -1, -1):
        if up[i] >= 0:
            size[up[i]] += size[i]
    return rows[:count], up[:count], size, depth[:count]


@njit(nogil=True, cache=True)
def fit(parent, came_ns, took_ns, clock, asynchronous, client, server, failed):
    """Times that fit: (start, end, waited, moved, cut), each (n,), by preorder.

    A child that its parent waits for lies within its parent. One on another clock that begins before the parent, or
    after its end, or a server that answers after its client has the answer, is moved with all below it by as little
    as brings it in; what still sticks out is cut. Consumers, what a producer causes, and what begins in the same
    process after the parent's end, are not waited for and stay where they are.
    """
    n = parent.shape[0]
    start, end, shift = np.empty(n, np.int64), np.empty(n, np.int64), np.zeros(n, np.int64)
    waited, moved, cut = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for i in range(n):
        p = parent[i]
        start[i] = came_ns[i]
        end[i] = came_ns[i] + max(took_ns[i], 0)
        if p < 0:
            continue
        shift[i] = shift[p]
        start[i] += shift[i]
        end[i] += shift[i]
        after = start[i] > end[p] or (start[i] == end[p] and end[i] > start[i])
        foreign = clock[i] != clock[p]
        if asynchronous[i] or (after and not foreign):
            continue
        waited[i] = True
        late = end[i] > end[p] and client[p] and server[i] and not failed[p]
        if foreign and (start[i] < start[p] or after or late):
            by = max(start[p], end[p] - (end[i] - start[i])) - start[i] if start[i] >= start[p] else start[p] - start[i]
            moved[i] = by != 0
            shift[i] += by
            start[i] += by
            end[i] += by
        if start[i] < start[p] or end[i] > end[p]:
            cut[i] = True
            start[i] = min(max(start[i], start[p]), end[p])
            end[i] = max(min(end[i], end[p]), start[i])
    return start, end, waited, moved, cut


@njit(nogil=True, cache=True)
def settled(start, end):
    """When a sibling counts as over: its end less the overlap that is tolerated."""
    return end - min(OVERLAP_NS_MAX, (end - start) // OVERLAP_PARTS)


@njit(nogil=True, cache=True)
def encloses(i, s, size, start, end, waited, client):
    """Whether span s is a call that happens while span i lasts."""
    calls = waited[s] and (size[s] > 1 or client[s])
    return calls and start[i] <= start[s] < end[i] and settled(start[s], end[s]) <= end[i]


@njit(nogil=True, cache=True)
def waiters(parent, size, start, end, waited, clock, inner, client):
    """(n,) the row that waits for each span: its parent, or a sibling that wraps it; ROOT where nobody does.

    Some instrumentation leaves a step and the calls it makes side by side. A span without children, of its parent's
    own process and no call itself, that encloses sibling calls and ends together with one of them, waits for them.
    inner: (n,) bool, a span of kind INTERNAL or of none. A wrapper looks at WRAPPED_MAX siblings at most.
    """
    waiter = np.where(waited, parent, np.int64(ROOT))
    n = parent.shape[0]
    for i in range(n):
        if not (waited[i] and inner[i] and size[i] == 1 and clock[i] == clock[parent[i]]):
            continue
        together, s, looked = False, i + 1, 0
        while s < n and parent[s] == parent[i] and looked < WRAPPED_MAX:
            if encloses(i, s, size, start, end, waited, client):
                together |= end[i] - end[s] <= OVERLAP_NS_MAX
            s, looked = s + size[s], looked + 1
        s, looked = i + 1, 0
        while together and s < n and parent[s] == parent[i] and looked < WRAPPED_MAX:
            if encloses(i, s, size, start, end, waited, client):
                waiter[s] = i
            s, looked = s + size[s], looked + 1
    return waiter


@njit(nogil=True, cache=True)
def _sort_few(rows, first, last, keys):
    for k in range(first + 1, last):
        row, key, at = rows[k], keys[k], k
        while at > first and keys[at - 1] > key:
            rows[at], keys[at] = rows[at - 1], keys[at - 1]
            at -= 1
        rows[at], keys[at] = row, key


@njit(nogil=True, cache=True)
def _sort_siblings(rows, offsets, keys):
    for i in range(offsets.shape[0] - 1):
        first, last = offsets[i], offsets[i + 1]
        if last - first <= FEW:
            _sort_few(rows, first, last, keys)
        else:
            order = np.argsort(keys[first:last], kind="mergesort")
            rows[first:last] = rows[first:last][order]


@njit(nogil=True, cache=True)
def siblings(waiter, start, end):
    """What each span waits for: (offsets (n + 1,), rows by start, by end, by when they are settled).

    Ties by end: the shorter one first, so that the last one is the longest.
    """
    offsets, by_start = children(waiter)
    _sort_siblings(by_start, offsets, start[by_start])
    by_end, by_settled = by_start.copy(), by_start.copy()
    # Reversed within each parent: among equal ends the later start (the shorter one) comes first.
    for i in range(waiter.shape[0]):
        first, last = offsets[i], offsets[i + 1]
        for k in range(last - first):
            by_end[first + k] = by_start[last - 1 - k]
    _sort_siblings(by_end, offsets, end[by_end])
    over = np.empty(by_settled.shape[0], dtype=np.int64)
    for k in range(by_settled.shape[0]):
        over[k] = settled(start[by_settled[k]], end[by_settled[k]])
    _sort_siblings(by_settled, offsets, over)
    return offsets, by_start, by_end, by_settled
