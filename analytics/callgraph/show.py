"""The call graph as tables for people."""

from __future__ import annotations

from analytics.callgraph.coverage import coverage_message, coverage_notes
from analytics.callgraph.depth import Chain, chain_calls
from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import Level
from analytics.frames import records_of
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.messages import MISSING, quantity
from causeway.window import iso

# What a narrow terminal does without.
_SPARE = ("protocol", "calls", "p95", "gap", "lag", "depth", "new")


def show_graph(graph: CallGraph, page: Page) -> None:
    """Nodes, edges, entry points, depth, cycles and coverage as tables."""
    window = graph.window
    page.line(_message("title", **{"from": iso(window.start_ns), "to": iso(window.end_ns)}), style="bold")
    if not len(graph.nodes):
        page.line(_message("none"))
        return
    _show_nodes(graph, page)
    _show_edges(graph, page)
    _show_entries(graph, page)
    page.line("")
    _show_depth(graph, page)
    if graph.cycles:
        rings = "; ".join(" ↔ ".join(cycle) + (" ↺" if len(cycle) == 1 else "") for cycle in graph.cycles)
        page.line(_message("cycles", rings=rings), style="yellow")
    show_coverage(graph, page)


def show_coverage(graph: CallGraph, page: Page) -> None:
    """How complete the graph is, and what in it is estimated."""
    page.line(coverage_message(graph.coverage))
    for note in coverage_notes(graph.coverage):
        page.line(note)
    if graph.level is not Level.SERVICE:
        page.line(Message("callgraph.finer"))
    if graph.coverage.silent:
        page.line(_message("silent", services=", ".join(graph.coverage.silent)), style="yellow")


def _show_depth(graph: CallGraph, page: Page) -> None:
    found = graph.depths
    if not found.longest:
        return
    page.line(Message("callgraph.longest", {"calls": chain_calls(found.longest), "chain": _chain(found.longest)}))
    if found.waiting and found.waiting != found.longest:
        page.line(Message("callgraph.waiting", {"calls": chain_calls(found.waiting), "chain": _chain(found.waiting)}))


def _chain(chain: Chain) -> str:
    return " → ".join(step[0] if len(step) == 1 else f"({' ↔ '.join(step)})" for step in chain)


def _show_nodes(graph: CallGraph, page: Page) -> None:
    page.heading(_message("nodes", count=len(graph.nodes)))
    names = ("node", "type", "entry", "depth", "calls", "rate", "errors", "mean", "p50", "p95", "p99")
    columns = [Column(_title(name), number=i > 2, spare=name in _SPARE) for i, name in enumerate(names)]
    nodes = graph.nodes.sort_values(["calls", "id"], ascending=[False, True])
    rows = [
        (
            node["id"],
            page.words(_message(f"type_{node['type']}")),
            page.words(_message("yes")) if node["entry"] else "",
            _depth(node["depth_min"], node["depth_max"]),
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
    names = ["caller", "callee", "kind", "protocol", "calls", "rate", "errors", "mean", "p50", "p95", "p99", "gap"]
    if graph.level is not Level.SERVICE:
        names = [name for name in names if name not in {"protocol", "p50", "p95", "p99", "gap"}]
    names += ["lag"] if graph.edges["lag_ms_mean"].notna().any() else []
    columns = [
        Column(_title(name), number=name not in {"caller", "callee", "kind", "protocol"}, spare=name in _SPARE)
        for name in names
    ]
    columns.append(Column(_message("new"), spare=True))
    rows = []
    for edge in records_of(graph.edges):
        cells = {
            "caller": edge["caller"],
            "callee": edge["callee"],
            "kind": page.words(_kind(edge["kind"])),
            "protocol": edge["protocol"] or MISSING,
            "calls": f"{edge['calls']:,}",
            "rate": quantity(edge["calls_per_s"], "/s"),
            "errors": _share(edge["error_ratio"]),
            **dict(zip(("mean", "p50", "p95", "p99"), _latencies(edge), strict=True)),
            "gap": quantity(edge["gap_ms_mean"], "ms"),
            "lag": quantity(edge["lag_ms_mean"], "ms"),
        }
        rows.append([*(cells[name] for name in names), page.words(_message("yes")) if edge["new"] else ""])
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


def _title(name: str) -> Message:
    return Message(f"callgraph.column_{name}") if name in {"depth", "lag"} else _message(f"column_{name}")


def _kind(kind: str) -> Message:
    return Message("callgraph.kind_link") if kind == "link" else _message(f"kind_{kind}")


def _depth(least: int | None, most: int | None) -> str:
    if least is None:
        return MISSING
    return str(least) if least == most else f"{least}-{most}"


def _latencies(row: dict[str, float | None]) -> tuple[str, str, str, str]:
    mean, p50, p95, p99 = (quantity(row[f"latency_ms_{name}"], "ms") for name in ("mean", "p50", "p95", "p99"))
    return mean, p50, p95, p99


def _share(ratio: float | None) -> str:
    return quantity(ratio, "%")


def _message(name: str, **values: str | int | float | None) -> Message:
    return Message(f"graph.{name}", values)
