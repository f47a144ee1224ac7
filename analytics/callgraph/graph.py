"""Who calls whom: the call graph of a World, with its entry points, its cycles and how complete it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from analytics.frames import records_of
from analytics.world import CallSeries, World
from causeway.window import SECOND_NS, Window


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete the graph can be. `linked_ratio`: linked spans among those that have a parent; None
    without any.

    orphans: spans whose parent never came. skewed: spans that begin before their parent (clocks differ).
    silent: services that sent spans in the baseline and none in the window. services: the counts of each
    service.
    """

    spans: int
    roots: int
    linked: int
    orphans: int
    skewed: int
    linked_ratio: float | None
    silent: tuple[str, ...]
    services: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CallGraph:
    """The call graph over one window. Nothing in it may be changed.

    nodes: id, type, entry (bool), calls, calls_per_s, errors, error_ratio, latency_ms_mean/p50/p95/p99 of
    inbound
      requests; by id. Nodes that only the baseline or another signal knows have 0 calls.
    edges: caller, caller_type, callee, callee_type, kind, protocol, calls, calls_per_s, errors, error_ratio,
      latency_ms_mean/p50/p95/p99, gap_ms_mean (client minus server time; NaN where unknown), new (not in the
      baseline); one row per (caller, callee, kind, protocol), in that order.
    entries: service, operation, calls, errors, error_ratio, latency_ms_mean, share (of all entry requests);
      most calls first.
    cycles: services that call each other in a ring, and those that call themselves; largest first.
    """

    window: Window
    baseline: Window
    nodes: pd.DataFrame
    edges: pd.DataFrame
    entries: pd.DataFrame
    cycles: tuple[tuple[str, ...], ...]
    coverage: Coverage

    def to_networkx(self) -> nx.MultiDiGraph:
        """Nodes and edges with the columns of the frames as attributes; one edge per kind and protocol."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for row in records_of(self.nodes):
            graph.add_node(row.pop("id"), **row)
        for row in records_of(self.edges):
            graph.add_edge(row.pop("caller"), row.pop("callee"), **row)
        return graph

    def calls_between(self) -> nx.DiGraph:
        """One edge per caller and callee, with its `calls`; every node is there."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.nodes["id"])
        sums = self.edges.groupby(["caller", "callee"], as_index=False)["calls"].sum()
        graph.add_weighted_edges_from(sums.itertuples(index=False, name=None), weight="calls")
        return graph

    def to_json(self) -> dict[str, Any]:
        """The stable shape of `causeway graph --format json`, see docs/json.md."""
        coverage = self.coverage
        return {
            "window": self.window.as_json(),
            "baseline": self.baseline.as_json(),
            "nodes": records_of(self.nodes),
            "edges": records_of(self.edges),
            "entries": records_of(self.entries),
            "cycles": [list(cycle) for cycle in self.cycles],
            "coverage": {
                "spans": coverage.spans,
                "roots": coverage.roots,
                "linked": coverage.linked,
                "orphans": coverage.orphans,
                "skewed": coverage.skewed,
                "linked_ratio": coverage.linked_ratio,
                "silent": list(coverage.silent),
                "services": records_of(coverage.services),
            },
        }


def call_graph(world: World) -> CallGraph:
    """The call graph of the World's window. A pure function; O(edges)."""
    seconds = float(world.timeline.in_window.sum()) * world.timeline.step_ns / SECOND_NS
    entries = entry_frame(world.entries, world.timeline.in_window)
    edges = _edges(world, seconds)
    return CallGraph(
        window=world.window,
        baseline=world.baseline,
        nodes=_nodes(world, entries, seconds),
        edges=edges,
        entries=entries,
        cycles=cycles_of(edges),
        coverage=_coverage(world.coverage),
    )


def entry_frame(entries: CallSeries, in_window: np.ndarray) -> pd.DataFrame:
    """Entry points with requests in the window, most first: see `CallGraph.entries`."""
    calls = entries.calls[:, in_window].sum(axis=1, dtype=np.float64)
    errors = entries.errors[:, in_window].sum(axis=1, dtype=np.float64)
    waited = np.nansum(entries.calls[:, in_window] * entries.latency_ms_mean[:, in_window], axis=1, dtype=np.float64)
    some = np.maximum(calls, 1)
    frame = entries.keys.to_frame(index=False).assign(
        calls=calls.astype(np.int64),
        errors=errors.astype(np.int64),
        error_ratio=errors / some,
        latency_ms_mean=waited / some,
        share=calls / max(calls.sum(), 1),
    )
    frame = frame[frame["calls"] > 0]
    order = ["calls", "service", "operation"]
    return frame.sort_values(order, ascending=[False, True, True], kind="stable").reset_index(drop=True)


def cycles_of(edges: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Strongly connected components of more than one node, and nodes that call themselves; names
    ascending."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(edges[["caller", "callee"]].itertuples(index=False, name=None))
    rings = [tuple(sorted(ring)) for ring in nx.strongly_connected_components(graph) if len(ring) > 1]
    loops: list[tuple[str, ...]] = [(name,) for name in nx.nodes_with_selfloops(graph)]
    return tuple(sorted(rings + loops, key=lambda ring: (-len(ring), ring)))


def _nodes(world: World, entries: pd.DataFrame, seconds: float) -> pd.DataFrame:
    nodes = world.nodes.reset_index()
    nodes.insert(2, "entry", nodes["id"].isin(set(entries["service"])))
    nodes.insert(4, "calls_per_s", nodes["calls"] / seconds)
    return nodes


def _edges(world: World, seconds: float) -> pd.DataFrame:
    edges = world.edges.copy()
    edges.insert(7, "calls_per_s", edges["calls"] / seconds)
    known = set(world.edges_baseline[["caller", "callee"]].itertuples(index=False, name=None))
    pairs = edges[["caller", "callee"]].itertuples(index=False, name=None)
    edges["new"] = [bool(known) and pair not in known for pair in pairs]
    return edges.sort_values(["caller", "callee", "kind", "protocol"], kind="stable").reset_index(drop=True)


def _coverage(services: pd.DataFrame) -> Coverage:
    sums = {name: int(services[name].sum()) for name in ("spans", "roots", "linked", "orphans", "skewed")}
    children = sums["spans"] - sums["roots"]
    silent = services[(services["spans"] <= 0) & (services["spans_baseline"] > 0)]["service"]
    return Coverage(
        **sums,
        linked_ratio=sums["linked"] / children if children > 0 else None,
        silent=tuple(sorted(silent)),
        services=services.sort_values("service").reset_index(drop=True),
    )
