"""Who calls whom: the call graph of a World, with its entry points, its cycles and how complete it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from analytics.callgraph.coverage import Coverage, coverage_json, coverage_of
from analytics.callgraph.depth import NO_DEPTHS, Depths, chain_calls, depths
from analytics.callgraph.level import Level
from analytics.frames import records_of
from analytics.world import CallSeries, World
from causeway.window import SECOND_NS, Window


@dataclass(frozen=True, slots=True)
class CallGraph:
    """The call graph over one window. Nothing in it may be changed.

    nodes: id, service, type, entry (bool), calls, calls_per_s, errors, error_ratio, latency_ms_mean/p50/p95/p99 of
      inbound requests, depth_min and depth_max (calls from an entry point on the shortest and the longest way, None
      where none leads there); by id. Nodes that only the baseline or another signal knows have 0 calls.
    edges: caller, caller_service, caller_type, callee, callee_service, callee_type, kind, protocol, calls,
      estimated_calls, calls_per_s, errors, error_ratio, latency_ms_mean/p50/p95/p99, gap_ms_mean (client minus server
      time), lag_ms_mean (consumer start minus producer end), new (not in the baseline); NaN where unknown; one row per
      (caller, callee, kind, protocol), in that order. calls are those seen; estimated_calls and calls_per_s are
      weighted where traces were sampled.
    entries: service, operation, calls, errors, error_ratio, latency_ms_mean, share (of all entry requests);
      most calls first.
    cycles: nodes that call each other in a ring, and those that call themselves; largest first.
    level: what a node is; `levels.level_graph` makes those other than services.
    """

    window: Window
    baseline: Window
    nodes: pd.DataFrame
    edges: pd.DataFrame
    entries: pd.DataFrame
    cycles: tuple[tuple[str, ...], ...]
    coverage: Coverage
    level: Level = Level.SERVICE
    depths: Depths = NO_DEPTHS

    def to_networkx(self) -> nx.MultiDiGraph:
        """Nodes and edges with the columns of the frames as attributes; one edge per kind and protocol."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for row in records_of(self.nodes):
            graph.add_node(row.pop("id"), **row)
        for row in records_of(self.edges):
            graph.add_edge(row.pop("caller"), row.pop("callee"), **row)
        return graph

    def to_json(self) -> dict[str, Any]:
        """The stable shape of `causeway graph --format json`, see docs/json.md."""
        found = self.depths
        return {
            "window": self.window.as_json(),
            "baseline": self.baseline.as_json(),
            "level": str(self.level),
            "nodes": records_of(self.nodes),
            "edges": records_of(self.edges),
            "entries": records_of(self.entries),
            "cycles": [list(cycle) for cycle in self.cycles],
            "depth": {
                "longest": [list(step) for step in found.longest],
                "longest_calls": chain_calls(found.longest),
                "critical": [list(step) for step in found.waiting],
                "critical_calls": chain_calls(found.waiting),
            },
            "coverage": coverage_json(self.coverage),
        }


def call_graph(world: World) -> CallGraph:
    """The call graph of the World's services in its window. A pure function; O(edges)."""
    entries = entry_frame(world.entries, world.timeline.in_window)
    edges = _edges(world)
    far = depths(edges, set(entries["service"]))
    return CallGraph(
        window=world.window,
        baseline=world.baseline,
        nodes=with_depths(_nodes(world, entries), far),
        edges=edges,
        entries=entries,
        cycles=cycles_of(edges),
        coverage=coverage_of(world.coverage, world.edges),
        depths=far,
    )


def window_seconds(world: World) -> float:
    """The length of the World's window, widened to whole slots."""
    return float(world.timeline.in_window.sum()) * world.timeline.step_ns / SECOND_NS


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


def with_depths(nodes: pd.DataFrame, far: Depths) -> pd.DataFrame:
    """The nodes with depth_min and depth_max: whole numbers, None where no entry leads."""
    found = {"depth_min": far.nearest, "depth_max": far.farthest}
    columns = {
        name: pd.Series([calls.get(node) for node in nodes["id"]], index=nodes.index, dtype=object)
        for name, calls in found.items()
    }
    return nodes.assign(**columns)


def is_new(edges: pd.DataFrame, earlier: pd.DataFrame) -> list[bool]:
    """Whether each edge's caller and callee did not talk earlier; none is new where nothing is known of earlier."""
    known = set(earlier[["caller", "callee"]].itertuples(index=False, name=None))
    pairs = edges[["caller", "callee"]].itertuples(index=False, name=None)
    return [bool(known) and pair not in known for pair in pairs]


def _nodes(world: World, entries: pd.DataFrame) -> pd.DataFrame:
    nodes = world.nodes.reset_index()
    nodes.insert(1, "service", nodes["id"])
    nodes.insert(3, "entry", nodes["id"].isin(set(entries["service"])))
    nodes.insert(5, "calls_per_s", nodes["calls"] * node_weights(world).reindex(nodes["id"]).fillna(1.0).to_numpy())
    nodes["calls_per_s"] /= window_seconds(world)
    return nodes


def node_weights(world: World) -> pd.Series:
    """By node, how many requests each stored one stands for, on average; 1 without sampling.

    A service's is that of its spans; that of a peer without spans is of the calls made to it.
    """
    weights = pd.Series(dtype=float)
    if "estimated_calls" in world.edges:
        called = world.asked.groupby("callee")[["estimated_calls", "calls"]].sum()
        weights = called["estimated_calls"] / called["calls"]
    services = world.coverage.set_index("service")
    if "estimated_milli" in services:
        services = services[services["spans"] > 0]
        weights = (services["estimated_milli"] / 1000 / services["spans"]).combine_first(weights)
    return weights.clip(lower=1.0)


def _edges(world: World) -> pd.DataFrame:
    edges = world.edges.copy()
    if "estimated_calls" not in edges:
        edges["estimated_calls"] = edges["calls"].astype(float)
    if "lag_ms_mean" not in edges:
        edges["lag_ms_mean"] = np.nan
    edges["calls_per_s"] = edges["estimated_calls"] / window_seconds(world)
    edges["caller_service"], edges["callee_service"] = edges["caller"], edges["callee"]
    edges["new"] = is_new(edges, world.edges_baseline)
    return ordered_edges(edges)


EDGE_COLUMNS = (
    *("caller", "caller_service", "caller_type", "callee", "callee_service", "callee_type", "kind", "protocol"),
    *("calls", "estimated_calls", "calls_per_s", "errors", "error_ratio"),
    *("latency_ms_mean", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "gap_ms_mean", "lag_ms_mean", "new"),
)


def ordered_edges(edges: pd.DataFrame) -> pd.DataFrame:
    """The edges with the columns and in the order of `CallGraph.edges`."""
    order = ["caller", "callee", "kind", "protocol"]
    return edges.sort_values(order, kind="stable").reset_index(drop=True)[list(EDGE_COLUMNS)]
