"""How requests spread over a call graph: entry share by propagation, and personalised PageRank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import WITHIN, Level

DAMPING = 0.85  # as in Page, Brin, Motwani, Winograd: The PageRank Citation Ranking, Stanford 1999
ROUNDS_MAX = 1000
PRECISION = 1e-10


@dataclass(frozen=True, slots=True)
class Flow:
    """The graph as numbers, nodes as in `names` (ascending); edges summed over kind and protocol.

    caller, callee: (e,) node numbers; calls: (e,); asynchronous: (e,) bool, most of them are not waited for. served:
    (n,) inbound requests, at least those of the edges. entry: (n,) entry requests.
    """

    names: tuple[str, ...]
    caller: np.ndarray
    callee: np.ndarray
    calls: np.ndarray
    asynchronous: np.ndarray
    served: np.ndarray
    entry: np.ndarray


def flow_of(graph: CallGraph) -> Flow:
    """The Flow of a call graph. Calls of a node to itself are left out: they reach nobody new."""
    names = tuple(sorted(graph.nodes["id"]))
    place = {name: i for i, name in enumerate(names)}
    kind = graph.edges["kind"] if "kind" in graph.edges else pd.Series("sync", index=graph.edges.index)
    seen = graph.edges["calls"]
    edges = graph.edges[["caller", "callee", "calls"]].assign(
        behind=seen.where(kind != "sync", 0), asked=seen.where(kind != "link", 0)
    )
    pairs = edges.groupby(["caller", "callee"], as_index=False)[["calls", "behind", "asked"]].sum()
    pairs = pairs[pairs["caller"] != pairs["callee"]]
    caller = pairs["caller"].map(place).to_numpy(dtype=np.int64)
    callee = pairs["callee"].map(place).to_numpy(dtype=np.int64)
    calls = pairs["calls"].to_numpy(dtype=np.float64)
    entry = _entries(graph, place)
    own = graph.nodes.set_index("id")["calls"].reindex(list(names)).to_numpy(dtype=np.float64)
    # Many links may lead to one request, which is counted where it came in.
    asked = pairs["asked"].to_numpy(dtype=np.float64)
    served = np.maximum(own, np.bincount(callee, weights=asked, minlength=len(names)) + entry)
    behind = pairs["behind"].to_numpy(dtype=np.float64) * 2 > calls
    return Flow(names, caller, callee, calls, behind, served, entry)


def _entries(graph: CallGraph, place: Mapping[str, int]) -> np.ndarray:
    """(n,) entry requests; below services shared out over a service's entry nodes by their calls."""
    entry = np.zeros(len(place))
    points = graph.entries
    if graph.level is Level.SERVICE:
        np.add.at(entry, points["service"].map(place).to_numpy(dtype=np.int64), points["calls"].to_numpy(np.float64))
        return entry
    if graph.level is Level.OPERATION:
        where = (points["service"] + WITHIN + points["operation"]).map(place)
        known = where.notna().to_numpy()
        np.add.at(entry, where[known].to_numpy(np.int64), points["calls"].to_numpy(np.float64)[known])
        return entry
    nodes = graph.nodes[graph.nodes["entry"]]
    wanted = points.groupby("service")["calls"].sum()
    part = nodes["calls"] / nodes.groupby("service")["calls"].transform("sum").clip(lower=1)
    calls = (part * nodes["service"].map(wanted).fillna(0)).to_numpy(np.float64)
    np.add.at(entry, nodes["id"].map(place).to_numpy(np.int64), calls)
    return entry


def entry_shares(flow: Flow) -> np.ndarray | None:
    """(n,) estimated share of entry requests that touch each node; None when there were no entry requests.

    From each entry service the chance to be touched spreads along the edges by calls per request, at most one
    per edge and at most one per node, until it no longer changes. It is an upper bound where requests reach a
    node by several ways; it never exceeds the node's own requests over all entry requests. Rings converge,
    for chances only grow and stop at one.
    """
    total = flow.entry.sum()
    if total <= 0:
        return None
    sources = np.flatnonzero(flow.entry)
    ratio = np.minimum(flow.calls / np.maximum(flow.served[flow.caller], 1.0), 1.0)[:, None]
    chance = np.zeros((len(flow.names), len(sources)))
    for _ in range(ROUNDS_MAX):
        spread = np.zeros_like(chance)
        np.add.at(spread, flow.callee, ratio * chance[flow.caller])
        spread[sources, np.arange(len(sources))] = 1.0
        np.minimum(spread, 1.0, out=spread)
        change = np.abs(spread - chance).max(initial=0.0)
        chance = spread
        if change < PRECISION:
            break
    shares = chance @ (flow.entry[sources] / total)
    return np.minimum(shares, flow.served / total)


def pagerank(flow: Flow) -> np.ndarray:
    """(n,) PageRank that starts at the entries in proportion to their requests; edges weigh by calls. Sums to
    1.

    Without entries every node is a start. A node that calls nobody sends its weight back to the starts.
    """
    n = len(flow.names)
    if n == 0:
        return np.zeros(0)
    total = flow.entry.sum()
    start = flow.entry / total if total > 0 else np.full(n, 1.0 / n)
    out = np.bincount(flow.caller, weights=flow.calls, minlength=n)
    ratio = flow.calls / np.maximum(out[flow.caller], 1e-12)
    rank = start.copy()
    for _ in range(ROUNDS_MAX):
        passed = np.bincount(flow.callee, weights=ratio * rank[flow.caller], minlength=n)
        stranded = rank[out == 0].sum()
        following = DAMPING * (passed + stranded * start) + (1.0 - DAMPING) * start
        change = np.abs(following - rank).sum()
        rank = following
        if change < PRECISION:
            break
    return rank
