"""What changed between two windows, for other tools: DOT, GraphML and CSV."""

from __future__ import annotations

import networkx as nx

from analytics.callgraph.diff import GraphDiff, statuses
from analytics.callgraph.documents import STYLES, dot_head, graphml, quoted
from analytics.frames import records_of
from causeway.errors import ConfigError
from causeway.messages import quantity

COLOURS = {"new": "#15803d", "removed": "#b91c1c", "changed": "#b45309"}
_USUAL = "#9ca3af"
_UNITS = {"rate": ("calls_per_s", "/s"), "errors": ("error_ratio", "%"), "latency": ("latency_ms_mean", "ms")}


def to_dot(diff: GraphDiff) -> str:
    """Both graphs in one drawing: what came is green, what went red and dashed, what changed amber, the rest grey."""
    lines = dot_head("causeway_diff")
    for node in records_of(diff.nodes):
        colour = COLOURS.get(node["status"], _USUAL)
        lines.append(f'  {quoted(node["id"])} [shape=box, color="{colour}"];')
    for edge in records_of(diff.edges):
        colour = COLOURS.get(edge["status"], _USUAL)
        style = "dashed" if edge["status"] == "removed" else STYLES.get(edge["kind"], "solid")
        label = "\n".join(
            f"{quantity(edge[f'{name}_before'], unit)} → {quantity(edge[f'{name}_after'], unit)}"
            for name, unit in (_UNITS[aspect] for aspect in edge["changes"])
        )
        lines.append(
            f"  {quoted(edge['caller'])} -> {quoted(edge['callee'])} "
            f'[style={style}, color="{colour}", fontcolor="{colour}", label={quoted(label)}];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def to_graphml(diff: GraphDiff) -> str:
    """Nodes and edges of both windows with `status` and all numbers; a missing number is left out."""
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for row in records_of(diff.nodes):
        graph.add_node(row.pop("id"), **row)
    for row in records_of(diff.edges):
        row["changes"] = " ".join(row["changes"])
        graph.add_edge(row.pop("caller"), row.pop("callee"), **row)
    return graphml(graph)


def to_csv(diff: GraphDiff) -> str:
    """All edges as CSV with a heading line, those that came, went and changed first."""
    edges = statuses(diff, ("new", "removed", "changed", "too_few", "same"))
    edges = edges.assign(changes=[" ".join(found) for found in edges["changes"]])
    return str(edges.to_csv(index=False, lineterminator="\n"))


DOCUMENTS = {"dot": to_dot, "graphml": to_graphml, "csv": to_csv}


def document(diff: GraphDiff, kind: str) -> str:
    """The changes in one of `DOCUMENTS`; ConfigError for another kind."""
    if kind not in DOCUMENTS:
        raise ConfigError(f"--format: no {kind!r}; known: table, json, {', '.join(DOCUMENTS)}")
    return DOCUMENTS[kind](diff)
