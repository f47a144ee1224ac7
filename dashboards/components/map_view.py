"""From a drawing to the boxes and arrows of the service map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analytics.callgraph.graph import CallGraph
from causeway.messages import quantity
from dashboards.components.service_map import MapEdge, MapNode
from dashboards.judged import Judged
from dashboards.topology.collapse import GROUP_PREFIX
from dashboards.topology.drawing import BY_RANK, OFF, Drawing, drawing_of
from dashboards.view import View

KIND_NAMES = {"database": "map.databases", "queue": "map.queues", "external": "map.externals"}


@dataclass(frozen=True, slots=True)
class MapShown:
    """Which nodes are drawn."""

    names: frozenset[str]


def map_nodes(
    view: View, graph: CallGraph, health: Judged, impact: Mapping[str, float], shown: MapShown, cause: str = ""
) -> list[MapNode]:
    """A box for every shown node of a small map: its name, then `p99 · errors`."""
    return boxes_of(view, _shown(graph, health, impact, shown), cause=cause)


def map_edges(graph: CallGraph, health: Judged, shown: MapShown, path: Sequence[str] = ()) -> list[MapEdge]:
    """An arrow per pair of shown nodes; it takes a colour where the callee's failures or slowness were found."""
    return arrows_of(_shown(graph, health, {}, shown), path=path)


def _shown(graph: CallGraph, health: Judged, impact: Mapping[str, float], shown: MapShown) -> Drawing:
    drawing = drawing_of(graph, health, impact)
    return drawing.kept(np.isin(drawing.boxes.name, list(shown.names)))


def boxes_of(view: View, drawing: Drawing, *, cause: str = "", found: str = "") -> list[MapNode]:
    """A box each: its name, then `p99 · errors`; of a group what is in it."""
    boxes = drawing.boxes
    opened = view.address.get("open")
    columns = (boxes.name, boxes.type, boxes.rank, boxes.p99_ms, boxes.error_ratio, boxes.impact, boxes.entry)
    rows = zip(*(column.tolist() for column in columns), boxes.label, boxes.owner, boxes.members.tolist(), strict=True)
    return [
        MapNode(
            id=name,
            type=kind,
            verdict=BY_RANK[rank],
            line=_group_line(view, members, failed) if kind == "group" else _line(p99, failed),
            href=box_href(view, name, kind, owner, opened),
            impact=None if impact != impact else impact,
            entry=entry,
            cause=name == cause,
            label=label,
            found=name == found,
        )
        for name, kind, rank, p99, failed, impact, entry, label, owner, members in rows
    ]


def _line(p99_ms: float, error_ratio: float) -> str:
    return f"{quantity(p99_ms, 'ms')} · {quantity(error_ratio, 'ratio')}"


def _group_line(view: View, members: int, error_ratio: float) -> str:
    return f"{view.say('map.members', count=members)} · {quantity(error_ratio, 'ratio')}"


def box_href(view: View, name: str, kind: str, owner: str, opened: str) -> str:
    """Where a box leads: a group opens, a service has its page (a bare path), what is no service is focused on."""
    if kind == "group":
        return view.href(open=",".join(part for part in (opened, name.removeprefix(GROUP_PREFIX)) if part))
    if kind == "service":
        return f"/service/{owner}"
    return view.href("/map", focus=name)


def group_name(view: View, key: str) -> str:
    """What a group is called: a namespace by its name, others in words."""
    if not key.startswith("*"):
        return key
    name, _, step = key[1:].partition("-")
    if name == "tier":
        return view.say("map.tier_entry") if step == "0" else view.say("map.tier", step=int(step))
    return view.say(KIND_NAMES.get(name, f"map.group_{name}"))


def arrows_of(drawing: Drawing, *, path: Sequence[str] = ()) -> list[MapEdge]:
    """An arrow per caller and callee: rates add up, the worst verdict and any change stand for all of them."""
    arrows, names = drawing.arrows, drawing.boxes.name
    if not len(arrows):
        return []
    steps = set(pairwise(path)) | set(pairwise(reversed(path)))
    code = arrows.caller * len(names) + arrows.callee
    pairs, first, pair = np.unique(code, return_index=True, return_inverse=True)
    rate = np.bincount(pair, arrows.calls_per_s, len(pairs))
    rank = np.zeros(len(pairs), dtype=np.int8)
    np.maximum.at(rank, pair, arrows.rank)
    only = {kind: _all(pair, arrows.kind == kind, len(pairs)) for kind in ("async", "link")}
    change = arrows.change[first].copy()
    for word in ("removed", "changed", "new"):
        some, every = _any(pair, arrows.change == word, len(pairs)), _all(pair, arrows.change == word, len(pairs))
        change[every if word != "changed" else some] = word
        if word != "changed":
            change[some & ~every] = "changed"
    rows = zip(
        names[pairs // len(names)].tolist(),
        names[pairs % len(names)].tolist(),
        rate.tolist(),
        np.where(rank >= OFF, rank, 0).tolist(),
        only["async"].tolist(),
        only["link"].tolist(),
        change.tolist(),
        strict=True,
    )
    return [
        MapEdge(caller, callee, calls, BY_RANK[worst], sent, (caller, callee) in steps, linked, changed)
        for caller, callee, calls, worst, sent, linked, changed in rows
        if caller != callee
    ]


def _any(group: np.ndarray, flag: np.ndarray, groups: int) -> np.ndarray:
    return np.bincount(group, flag, groups) > 0


def _all(group: np.ndarray, flag: np.ndarray, groups: int) -> np.ndarray:
    return np.bincount(group, ~flag, groups) == 0
