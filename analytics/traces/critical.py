"""The time a request really waits for, span by span, and what it would take if one operation were faster.

Critical path: Zhang, Tan, Pinter, Tarihi, Zhao, Xie, Wang, Ganesan, Zhang, Wang, "CRISP: Critical Path Analysis of
Large-Scale Microservice Architectures", USENIX ATC 2022. From a span's end backwards: the child that ended last and
before now, then the one that ended last before that child began, and so on; what lies between is the span's own.
Our deviations: siblings that overlap by rounding count as one after the other (`linking.OVERLAP_NS_MAX`), children
on another clock are moved into their parent before they are cut, and a speed-up is replayed on the tree instead of
being taken off in proportion.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.traces.forest import Forest
from analytics.traces.linking import settled


def critical_self_ns(forest: Forest, tops: np.ndarray) -> np.ndarray:
    """(n,) int64: how long each span itself is waited for by those who wait for the tops.

    tops: (m,) rows, no one below another. The sum over a tree is its top's duration, exactly. Zero elsewhere.
    """
    offsets, _, by_end, _ = forest.siblings
    return _critical(tops, forest.size, offsets, by_end, forest.start_ns, forest.end_ns)


@njit(nogil=True, cache=True)
def _critical(tops, size, offsets, by_end, start, end):
    own = np.zeros(start.shape[0], dtype=np.int64)
    until = np.full(start.shape[0], -1, dtype=np.int64)
    for t in range(tops.shape[0]):
        top = tops[t]
        until[top], last = end[top], top + size[top]
        for i in range(top, last):
            if until[i] < 0:
                continue
            now = until[i]
            for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
                c = by_end[k]
                if settled(start[c], end[c]) > now or c >= last:
                    continue
                over = min(end[c], now)
                own[i] += now - over
                until[c] = over
                now = start[c]
            own[i] += now - start[i]
    return own


def speed_up_saves_ns(
    forest: Forest, tops: np.ndarray, critical_ns: np.ndarray, *, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """What each operation would save: ((names,) float64 ns in all, (names,) int64 trees in which it does).

    Every tree is replayed with the own time of one operation (all its spans) times `factor`, in (0, 1): a span
    starts as long after the siblings that had ended before it as it did, and ends as long after the last of them.
    So a branch that runs beside another saves only until the other is the last. critical_ns: of the same tops; an
    operation without any in a tree saves nothing there. Cost: spans times operations on the critical path, per tree.
    """
    offsets, by_start, _, by_settled = forest.siblings
    return _savings(
        tops, forest.waiter, forest.size, offsets, by_start, by_settled, forest.start_ns, forest.end_ns,
        forest.name, critical_ns, len(forest.names), factor,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _savings(tops, waiter, size, offsets, by_start, by_settled, start, end, name, critical, names, factor):
    saved, trees = np.zeros(names, dtype=np.float64), np.zeros(names, dtype=np.int64)
    seen = np.full(names, -1, dtype=np.int64)
    took, ends = np.empty(start.shape[0]), np.empty(start.shape[0])
    touched = np.zeros(start.shape[0], dtype=np.bool_)
    for t in range(tops.shape[0]):
        top = tops[t]
        for i in range(top, top + size[top]):
            chosen = name[i]
            if critical[i] == 0 or seen[chosen] == t:
                continue
            seen[chosen] = t
            last = top + size[top]
            for k in range(last - 1, top - 1, -1):
                changed = touched[k] or name[k] == chosen
                touched[k] = False
                took[k] = end[k] - start[k]
                if changed:
                    scale = factor if name[k] == chosen else 1.0
                    took[k] = replayed(k, last, offsets, by_start, by_settled, start, end, took, ends, scale)
                    if waiter[k] >= top:
                        touched[waiter[k]] = True
            gain = end[top] - start[top] - took[top]
            if gain > 0:
                saved[chosen] += gain
                trees[chosen] += 1
    return saved, trees


@njit(nogil=True, cache=True)
def replayed(i, within, offsets, by_start, by_settled, start, end, took, ends, scale):
    """How long span i takes when its children take `took` and its own time is scaled; `ends` is room to work.

    Rows from `within` on are of another tree.
    """
    first, last = offsets[i], offsets[i + 1]
    before, before_new, done = 0.0, 0.0, first  # the latest end of the siblings that were over, as it was and is now
    over, over_new = 0.0, 0.0
    for k in range(first, last):
        c = by_start[k]
        while done < last:
            d = by_settled[done]
            if settled(start[d], end[d]) > start[c] or (start[d] == start[c] and d >= c):
                break
            if d < within:
                before, before_new = max(before, float(end[d] - start[i])), max(before_new, ends[d])
            done += 1
        if c >= within:
            continue
        gap = start[c] - start[i] - before
        ends[c] = before_new + (gap * scale if gap > 0 else gap) + took[c]
        over, over_new = max(over, float(end[c] - start[i])), max(over_new, ends[c])
    tail = end[i] - start[i] - over
    return over_new + (tail * scale if tail > 0 else tail)
