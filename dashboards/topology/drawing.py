"""The map as arrays: what is drawn of a call graph, before anybody decides how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from analytics.callgraph.graph import CallGraph
from causeway.findings import Verdict
from dashboards.judged import Judged

BY_RANK = (Verdict.OK, Verdict.UNKNOWN, Verdict.WARNING, Verdict.CRITICAL)
OFF = Verdict.WARNING.rank
INSPECTIONS_SLOW = ("latency", "database_latency")


@dataclass(frozen=True, slots=True)
class Boxes:
    """The nodes; all arrays are (n,). rank: of the verdict; impact: 0-100, NaN unknown; members: 1, more for a group.

    label: what is written, where it is not the name. owner: the service that a finer node belongs to.
    """

    name: np.ndarray
    type: np.ndarray
    rank: np.ndarray
    calls_per_s: np.ndarray
    error_ratio: np.ndarray
    p99_ms: np.ndarray
    impact: np.ndarray
    entry: np.ndarray
    members: np.ndarray
    label: np.ndarray
    owner: np.ndarray

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True, slots=True)
class Arrows:
    """The edges, one per (caller, callee, kind, protocol); (m,) arrays, ends as places in Boxes.

    change: "", new, removed or changed against the window compared with.
    """

    caller: np.ndarray
    callee: np.ndarray
    kind: np.ndarray
    protocol: np.ndarray
    calls_per_s: np.ndarray
    error_ratio: np.ndarray
    p50_ms: np.ndarray
    p99_ms: np.ndarray
    rank: np.ndarray
    change: np.ndarray

    def __len__(self) -> int:
        return len(self.caller)


_Columns = TypeVar("_Columns", Boxes, Arrows)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes by name and the arrows between them."""

    boxes: Boxes
    arrows: Arrows

    def kept(self, boxes: np.ndarray, arrows: np.ndarray | None = None) -> Drawing:
        """Some boxes ((n,) bool) and, of the arrows between them, some ((m,) bool)."""
        place = np.cumsum(boxes) - 1
        chosen = boxes[self.arrows.caller] & boxes[self.arrows.callee]
        chosen = chosen if arrows is None else chosen & arrows
        fewer = _taken(self.arrows, chosen)
        return Drawing(
            _taken(self.boxes, boxes), replace(fewer, caller=place[fewer.caller], callee=place[fewer.callee])
        )

    def place(self, name: str) -> int | None:
        """Where that box is; None if it is not there."""
        found = np.flatnonzero(self.boxes.name == name)
        return int(found[0]) if len(found) else None


def _taken(columns: _Columns, chosen: np.ndarray) -> _Columns:
    return replace(columns, **{one.name: getattr(columns, one.name)[chosen] for one in fields(columns)})


def drawing_of(graph: CallGraph, health: Judged, impact: Mapping[str, float]) -> Drawing:
    """Everything in the graph, coloured by the findings. An arrow is off where its callee was found slow or failing."""
    nodes, edges = graph.nodes, graph.edges
    names = nodes["id"].to_numpy(dtype=object)
    types = nodes["type"].to_numpy(dtype=object)
    rank = np.array([health.verdict(name).rank for name in names], dtype=np.int8)
    # A virtual node that nobody inspected is not unknown: its callers speak for it.
    rank[(rank == Verdict.UNKNOWN.rank) & (types != "service")] = Verdict.OK.rank
    boxes = Boxes(
        name=names,
        type=types,
        rank=rank,
        calls_per_s=floats(nodes["calls_per_s"]),
        error_ratio=floats(nodes["error_ratio"]),
        p99_ms=floats(nodes["latency_ms_p99"]),
        impact=np.array([impact.get(name, np.nan) for name in names], dtype=np.float64),
        entry=nodes["entry"].to_numpy(dtype=bool),
        members=np.ones(len(names), dtype=np.int64),
        label=np.full(len(names), "", dtype=object),
        owner=names,
    )
    place = pd.Index(names)
    callee = place.get_indexer(edges["callee"].to_numpy(dtype=object))
    failed = floats(edges["error_ratio"])
    arrows = Arrows(
        caller=place.get_indexer(edges["caller"].to_numpy(dtype=object)),
        callee=callee,
        kind=edges["kind"].to_numpy(dtype=object),
        protocol=edges["protocol"].fillna("").to_numpy(dtype=object),
        calls_per_s=floats(edges["calls_per_s"]),
        error_ratio=failed,
        p50_ms=floats(edges["latency_ms_p50"]),
        p99_ms=floats(edges["latency_ms_p99"]),
        rank=_arrow_ranks(health, names, callee, failed),
        change=np.full(len(edges), "", dtype=object),
    )
    known = (arrows.caller >= 0) & (arrows.callee >= 0)
    return Drawing(boxes, arrows if known.all() else _taken(arrows, known))


def floats(column: pd.Series) -> np.ndarray:
    """(n,) float64, NaN where missing."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _arrow_ranks(health: Judged, names: np.ndarray, callee: np.ndarray, failed: np.ndarray) -> np.ndarray:
    slow = np.array([max(health.off(name, one).rank for one in INSPECTIONS_SLOW) for name in names], dtype=np.int8)
    failing = np.array([health.off(name, "error_ratio").rank for name in names], dtype=np.int8)
    worst = np.maximum(slow[callee], np.where(np.nan_to_num(failed) > 0, failing[callee], 0))
    return np.where(worst >= OFF, worst, 0).astype(np.int8)


def joined_boxes(boxes: Boxes, names: np.ndarray, *, rank: int) -> Boxes:
    """The boxes, and after them services of those names of which nothing else is known."""
    count = len(names)
    if not count:
        return boxes
    added = {
        "name": names,
        "type": np.full(count, "service", dtype=object),
        "rank": np.full(count, rank, dtype=np.int8),
        "calls_per_s": np.zeros(count),
        "error_ratio": np.full(count, np.nan),
        "p99_ms": np.full(count, np.nan),
        "impact": np.full(count, np.nan),
        "entry": np.zeros(count, dtype=bool),
        "members": np.ones(count, dtype=np.int64),
        "label": np.full(count, "", dtype=object),
        "owner": names,
    }
    return Boxes(**{name: np.concatenate([getattr(boxes, name), values]) for name, values in added.items()})
