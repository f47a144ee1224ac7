"""Impact for other tools: CSV, and the call graph with each node's impact as DOT and GraphML."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import networkx as nx

from analytics.callgraph.documents import SHAPES, STYLES, dot_head, graphml, quoted
from analytics.callgraph.graph import CallGraph
from analytics.frames import records_of
from analytics.impact.diff import ImpactChange
from analytics.impact.scores import WEIGHTS, ServiceImpact
from causeway.errors import ConfigError

DOCUMENTS = ("csv", "dot", "graphml")
# From white to a dark red, so that the label stays readable.
_DARKEST = 0.75


def document(graph: CallGraph, impacts: Sequence[ServiceImpact], kind: str) -> str:
    """The impacts in one of DOCUMENTS; ConfigError for another kind."""
    if kind == "csv":
        return impacts_csv(impacts)
    if kind == "dot":
        return _dot(graph, impacts)
    if kind == "graphml":
        return graphml(_with_impacts(graph, impacts))
    raise ConfigError(f"--format: no {kind!r}; known: table, json, {', '.join(DOCUMENTS)}")


def impacts_csv(impacts: Sequence[ServiceImpact]) -> str:
    """One line per node, with the value of each part; what is unknown is empty."""
    heading = ["service", "type", "impact", "fan_in", "fan_in_all", "fan_out", "fan_out_all"]
    rows = []
    for one in impacts:
        values = {part.name: part.value for part in one.parts}
        fans = [one.fan_in.direct, one.fan_in.transitive, one.fan_out.direct, one.fan_out.transitive]
        rows.append([one.service, one.type, one.impact, *fans, *(_plain(values.get(name)) for name in WEIGHTS)])
    return _csv([*heading, *WEIGHTS], rows)


def changes_csv(changes: Sequence[ImpactChange]) -> str:
    """One line per node of either window."""
    rows = [
        [one.service, one.type, one.status, _plain(one.before), _plain(one.after), _plain(one.change)]
        for one in changes
    ]
    return _csv(["service", "type", "status", "before", "after", "change"], rows)


def _csv(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return out.getvalue()


def _plain(value: float | None) -> object:
    return "" if value is None else round(value, 6)


def _dot(graph: CallGraph, impacts: Sequence[ServiceImpact]) -> str:
    """The calls, each node the redder the more it matters."""
    lines = dot_head("impact")
    for one in impacts:
        share = one.impact / 100.0
        colour = f"0.0 {share * _DARKEST:.3f} 1.0"  # hue, saturation, value
        label = quoted(f"{one.service}\n{one.impact:.0f}")
        lines.append(
            f'  {quoted(one.service)} [label={label}, shape={SHAPES[one.type]}, style=filled, fillcolor="{colour}"];'
        )
    for edge in records_of(graph.edges):
        style = STYLES.get(edge["kind"], "solid")
        lines.append(f'  {quoted(edge["caller"])} -> {quoted(edge["callee"])} [style="{style}"];')
    return "\n".join([*lines, "}"]) + "\n"


def _with_impacts(graph: CallGraph, impacts: Sequence[ServiceImpact]) -> nx.MultiDiGraph[str]:
    found = graph.to_networkx()
    for one in impacts:
        known = {part.name: part.value for part in one.parts if part.value is not None}
        found.nodes[one.service].update(
            {"impact": one.impact, **{f"impact_{name}": value for name, value in known.items()}}
        )
    return found
