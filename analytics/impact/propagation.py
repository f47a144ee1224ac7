"""How a failure spreads upwards: replayed in sampled requests, or over the call ratios of a graph.

Both combine what several callees do by noisy-or (each may make the caller fail, independently of the others; Pearl,
Probabilistic Reasoning in Intelligent Systems, 1988), so that nothing is counted twice and no chance exceeds one.
In a request every call is known, and the answer is exact given the transmissions; calls that would have come after the
one that made their caller fail stay away, and so does all that the target itself would have asked for. Over the graph
it is the fixpoint of an independent cascade (Kempe, Kleinberg, Tardos, KDD 2003) that starts at the target: callees'
failures count as independent of each other although one cause may make them fail together.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202, C901

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from analytics.impact.flow import Flow
from analytics.impact.visits import Visits

ROUNDS_MAX = 500
PRECISION = 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """Sums over sampled visits, for every node as the target, rows by target.

    hit: (n, n) expected failing visits of the column, away: (n, n) those that do not come; journeys_hit,
    journeys_touched: (n, j) failing requests of a journey, and how many need the target at all. visits: (n,), requests:
    (j,): how many there are.
    """

    hit: np.ndarray
    away: np.ndarray
    journeys_hit: np.ndarray
    journeys_touched: np.ndarray
    visits: np.ndarray
    requests: np.ndarray

    @property
    def chance(self) -> np.ndarray:
        """(n, n) chance that a request that comes to the column fails while the row is down."""
        came = self.visits - self.away
        return np.divide(self.hit, came, out=np.zeros_like(self.hit), where=came > 1e-9)


def spread_all(visits: Visits, weight: np.ndarray, group: np.ndarray, journey: np.ndarray, journeys: int) -> Spread:
    """What each node's failure does in the sampled requests.

    weight, group: as `Learned`; journey: (m,) of visits that are entries, below 0 for others. Cost: per trace its
    visits times the nodes in it.
    """
    n = len(visits.names)
    hit, away, lost, touched = (np.zeros((n, width)) for width in (n, n, journeys, journeys))
    start, end = _times(visits)
    _spread_all(
        visits.first, visits.parent, visits.node, start, end, weight, group, _groups(group), journey,
        hit, away, lost, touched,
    )  # fmt: skip
    known, asked = visits.node[visits.node >= 0], journey[journey >= 0]
    return Spread(hit, away, lost, touched, np.bincount(known, minlength=n), np.bincount(asked, minlength=journeys))


@dataclass(frozen=True, slots=True)
class OneSpread:
    """(m,) by visit: the chance that it fails, that it comes at all, and whether it needs one that is down."""

    chance: np.ndarray
    comes: np.ndarray
    needs: np.ndarray


def spread_one(visits: Visits, weight: np.ndarray, group: np.ndarray, down: np.ndarray) -> OneSpread:
    """What happens to every sampled visit when those marked in `down` ((m,) bool) fail."""
    chance, comes, needs = np.zeros(len(visits)), np.ones(len(visits)), np.zeros(len(visits), dtype=np.bool_)
    start, end = _times(visits)
    _spread_one(visits.parent, start, end, weight, group, _groups(group), down, chance, comes, needs)
    return OneSpread(chance, comes, needs)


def spread_graph(flow: Flow, transmitted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(targets, n) chance that a request to each node fails while the target does.

    transmitted: (e,) chance that a failing call makes its caller fail. At most ROUNDS_MAX rounds; chances only grow
    towards the fixpoint, so that stopping early errs on the low side.
    """
    ratio = np.minimum(flow.calls / np.maximum(flow.served[flow.caller], 1.0), 1.0) * transmitted
    order = np.argsort(flow.callee, kind="stable")
    chance = np.zeros((len(targets), len(flow.names)))
    offsets = np.searchsorted(flow.callee[order], np.arange(len(flow.names) + 1))
    out = np.argsort(flow.caller, kind="stable")
    starts = np.searchsorted(flow.caller[out], np.arange(len(flow.names) + 1))
    _cascade(targets, offsets, flow.caller[order], starts, flow.callee[out], ratio[out], chance, ROUNDS_MAX, PRECISION)
    return chance


def _times(visits: Visits) -> tuple[np.ndarray, np.ndarray]:
    return visits.forest.start_ns[visits.row], visits.forest.end_ns[visits.row]


def _groups(group: np.ndarray) -> int:
    return int(group.max(initial=-1)) + 1


@njit(nogil=True, cache=True)
def _push(i, chance, parent, weight, group, kept, surviving):
    """Take the failing of visit i, with that chance, into its caller; calls of one group count once."""
    p, g = parent[i], group[i]
    before = 1.0 - weight[i] * (1.0 - kept[g])
    kept[g] *= 1.0 - chance
    if before > 0.0:
        surviving[p] *= (1.0 - weight[i] * (1.0 - kept[g])) / before


