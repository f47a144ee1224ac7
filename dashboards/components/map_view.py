"""From the call graph and its findings to boxes, arrows and the table twin of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from analytics.callgraph.graph import CallGraph
from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.service_map import MapEdge, MapNode
from dashboards.components.tables import Column, Row, number
from dashboards.judged import Judged
from dashboards.readings import rows_of
from dashboards.view import View

# Above this the map shows what needs attention with its neighbours, and says so.
NODES_MAX = 60
HOPS_MAX = 3


@dataclass(frozen=True, slots=True)
class MapShown:
    """Which nodes are drawn; `hidden` says how many are not."""

    names: frozenset[str]
    hidden: int = 0
    focus: str = ""
    hops: int = 0


def choose_shown(
    graph: CallGraph, health: Judged, *, focus: str = "", hops: str = "", everything: bool = False
) -> MapShown:
    """A neighbourhood, everything, or (above NODES_MAX) what is off with its neighbours, filled up by traffic."""
    names = graph.nodes["id"].astype(str).tolist()
    if focus and focus in names:
        reach = int(hops) if hops.isdigit() and 1 <= int(hops) <= HOPS_MAX else 1
        near = _within(graph, {focus}, reach)
        return MapShown(frozenset(near), len(names) - len(near), focus, reach)
    if everything or len(names) <= NODES_MAX:
        return MapShown(frozenset(names))
    off = sorted(name for name in names if health.verdict(name).rank >= Verdict.WARNING.rank)
    entries = graph.nodes.loc[graph.nodes["entry"].to_numpy(dtype=bool), "id"].astype(str).tolist()
    busiest = graph.nodes.sort_values("calls", ascending=False, kind="stable")["id"].astype(str).tolist()
    chosen: dict[str, None] = dict.fromkeys(off[: NODES_MAX // 2])
    near = _within(graph, set(chosen), 1)
    for name in [*entries, *(name for name in busiest if name in near), *busiest]:
        if len(chosen) >= NODES_MAX:
            break
        chosen.setdefault(name)
    return MapShown(frozenset(chosen), len(names) - len(chosen))


def _within(graph: CallGraph, starts: set[str], hops: int) -> set[str]:
    near = set(starts)
    pairs = list(zip(graph.edges["caller"].astype(str), graph.edges["callee"].astype(str), strict=True))
    for _ in range(hops):
        near |= {a for a, b in pairs if b in near} | {b for a, b in pairs if a in near}
    return near


def map_nodes(
    view: View, graph: CallGraph, health: Judged, impact: Mapping[str, float], shown: MapShown, cause: str = ""
) -> list[MapNode]:
    """A box for every shown node: its name, then `p99 · errors`."""
    found = []
    for row in rows_of(graph.nodes[graph.nodes["id"].isin(shown.names)]):
        name, kind = str(row.id), str(row.type)
        line = f"{quantity(row.latency_ms_p99, 'ms')} · {quantity(row.error_ratio, 'ratio')}"
        found.append(
            MapNode(
                id=name,
                type=kind,
                verdict=node_verdict(health, name, kind),
                line=line,
                href=view.href(f"/service/{name}") if kind == "service" else view.href("/map", focus=name),
                impact=impact.get(name),
                entry=bool(row.entry),
                cause=name == cause,
            )
        )
    return found


def node_verdict(health: Judged, name: str, kind: str) -> Verdict:
    """A virtual node that nobody inspected is not unknown: its callers speak for it."""
    verdict = health.verdict(name)
    return Verdict.OK if verdict is Verdict.UNKNOWN and kind != "service" else verdict


def map_edges(graph: CallGraph, health: Judged, shown: MapShown, path: Sequence[str] = ()) -> list[MapEdge]:
    """An arrow per pair of shown nodes; it takes a colour where the callee's failures or slowness were found."""
    steps = set(pairwise(path)) | set(pairwise(reversed(path)))
    found: dict[tuple[str, str], MapEdge] = {}
    inside = graph.edges["caller"].isin(shown.names) & graph.edges["callee"].isin(shown.names)
    for row in rows_of(graph.edges[inside]):
        pair = (str(row.caller), str(row.callee))
        earlier = found.get(pair)
        found[pair] = MapEdge(
            *pair,
            calls_per_s=float(row.calls_per_s) + (earlier.calls_per_s if earlier else 0.0),
            verdict=_edge_verdict(health, pair[1], float(row.error_ratio or 0.0)),
            asynchronous=str(row.kind) == "async",
            on_path=pair in steps,
        )
    return list(found.values())


def _edge_verdict(health: Judged, callee: str, error_ratio: float) -> Verdict:
    slow = max((health.off(callee, one) for one in ("latency", "database_latency")), key=lambda verdict: verdict.rank)
    failing = health.off(callee, "error_ratio") if error_ratio > 0 else Verdict.OK
    worst = max(slow, failing, key=lambda verdict: verdict.rank)
    return worst if worst.rank >= Verdict.WARNING.rank else Verdict.OK


def map_columns(view: View) -> Sequence[Column]:
    """The columns of `map_rows`."""
    return (
        Column("name", view.say("column_caller"), "name", flex=3),
        Column("callee", view.say("column_callee"), "text", flex=3),
        Column("protocol", view.say("column_protocol"), "text", flex=1),
        Column("rate", view.say("column_rate"), "number", flex=2, sort="desc"),
        Column("errors", view.say("column_errors"), "number", flex=1),
        Column("p50", "p50", "number", flex=1),
        Column("p99", "p99", "number", flex=1),
    )


def map_rows(view: View, graph: CallGraph, shown: MapShown) -> list[Row]:
    """One row per edge between shown nodes."""
    inside = graph.edges["caller"].isin(shown.names) & graph.edges["callee"].isin(shown.names)
    return [
        {
            "key": f"{row.caller}→{row.callee} {row.kind} {row.protocol}",
            "name": str(row.caller),
            "href": view.href(f"/service/{row.caller}") if row.caller_type == "service" else "",
            "callee": str(row.callee),
            "protocol": row.protocol if isinstance(row.protocol, str) else "",
            **number("rate", float(row.calls_per_s) * 60, "/min"),
            **number("errors", float(row.error_ratio), "ratio"),
            **number("p50", float(row.latency_ms_p50), "ms"),
            **number("p99", float(row.latency_ms_p99), "ms"),
        }
        for row in rows_of(graph.edges[inside])
    ]
