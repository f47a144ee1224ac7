"""How far from the entry points each node is, and the longest chains of calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx
import pandas as pd

# A chain is a tuple of steps, each the names of one node, or of all nodes of a ring that is walked through.
Chain = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Depths:
    """nearest, farthest: calls from an entry point to each node that one reaches, on the shortest and the longest way.

    The longest way walks a ring once through all its members, so within and behind rings it is an upper bound.
    longest: the chain from an entry with the most nodes. waiting: the same over synchronous calls only, which wait for
    each other: the critical depth is its number of calls. Ties by name; empty without an entry point.
    """

    nearest: dict[str, int]
    farthest: dict[str, int]
    longest: Chain
    waiting: Chain


NO_DEPTHS = Depths({}, {}, (), ())


def chain_calls(chain: Chain) -> int:
    """How many calls one behind another the chain is."""
    return max(sum(len(step) for step in chain) - 1, 0)


def depths(edges: pd.DataFrame, entries: Iterable[str]) -> Depths:
    """The depths of a graph given by `caller`, `callee` and `kind`. O(nodes + edges)."""
    starts = set(entries)
    pairs = set(edges[["caller", "callee"]].itertuples(index=False, name=None))
    sync = edges[edges["kind"] == "sync"] if "kind" in edges else edges
    waited = set(sync[["caller", "callee"]].itertuples(index=False, name=None))
    farthest, longest = _farthest(pairs, starts)
    return Depths(_nearest(pairs, starts), farthest, longest, _farthest(waited, starts)[1])


def _graph(pairs: Iterable[tuple[str, str]], starts: Iterable[str]) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(starts))
    graph.add_edges_from(sorted(pairs))
    return graph


def _nearest(pairs: set[tuple[str, str]], starts: set[str]) -> dict[str, int]:
    graph = _graph(pairs, starts)
    found, ahead, calls = dict.fromkeys(sorted(starts), 0), sorted(starts), 0
    while ahead:
        calls += 1
        ahead = sorted({callee for name in ahead for callee in graph[name] if callee not in found})
        found |= dict.fromkeys(ahead, calls)
    return found


def _farthest(pairs: set[tuple[str, str]], starts: set[str]) -> tuple[dict[str, int], Chain]:
    """The longest way to each node, with rings as single steps, and the longest of all."""
    graph = _graph(pairs, starts)
    rings = nx.condensation(graph)
    members = {ring: tuple(sorted(names)) for ring, names in rings.nodes(data="members")}
    best: dict[int, int] = {}
    before: dict[int, int] = {}
    for ring in nx.lexicographical_topological_sort(rings, key=lambda ring: members[ring]):
        came = [one for one in sorted(rings.predecessors(ring), key=lambda one: members[one]) if one in best]
        if came:
            before[ring] = max(came, key=lambda one: best[one])
            best[ring] = best[before[ring]] + len(members[ring])
        elif starts & set(members[ring]):
            best[ring] = len(members[ring]) - 1
    farthest = {name: calls for ring, calls in best.items() for name in members[ring]}
    if not best:
        return farthest, ()
    last: int | None = min(best, key=lambda ring: (-best[ring], members[ring]))
    chain: list[tuple[str, ...]] = []
    while last is not None:
        chain.append(members[last])
        last = before.get(last)
    return farthest, tuple(reversed(chain))
