"""Explaining away on the call graph: what a node shows because of one it calls is no sign of its own fault.

Latency and errors travel from callee to caller. Own time, gaps and errors are already what is left after the
callees; logs and metrics are not, so a caller's are discounted by the strength of the nodes behind it. The graph
is a prior, never a filter: a discount is at most `_DISCOUNT_MAX`, and a service without traces keeps its score.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from analytics.rootcause.combine import Strengths, scores
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.mentions import mentions
from analytics.world import World

_DISCOUNT_MAX = 0.8
_HOPS_MAX = 4
CHAIN_MIN = 0.3  # a smaller discount is no explanation
_FADE = 0.9  # per hop
_PASSED_ON = ("logs", "metrics")  # families that do not separate a node's own share themselves
_LEFT_OVER = ("self_time", "errors", "metric_latency", "metric_failing")  # these do, but imperfectly
_LEFT_OVER_PART = 0.4


@dataclass(frozen=True, slots=True)
class Explained:
    """Strengths after explaining away, and by whom: `by[i]` is the index of the node behind i, -1 if none."""

    strength: np.ndarray
    discount: np.ndarray
    by: np.ndarray

    def root(self, node: int) -> int:
        """The node at the end of the chain of explanations; the node itself where nothing explains it."""
        seen = {node}
        while self.by[node] >= 0 and int(self.by[node]) not in seen and self.discount[node] > CHAIN_MIN:
            node = int(self.by[node])
            seen.add(node)
        return node


class Graph:
    """Who calls whom, over window and baseline, between the entities of a diagnosis; see `mentions` too."""

    def __init__(self, world: World, entities: np.ndarray) -> None:
        self.entities = entities
        self.place = {str(name): i for i, name in enumerate(entities)}
        self.callees: list[set[int]] = [set() for _ in entities]
        self.callers: list[set[int]] = [set() for _ in entities]
        for caller, callee in world.edge_series.keys:
            i, j = self.place.get(str(caller)), self.place.get(str(callee))
            if i is not None and j is not None and i != j:
                self._add(i, j)
        told = [(self.place[one], self.place[other]) for one, other in mentions(world, list(self.place))]
        behind = {i: set(self.behind(i, hops_max=len(entities))) for i in {other for _, other in told}}
        for i, j in told:
            if i not in behind[j]:  # who is called may name its callers too
                self._add(i, j)

    def _add(self, caller: int, callee: int) -> None:
        self.callees[caller].add(callee)
        self.callers[callee].add(caller)

    def behind(self, start: int, *, hops_max: int = _HOPS_MAX) -> dict[int, int]:
        """Node -> hops, for all nodes that `start` calls directly or through others."""
        return _distances(self.callees, start, hops_max)

    def path(self, start: int, goals: dict[int, float]) -> tuple[str, ...]:
        """The shortest way up the callers from a cause to the worst affected goal it reaches."""
        before: dict[int, int] = {start: -1}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for caller in sorted(self.callers[node]):
                if caller not in before:
                    before[caller] = node
                    queue.append(caller)
        reached = [goal for goal in goals if goal in before]
        if not reached:
            return (str(self.entities[start]),)
        node = min(reached, key=lambda goal: (goals[goal], str(self.entities[goal])))
        way = [node]
        while before[way[-1]] >= 0:
            way.append(before[way[-1]])
        return tuple(str(self.entities[step]) for step in reversed(way))


def _distances(neighbours: list[set[int]], start: int, hops_max: int) -> dict[int, int]:
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if found[node] < hops_max:
            for other in neighbours[node]:
                if other not in found:
                    found[other] = found[node] + 1
                    queue.append(other)
    del found[start]
    return found


def explain_away(graph: Graph, found: Strengths) -> Explained:
    """Discount each node by the strongest one behind it, as far as that one is about as strong itself."""
    raw = scores(found.strength)
    names = [registered.name for registered in FAMILIES]
    passed_on = np.array(
        [1.0 if name in _PASSED_ON else _LEFT_OVER_PART if name in _LEFT_OVER else 0.0 for name in names]
    )
    discount, by = np.zeros(len(raw)), np.full(len(raw), -1)
    for node in np.flatnonzero(raw > 0):
        for other, hops in graph.behind(int(node)).items():
            if int(node) in graph.callees[other] or raw[other] <= 0:
                continue  # in a cycle neither explains the other
            part = _DISCOUNT_MAX * min(1.0, raw[other] / raw[node]) * _FADE ** (hops - 1)
            if part > discount[node]:
                discount[node], by[node] = part, other
    return Explained(found.strength * (1.0 - discount[:, None] * passed_on[None, :]), discount, by)
