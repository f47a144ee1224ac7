"""The neighbourhood of one service in a call graph."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analytics.callgraph.diff import GraphDiff
from analytics.callgraph.graph import CallGraph
from causeway.errors import ConfigError

NAMED_MAX = 10


def neighbourhood(graph: CallGraph, service: str, hops: int) -> CallGraph:
    """The part of the graph within so many calls of a service's nodes, in both directions.

    Depths, entry shares and coverage stay those of the whole graph; rings are those with all members inside. Raises
    ConfigError where the graph has no such service or node.
    """
    nodes = graph.nodes
    near = _near(graph.edges, _named(nodes, service), hops)
    inside = graph.edges["caller"].isin(near) & graph.edges["callee"].isin(near)
    kept = nodes[nodes["id"].isin(near)]
    return replace(
        graph,
        nodes=kept.reset_index(drop=True),
        edges=graph.edges[inside].reset_index(drop=True),
        entries=graph.entries[graph.entries["service"].isin(set(kept["service"]))].reset_index(drop=True),
        cycles=tuple(ring for ring in graph.cycles if near.issuperset(ring)),
    )


def changes_near(diff: GraphDiff, service: str, hops: int) -> GraphDiff:
    """The part of a comparison within so many calls of a service. Raises ConfigError where neither window has it."""
    start = _named(diff.nodes, service)
    near = _near(diff.edges, start, hops)
    inside = diff.edges["caller"].isin(near) & diff.edges["callee"].isin(near)
    nodes = diff.nodes[diff.nodes["id"].isin(near)]
    return replace(diff, edges=diff.edges[inside].reset_index(drop=True), nodes=nodes.reset_index(drop=True))


def _named(nodes: pd.DataFrame, service: str) -> set[str]:
    found = set(nodes[(nodes["service"] == service) | (nodes["id"] == service)]["id"])
    if not found:
        some = ", ".join(sorted(set(nodes["service"]))[:NAMED_MAX])
        raise ConfigError(f"no service {service!r} in this window; there are {some or 'none'}")
    return found


def _near(edges: pd.DataFrame, start: set[str], hops: int) -> set[str]:
    near = set(start)
    for _ in range(hops):
        reached = edges["caller"].isin(near) | edges["callee"].isin(near)
        wider = near | set(edges[reached]["caller"]) | set(edges[reached]["callee"])
        if wider == near:
            break
        near = wider
    return near
