"""The call graph between operations, instances or versions: the same questions, asked more finely."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.callgraph.depth import depths
from analytics.callgraph.graph import (
    CallGraph,
    call_graph,
    cycles_of,
    is_new,
    node_weights,
    ordered_edges,
    with_depths,
)
from analytics.callgraph.level import Level
from analytics.callgraph.rows import call_rows, node_ids, whole_slots
from analytics.world import World
from analytics.world_build import build_world
from analytics.world_rollups import QUANTILES, group_quantiles_ms, text_codes
from causeway.stores.contract import Reader
from causeway.window import Window

_EDGE_KEYS = ["caller", "callee", "caller_service", "callee_service", "kind"]
_SUMS = ["calls", "errors", "duration_ns_sum", "estimated"]


def level_graph(
    reader: Reader, window: Window, baseline: Window | None = None, level: Level = Level.SERVICE
) -> CallGraph:
    """The call graph of a window at that level; the baseline is that of `build_world`.

    Below services, node ids are `service › operation` (or instance, or version), and just `service` where that is not
    known; the window is moved to whole minutes; latency of edges has a mean but no quantiles, and no gap.
    """
    return finer_graph(reader, build_world(reader, window, baseline, calls_only=True), level)


def finer_graph(reader: Reader, world: World, level: Level, coarse: CallGraph | None = None) -> CallGraph:
    """As `level_graph`, where the World is there already, and perhaps the graph of its services."""
    services = coarse or call_graph(world)
    if level is Level.SERVICE:
        return services
    window, before = whole_slots(world.window, level), whole_slots(world.baseline, level)
    types = {str(name): str(kind) for name, kind in world.nodes["type"].items()}
    edges = _edges(reader, level, (window, before), services)
    served, entering = _served(reader, level, window, services)
    nodes = _nodes(served, edges, types, node_weights(world), window.duration_s)
    nodes.insert(3, "entry", nodes["id"].isin(entering))
    far = depths(edges, set(nodes[nodes["entry"]]["id"]))
    return CallGraph(
        window=world.window,
        baseline=world.baseline,
        nodes=with_depths(nodes, far),
        edges=edges,
        entries=services.entries,
        cycles=cycles_of(edges),
        coverage=services.coverage,
        level=level,
        depths=far,
    )


def _summed(rows: pa.Table, keys: list[str]) -> pd.DataFrame:
    """Sums by key, those with a call; errors at most calls."""
    sums = rows.group_by(keys).aggregate([(name, "sum") for name in _SUMS]).to_pandas()
    frame = sums.rename(columns={f"{name}_sum": name for name in _SUMS})
    frame = frame[frame["calls"] > 0].reset_index(drop=True)
    frame["errors"] = frame["errors"].clip(lower=0, upper=frame["calls"])
    frame["error_ratio"] = frame["errors"] / frame["calls"]
    frame["latency_ms_mean"] = frame["duration_ns_sum"].clip(lower=0) / frame["calls"] / 1e6
    return frame


def _edges(reader: Reader, level: Level, windows: tuple[Window, Window], services: CallGraph) -> pd.DataFrame:
    window, before = windows
    types = services.nodes.set_index("id")["type"]
    edges = _summed(call_rows(reader, level, window), _EDGE_KEYS)
    earlier = _summed(call_rows(reader, level, before), _EDGE_KEYS)
    if level is not Level.OPERATION:
        edges["estimated"] = edges["calls"] * _weights(edges, services.edges)
    edges["calls_per_s"] = edges["estimated"] / window.duration_s
    for end in ("caller", "callee"):
        edges[f"{end}_type"] = edges[f"{end}_service"].map(types).fillna("service")
    edges["new"] = is_new(edges, earlier)
    unknown = dict.fromkeys((*QUANTILES, "gap_ms_mean", "lag_ms_mean"), np.nan)
    return ordered_edges(edges.rename(columns={"estimated": "estimated_calls"}).assign(protocol="", **unknown))


def _weights(edges: pd.DataFrame, services: pd.DataFrame) -> np.ndarray:
    """(n,) how many calls each stored one stands for: that of all calls between the two services."""
    sums = services.groupby(["caller", "callee", "kind"])[["estimated_calls", "calls"]].sum()
    weight = sums["estimated_calls"] / sums["calls"]
    asked = pd.MultiIndex.from_frame(edges[["caller_service", "callee_service", "kind"]])
    return weight.reindex(asked).fillna(1.0).to_numpy()


def _served(reader: Reader, level: Level, window: Window, services: CallGraph) -> tuple[pd.DataFrame, set[str]]:
    """By node, the inbound requests (calls, errors, ratio, latency); and which nodes are entry points.

    An entry operation is one of `CallGraph.entries`; of instances and versions it is not known which request came from
    outside, so all of an entry service are entries.
    """
    if level is Level.OPERATION:
        rows = reader.operations(window)
        rows = rows.filter(rows["inbound"])
        ids = node_ids(rows["service"], rows["operation"])
        points = services.entries[["service", "operation"]].itertuples(index=False, name=None)
        table = pa.table(
            [pa.array(column, pa.string()) for column in zip(*points, strict=True)] or [[], []], ["s", "o"]
        )
        entering = set(node_ids(table["s"], table["o"]).to_pylist())
    else:
        rows = reader.instances(window)
        ids = node_ids(rows["service"], rows[str(level)])
        inside = set(services.entries["service"])
        entering = {name for name, of in zip(ids.to_pylist(), rows["service"].to_pylist(), strict=True) if of in inside}
    names, code = text_codes(ids)
    service = pd.Series(rows["service"].cast(pa.string()).to_pylist(), dtype=object).groupby(code).first()
    return _measured(rows, names, code).assign(service=service.to_numpy()), entering


def _measured(rows: pa.Table, names: np.ndarray, code: np.ndarray) -> pd.DataFrame:
    """By node: calls, errors, error_ratio, latency_ms_mean and its quantiles. code: (n,) which name each row has."""

    def summed(column: str) -> np.ndarray:
        values = rows[column].to_numpy().astype(np.float64)
        return np.maximum(np.bincount(code, weights=values, minlength=len(names)), 0.0)

    calls = summed("calls")
    some = np.where(calls > 0, calls, np.nan)
    frame = pd.DataFrame(index=pd.Index(names, name="id", dtype=object))
    frame["calls"] = calls.astype(np.int64)
    frame["errors"] = np.minimum(summed("errors"), calls).astype(np.int64)
    frame["error_ratio"] = frame["errors"].to_numpy() / some
    frame["latency_ms_mean"] = summed("duration_ns_sum") / some / 1e6
    bucket = rows["latency_bucket"].to_numpy().astype(np.int64)
    counts = rows["calls"].to_numpy().astype(np.float64)
    found = group_quantiles_ms(code, bucket, counts, len(names), tuple(QUANTILES.values()))
    return frame.assign(**dict(zip(QUANTILES, found, strict=True)))


def _nodes(
    served: pd.DataFrame, edges: pd.DataFrame, types: dict[str, str], weights: pd.Series, seconds: float
) -> pd.DataFrame:
    """Nodes that were asked, and every other end of an edge with the calls made to it; by id."""
    ends = {
        row[0]: row[1]
        for end in ("caller", "callee")
        for row in edges[[end, f"{end}_service"]].itertuples(index=False, name=None)
    }
    sums = edges.groupby("callee")[["calls", "errors", "estimated_calls"]].sum()
    waited = (edges["calls"] * edges["latency_ms_mean"]).groupby(edges["callee"]).sum()
    sums["error_ratio"], sums["latency_ms_mean"] = sums["errors"] / sums["calls"], waited / sums["calls"]
    weight = served["service"].map(weights).fillna(1.0).astype(float)
    known = served.assign(estimated_calls=served["calls"] * weight)
    known = known[(known["calls"] > 0) | ~known.index.isin(sums.index)]
    nodes = pd.concat([known, sums.loc[sums.index.difference(known.index)]])
    nodes = nodes.reindex(pd.Index(sorted({*nodes.index, *ends}), name="id", dtype=object))
    nodes["service"] = [ends.get(name, of) for name, of in zip(nodes.index, nodes["service"], strict=True)]
    nodes["type"] = nodes["service"].map(types).fillna("service").astype(object)
    nodes[["calls", "errors"]] = nodes[["calls", "errors"]].fillna(0).astype(np.int64)
    nodes["calls_per_s"] = nodes["estimated_calls"].fillna(0.0) / seconds
    order = ["service", "type", "calls", "calls_per_s", "errors", "error_ratio", "latency_ms_mean", *QUANTILES]
    return nodes[order].reset_index()
