"""The call graph as tables, DOT, GraphML and CSV."""

from __future__ import annotations

import io

import networkx as nx

from analytics.callgraph.graph import CallGraph
from analytics.frames import records_of
from analytics.output import Column, Page
from causeway.errors import ConfigError
from causeway.findings import Message
from causeway.messages import MISSING, quantity
from causeway.window import iso

# What a narrow terminal does without.
_SPARE = ("protocol", "calls", "p95", "gap", "new")
_SHAPES = {"service": "box", "database": "cylinder", "queue": "cds", "external": "octagon", "entry": "circle"}


def show_graph(graph: CallGraph, page: Page) -> None:
    """Nodes, edges, entry points, cycles and coverage as tables."""
    window = graph.window
    page.line(_message("title", **{"from": iso(window.start_ns), "to": iso(window.end_ns)}), style="bold")
    if not len(graph.nodes):
        page.line(_message("none"))
        return
    _show_nodes(graph, page)
    _show_edges(graph, page)
    _show_entries(graph, page)
    page.line("")
    if graph.cycles:
        rings = "; ".join(" ↔ ".join(cycle) + (" ↺" if len(cycle) == 1 else "") for cycle in graph.cycles)
        page.line(_message("cycles", rings=rings), style="yellow")
    page.line(_coverage_message(graph))
    if graph.coverage.silent:
        page.line(_message("silent", services=", ".join(graph.coverage.silent)), style="yellow")


def to_dot(graph: CallGraph) -> str:
    """The graph in Graphviz' language, left to right."""
    lines = ["digraph causeway {", "  rankdir=LR;", "  node [fontname=sans-serif];"]
    lines += [f"  {_quoted(node['id'])} [shape={_SHAPES[node['type']]}];" for node in records_of(graph.nodes)]
    for edge in records_of(graph.edges):
        style = "dashed" if edge["kind"] == "async" else "solid"
        label = f"{quantity(edge['calls_per_s'], '/s')}\\n{quantity(edge['latency_ms_p50'], 'ms')}"
        ends = f"{_quoted(edge['caller'])} -> {_quoted(edge['callee'])}"
        lines.append(f'  {ends} [style={style}, label="{label}"];')
    return "\n".join([*lines, "}"]) + "\n"


def to_graphml(graph: CallGraph) -> str:
    """The graph as GraphML; a missing number is left out."""
    bare: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    known = graph.to_networkx()
    for name, values in known.nodes(data=True):
        bare.add_node(name, **{key: value for key, value in values.items() if value is not None})
    for caller, callee, values in known.edges(data=True):
        bare.add_edge(caller, callee, **{key: value for key, value in values.items() if value is not None})
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


def _show_nodes(graph: CallGraph, page: Page) -> None:
    page.heading(_message("nodes", count=len(graph.nodes)))
    names = ("node", "type", "entry", "calls", "rate", "errors", "p50", "p95", "p99")
    columns = [Column(_message(f"column_{name}"), number=i > 2, spare=name in _SPARE) for i, name in enumerate(names)]
    nodes = graph.nodes.sort_values(["calls", "id"], ascending=[False, True])
    rows = [
        (
            node["id"],
            page.words(_message(f"type_{node['type']}")),
            page.words(_message("yes")) if node["entry"] else "",
            f"{node['calls']:,}",
            quantity(node["calls_per_s"], "/s"),
            _share(node["error_ratio"]),
            *_latencies(node),
        )
        for node in records_of(nodes)
    ]
    page.table(columns, rows)


def _show_edges(graph: CallGraph, page: Page) -> None:
    page.heading(_message("edges", count=len(graph.edges)))
    names = ("caller", "callee", "kind", "protocol", "calls", "rate", "errors", "p50", "p95", "p99", "gap", "new")
    columns = [
        Column(_message("new" if name == "new" else f"column_{name}"), number=3 < i < 11, spare=name in _SPARE)
        for i, name in enumerate(names)
    ]
    rows = [
        (
            edge["caller"],
            edge["callee"],
            page.words(_message(f"kind_{edge['kind']}")),
            edge["protocol"] or MISSING,
            f"{edge['calls']:,}",
            quantity(edge["calls_per_s"], "/s"),
            _share(edge["error_ratio"]),
            *_latencies(edge),
            quantity(edge["gap_ms_mean"], "ms"),
            page.words(_message("yes")) if edge["new"] else "",
        )
        for edge in records_of(graph.edges)
    ]
    page.table(columns, rows)


def _show_entries(graph: CallGraph, page: Page) -> None:
    page.heading(_message("entries", count=len(graph.entries)))
    names = ("service", "operation", "calls", "share", "errors", "mean")
    columns = [Column(_message(f"column_{name}"), number=i > 1) for i, name in enumerate(names)]
    rows = [
        (
            entry["service"],
            entry["operation"],
            f"{entry['calls']:,}",
            _share(entry["share"]),
            _share(entry["error_ratio"]),
            quantity(entry["latency_ms_mean"], "ms"),
        )
        for entry in records_of(graph.entries)
    ]
    page.table(columns, rows)


def _latencies(row: dict[str, float | None]) -> tuple[str, str, str]:
    p50, p95, p99 = (quantity(row[f"latency_ms_{name}"], "ms") for name in ("p50", "p95", "p99"))
    return p50, p95, p99


def _share(ratio: float | None) -> str:
    return quantity(ratio, "%")


def _coverage_message(graph: CallGraph) -> Message:
    coverage = graph.coverage
    if coverage.linked_ratio is None:
        return _message("coverage_unlinked", spans=f"{coverage.spans:,}")
    return _message(
        "coverage",
        spans=f"{coverage.spans:,}",
        linked=coverage.linked_ratio,
        orphans=f"{coverage.orphans:,}",
        skewed=f"{coverage.skewed:,}",
    )


def _message(name: str, **values: str | int | float | None) -> Message:
    return Message(f"graph.{name}", values)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