@njit(nogil=True, cache=True)
def _arrive(i, parent, start, end, weight, failing, down, comes, onward, pending, over):
    """Whether visit i comes: its caller came, was not down, and had not failed for a call that was over by then."""
    onward[i], pending[i], over[i] = 0.0 if down else 1.0, 1.0, np.int64(-1)
    p = parent[i]
    if p < 0:
        comes[i] = 1.0
        return
    if over[p] <= start[i]:
        onward[p] *= pending[p]
        pending[p] = 1.0
    comes[i] = comes[p] * onward[p]
    pending[p] *= 1.0 - weight[i] * failing
    over[p] = max(over[p], end[i])


@njit(nogil=True, cache=True)
def _spread_all(first, parent, node, start, end, weight, group, groups, journey, hit, away, lost, touched):
    m, n = parent.shape[0], hit.shape[0]
    surviving, kept, needs = np.ones(m), np.ones(groups), np.zeros(m, np.bool_)
    comes, onward, pending, over = np.ones(m), np.ones(m), np.ones(m), np.zeros(m, np.int64)
    seen, found = np.full(n, -1), np.empty(n, np.int64)
    for t in range(first.shape[0] - 1):
        count = 0
        for i in range(first[t], first[t + 1]):
            if node[i] >= 0 and seen[node[i]] != t:
                seen[node[i]] = t
                found[count] = node[i]
                count += 1
        for k in range(count):
            s = found[k]
            for i in range(first[t], first[t + 1]):
                surviving[i], needs[i] = 1.0, False
                if group[i] >= 0:
                    kept[group[i]] = 1.0
            for i in range(first[t + 1] - 1, first[t] - 1, -1):
                if node[i] == s:
                    surviving[i], needs[i] = 0.0, True
                if not needs[i]:
                    continue
                chance = 1.0 - surviving[i]
                if journey[i] >= 0:
                    lost[s, journey[i]] += chance
                    touched[s, journey[i]] += 1.0
                if parent[i] >= 0:
                    needs[parent[i]] = True
                    if weight[i] > 0.0 and chance > 0.0:
                        _push(i, chance, parent, weight, group, kept, surviving)
            for i in range(first[t], first[t + 1]):
                chance = 1.0 - surviving[i]
                _arrive(i, parent, start, end, weight, chance, node[i] == s, comes, onward, pending, over)
                if node[i] >= 0:
                    hit[s, node[i]] += chance * comes[i]
                    away[s, node[i]] += 1.0 - comes[i]


@njit(nogil=True, cache=True)
def _spread_one(parent, start, end, weight, group, groups, down, chance, comes, needs):
    m = parent.shape[0]
    surviving, kept = np.ones(m), np.ones(groups)
    onward, pending, over = np.ones(m), np.ones(m), np.zeros(m, np.int64)
    for i in range(m - 1, -1, -1):
        if down[i]:
            surviving[i], needs[i] = 0.0, True
        chance[i] = 1.0 - surviving[i]
        if needs[i] and parent[i] >= 0:
            needs[parent[i]] = True
            if weight[i] > 0.0 and chance[i] > 0.0:
                _push(i, chance[i], parent, weight, group, kept, surviving)
    for i in range(m):
        _arrive(i, parent, start, end, weight, chance[i], down[i], comes, onward, pending, over)


@njit(nogil=True, cache=True)
def _cascade(targets, above, callers, below, callees, ratio, chance, rounds, precision):
    """Rounds over the nodes that something has changed for; above, below: where the callers and calls of each begin."""
    n = chance.shape[1]
    queue, waiting = np.empty(n + 1, np.int64), np.zeros(n, np.bool_)
    for k in range(targets.shape[0]):
        mine = chance[k]
        mine[targets[k]] = 1.0
        head, tail, done = 0, 0, 0
        for e in range(above[targets[k]], above[targets[k] + 1]):
            c = callers[e]
            if c != targets[k] and not waiting[c]:
                waiting[c] = True
                queue[tail] = c
                tail = (tail + 1) % (n + 1)
        while head != tail and done < rounds * n:
            i = queue[head]
            head = (head + 1) % (n + 1)
            waiting[i] = False
            done += 1
            surviving = 1.0
            for e in range(below[i], below[i + 1]):
                surviving *= 1.0 - ratio[e] * mine[callees[e]]
            if 1.0 - surviving - mine[i] <= precision:
                continue
            mine[i] = 1.0 - surviving
            for e in range(above[i], above[i + 1]):
                c = callers[e]
                if c != targets[k] and not waiting[c]:
                    waiting[c] = True
                    queue[tail] = c
                    tail = (tail + 1) % (n + 1)
        while head != tail:
            waiting[queue[head]] = False
            head = (head + 1) % (n + 1)
