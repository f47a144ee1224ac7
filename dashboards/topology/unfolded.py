"""One service drawn by its operations, instances or versions; its neighbours stay whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.callgraph.graph import CallGraph
from analytics.callgraph.level import WITHIN
from analytics.patrol.moment import failing
from causeway.findings import Verdict
from dashboards.topology.drawing import OFF, Arrows, Boxes, Drawing, floats


def unfolded(drawing: Drawing, finer: CallGraph, service: str) -> Drawing:
    """The drawing with that service's box replaced by its parts in `finer`, which are judged by their failures.

    Calls between the parts are drawn too. Where `finer` knows no part of it, the drawing as it is.
    """
    nodes = finer.nodes[(finer.nodes["service"] == service) & (finer.nodes["id"] != service)]
    edges = finer.edges[(finer.edges["caller_service"] == service) | (finer.edges["callee_service"] == service)]
    outer = drawing.boxes.name != service
    if nodes.empty or outer.all():
        return drawing
    rest = drawing.kept(outer)
    boxes = _joined(rest.boxes, nodes, drawing.place(service), drawing.boxes)
    inner = _arrows(edges, service, boxes)
    arrows = {
        name: np.concatenate([getattr(rest.arrows, name), getattr(inner, name)]) for name in Arrows.__dataclass_fields__
    }
    return Drawing(boxes, Arrows(**arrows))


def _joined(rest: Boxes, nodes: pd.DataFrame, at: int | None, whole: Boxes) -> Boxes:
    names = nodes["id"].to_numpy(dtype=object)
    count = len(names)
    verdicts = failing(nodes["calls"].to_numpy(), nodes["errors"].to_numpy())
    parts = Boxes(
        name=names,
        type=np.full(count, "service", dtype=object),
        rank=np.array([verdict.rank for verdict in verdicts], dtype=np.int8),
        calls_per_s=floats(nodes["calls_per_s"]),
        error_ratio=floats(nodes["error_ratio"]),
        p99_ms=floats(nodes["latency_ms_p99"]),
        impact=np.full(count, np.nan),
        entry=nodes["entry"].to_numpy(dtype=bool),
        members=np.ones(count, dtype=np.int64),
        label=np.array([name.partition(WITHIN)[2] for name in names], dtype=object),
        owner=np.full(count, whole.owner[at] if at is not None else "", dtype=object),
    )
    return replace(
        rest,
        **{name: np.concatenate([getattr(rest, name), getattr(parts, name)]) for name in Boxes.__dataclass_fields__},
    )


def _arrows(edges: pd.DataFrame, service: str, boxes: Boxes) -> Arrows:
    """Arrows that begin or end at a part; the other end is a whole service. Several between two boxes are one."""
    ends = {
        end: np.where(edges[f"{end}_service"] == service, edges[end], edges[f"{end}_service"])
        for end in ("caller", "callee")
    }
    together = edges.assign(**ends, waited=edges["calls"] * edges["latency_ms_mean"])
    sums = together.groupby(["caller", "callee", "kind"], as_index=False)[["calls", "errors", "calls_per_s"]].sum()
    place = pd.Index(boxes.name)
    caller, callee = (place.get_indexer(sums[end].to_numpy(dtype=object)) for end in ("caller", "callee"))
    known = (caller >= 0) & (callee >= 0)
    sums, caller, callee = sums[known], caller[known], callee[known]
    verdicts = failing(sums["calls"].to_numpy(), sums["errors"].to_numpy())
    rank = np.array([verdict.rank for verdict in verdicts], dtype=np.int8)
    missing = np.full(len(sums), np.nan)
    return Arrows(
        caller=caller,
        callee=callee,
        kind=sums["kind"].to_numpy(dtype=object),
        protocol=np.full(len(sums), "", dtype=object),
        calls_per_s=floats(sums["calls_per_s"]),
        error_ratio=floats(sums["errors"] / sums["calls"]),
        p50_ms=missing,
        p99_ms=missing,
        rank=np.where(rank >= OFF, rank, Verdict.OK.rank).astype(np.int8),
        change=np.full(len(sums), "", dtype=object),
    )
