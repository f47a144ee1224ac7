"""The call graph for other tools: DOT, GraphML and CSV."""

from __future__ import annotations

import io
import re
from typing import Any

import networkx as nx

from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import WITHIN, Level
from analytics.frames import records_of
from causeway.errors import ConfigError
from causeway.messages import quantity

SHAPES = {"service": "box", "database": "cylinder", "queue": "cds", "external": "octagon", "entry": "circle"}
STYLES = {"async": "dashed", "link": "dotted"}
# Above this an edge is drawn in red: the share of errors from which a patrol warns.
ERRORS_RED = 0.01
# XML 1.0 has no place for these, however they are written.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def to_dot(graph: CallGraph) -> str:
    """The graph in Graphviz' language, left to right; below services, one box around the nodes of each.

    Edges: asynchronous dashed, links dotted, failing ones red, new ones bold; wider with more calls.
    """
    lines = dot_head("causeway")
    by_service: dict[str, list[str]] = {}
    for node in records_of(graph.nodes):
        border = ", penwidth=2" if node["entry"] else ""
        shown = f"  {quoted(node['id'])} [label={quoted(_short(node))}, shape={SHAPES[node['type']]}{border}];"
        by_service.setdefault(node["service"], []).append(shown)
    for number, (service, shown_nodes) in enumerate(sorted(by_service.items())):
        boxed = graph.level is not Level.SERVICE and len(shown_nodes) > 1
        if boxed:
            lines += [f"  subgraph cluster_{number} {{", f"    label={quoted(service)}; color=gray; fontcolor=gray40;"]
        lines += [f"  {line}" for line in shown_nodes] if boxed else shown_nodes
        lines += ["  }"] if boxed else []
    most = float(graph.edges["calls_per_s"].max()) if len(graph.edges) else 0.0
    for edge in records_of(graph.edges):
        latency = edge["latency_ms_p50"] if edge["latency_ms_p50"] is not None else edge["latency_ms_mean"]
        failing = (edge["error_ratio"] or 0.0) >= ERRORS_RED
        label = [quantity(edge["calls_per_s"], "/s"), quantity(latency, "ms")]
        label += [quantity(edge["error_ratio"], "%")] if failing else []
        width = 1.0 + (2.0 * (edge["calls_per_s"] / most) ** 0.5 if most > 0 else 0.0)
        style = STYLES.get(edge["kind"], "solid") + (",bold" if edge["new"] else "")
        colour = ', color="#b91c1c", fontcolor="#b91c1c"' if failing else ""
        lines.append(
            f"  {quoted(edge['caller'])} -> {quoted(edge['callee'])} "
            f'[style="{style}", penwidth={width:.2f}, label={quoted(chr(10).join(label))}{colour}];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def dot_head(name: str) -> list[str]:
    """The first lines of a drawing."""
    return [
        f"digraph {name} {{",
        "  graph [rankdir=LR, nodesep=0.3, ranksep=0.8, fontname=sans-serif];",
        "  node [fontname=sans-serif, fontsize=11];",
        "  edge [fontname=sans-serif, fontsize=9, arrowsize=0.7];",
    ]


def quoted(text: str) -> str:
    """A name or label as Graphviz reads it; a line break stays one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", " ")
    return f'"{escaped}"'


def to_graphml(graph: CallGraph) -> str:
    """The graph as GraphML; a missing number is left out."""
    return graphml(graph.to_networkx())


def graphml(known: nx.MultiDiGraph[str]) -> str:
    """Any graph as GraphML: typed attributes, a `label` for each node and an own id for each edge."""
    bare: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for name, values in known.nodes(data=True):
        bare.add_node(_clean(name), label=_clean(name), **_attributes(values))
    for number, (caller, callee, values) in enumerate(known.edges(data=True)):
        bare.add_edge(_clean(caller), _clean(callee), key=f"e{number}", **_attributes(values))
    out = io.BytesIO()
    nx.write_graphml_xml(bare, out)
    return out.getvalue().decode()


def to_csv(graph: CallGraph) -> str:
    """The edges as CSV with a heading line."""
    return str(graph.edges.to_csv(index=False, lineterminator="\n"))


DOCUMENTS = {"dot": to_dot, "graphml": to_graphml, "csv": to_csv}


def document(graph: CallGraph, kind: str) -> str:
    """The graph in one of `DOCUMENTS`; ConfigError for another kind."""
    if kind not in DOCUMENTS:
        raise ConfigError(f"--format: no {kind!r}; known: table, json, {', '.join(DOCUMENTS)}")
    return DOCUMENTS[kind](graph)


def _short(node: dict[str, Any]) -> str:
    """The name within its service, with the service above it."""
    service, within, part = str(node["id"]).partition(WITHIN)
    return f"{service}\n{part}" if within else service


def _attributes(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _clean(value) if isinstance(value, str) else value for name, value in values.items() if value is not None
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
