"""Many boxes put together into few: by namespace where names carry one, else by how far from the users they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from causeway.findings import Verdict
from dashboards.topology.asked import Asked
from dashboards.topology.drawing import OFF, Arrows, Boxes, Drawing
from dashboards.topology.filters import namespaces

# Above this many boxes a map is no longer read, only looked at.
BOXES_MAX = 60
# So many boxes stand on their own beside the groups, those that are off first.
ALONE_MAX = 24
# Of so many namespaces the smallest go together.
GROUPS_MAX = 40
GROUP_PREFIX = "group:"
TIER_DEEPEST = 6
COLUMNS_PER_ROW = 1.3


@dataclass(frozen=True, slots=True)
class Plan:
    """Which boxes go into which group. grouping: namespace, tier or none; key, alone: (n,); hidden: boxes in groups.

    layers: the column of every box and group, by name; empty where their calls decide.
    """

    grouping: str
    key: np.ndarray
    alone: np.ndarray
    groups: tuple[str, ...] = ()
    layers: Mapping[str, int] = field(default_factory=dict)

    @property
    def hidden(self) -> int:
        return int((~self.alone).sum())


def plan_of(drawing: Drawing, asked: Asked) -> Plan:
    """Groups for a drawing of more than BOXES_MAX boxes, or where a grouping is asked for.

    Boxes of opened groups stay as they are, and up to ALONE_MAX others: the one searched for, what is off (by impact),
    ends of calls that came or went. Alone stays, too, what would be a group of one.
    """
    count = len(drawing.boxes)
    if not count or asked.group == "none" or asked.focus or (not asked.group and count <= BOXES_MAX):
        return Plan("none", np.full(count, "", dtype=object), np.ones(count, dtype=bool))
    grouping, key = _keys(drawing, asked.group)
    alone = np.isin(key, asked.opened) | _alone(drawing, asked)
    names, sizes = np.unique(key[~alone].astype(str), return_counts=True)
    alone |= np.isin(key, names[sizes == 1])
    groups = tuple(sorted(set(key[~alone].tolist())))
    return Plan(grouping, key, alone, groups, _layers(drawing, key, alone) if groups else {})


def collapsed(drawing: Drawing, plan: Plan, named: Callable[[str], str]) -> Drawing:
    """The drawing (whose boxes are those of the plan) with its groups; `named` gives a group's label."""
    return _merged(drawing, plan.key, plan.alone, list(plan.groups), named) if plan.groups else drawing


def _keys(drawing: Drawing, asked: str) -> tuple[str, np.ndarray]:
    """The grouping and (n,) the group of each box."""
    if asked != "tier":
        names = namespaces(drawing)
        services = drawing.boxes.type == "service"
        if asked == "namespace" or (services.any() and (names[services] != "").mean() > 0.5):
            return "namespace", _few(np.where(names == "", _kinds(drawing), names).astype(object))
    return "tier", _tiers(drawing)


def _layers(drawing: Drawing, key: np.ndarray, alone: np.ndarray) -> dict[str, int]:
    """Columns by how far from the entry points things are on average.

    Groups call each other to and fro, so that arrows alone would string them out in one long row.
    """
    names = np.where(alone, drawing.boxes.name, GROUP_PREFIX + key.astype(object)).astype(str)
    distinct, of = np.unique(names, return_inverse=True)
    far = _far(drawing)
    mean = np.bincount(of, np.where(far < 0, 0, far)) / np.bincount(of)
    columns = math.ceil(math.sqrt(len(distinct) * COLUMNS_PER_ROW))
    order = np.lexsort((distinct, np.round(mean, 6)))
    return {str(distinct[place]): rank * columns // len(distinct) for rank, place in enumerate(order.tolist())}


def _far(drawing: Drawing) -> np.ndarray:
    """(n,) calls from the nearest entry point; -1 where none leads there."""
    boxes, arrows = drawing.boxes, drawing.arrows
    far = np.where(boxes.entry, 0, -1)
    for step in range(len(boxes)):
        reached = np.unique(arrows.callee[far[arrows.caller] == step])
        reached = reached[far[reached] < 0]
        if not len(reached):
            break
        far[reached] = step + 1
    return far


def _few(key: np.ndarray) -> np.ndarray:
    """The largest GROUPS_MAX groups, ties by name; all others are one."""
    names, count = np.unique(key.astype(str), return_counts=True)
    if len(names) <= GROUPS_MAX:
        return key
    large = set(names[np.lexsort((names, -count))[: GROUPS_MAX - 1]].tolist())
    return np.array([name if name in large else "*other" for name in key], dtype=object)


def _kinds(drawing: Drawing) -> np.ndarray:
    return np.array([f"*{kind}" for kind in drawing.boxes.type], dtype=object)


def _tiers(drawing: Drawing) -> np.ndarray:
    """(n,) `*tier-K`: K calls from an entry point at the least, `*unreached`, or the type of what is no service."""
    services = np.isin(drawing.boxes.type, ("service", "entry"))
    deep = np.minimum(_far(drawing), TIER_DEEPEST)
    tiers = np.array([f"*tier-{k}" if k >= 0 else "*unreached" for k in deep.tolist()], dtype=object)
    return np.where(services, tiers, _kinds(drawing)).astype(object)


def _alone(drawing: Drawing, asked: Asked) -> np.ndarray:
    """(n,) bool: boxes that stand on their own, at most ALONE_MAX."""
    boxes, arrows = drawing.boxes, drawing.arrows
    urgency = np.where(boxes.rank >= OFF, boxes.rank * 1000.0 + np.nan_to_num(boxes.impact), 0.0)
    moved = np.isin(arrows.change, ("new", "removed"))
    for ends in (arrows.caller, arrows.callee):
        urgency[ends[moved]] = np.maximum(urgency[ends[moved]], 1.0)
    urgency[boxes.name == asked.find] = np.inf
    first = np.lexsort((boxes.name.astype(str), -urgency))[:ALONE_MAX]
    alone = np.zeros(len(boxes), dtype=bool)
    alone[first] = urgency[first] > 0
    return alone


def _merged(
    drawing: Drawing, key: np.ndarray, alone: np.ndarray, groups: list[str], named: Callable[[str], str]
) -> Drawing:
    boxes, arrows = drawing.boxes, drawing.arrows
    order = {name: place for place, name in enumerate(groups)}
    first = int(alone.sum())
    place = np.where(alone, np.cumsum(alone) - 1, 0)
    place[~alone] = [first + order[name] for name in key[~alone]]
    single = drawing.kept(alone).boxes
    inside = place[~alone] - first
    together = {
        "name": np.array([GROUP_PREFIX + name for name in groups], dtype=object),
        "type": np.full(len(groups), "group", dtype=object),
        "rank": _worst(boxes.rank[~alone], inside, len(groups)),
        "calls_per_s": np.bincount(inside, boxes.calls_per_s[~alone], len(groups)),
        "error_ratio": _share(boxes.calls_per_s[~alone], boxes.error_ratio[~alone], inside, len(groups)),
        "p99_ms": np.full(len(groups), np.nan),
        "impact": np.full(len(groups), np.nan),
        "entry": np.bincount(inside, boxes.entry[~alone], len(groups)) > 0,
        "members": np.bincount(inside, minlength=len(groups)),
        "label": np.array([named(name) for name in groups], dtype=object),
        "owner": np.array([GROUP_PREFIX + name for name in groups], dtype=object),
    }
    joined = {name: np.concatenate([getattr(single, name), values]) for name, values in together.items()}
    return Drawing(Boxes(**joined), _bundled(arrows, place, first))


def _worst(rank: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """(groups,) the worst verdict at or above a warning; UNKNOWN only where nothing is known of any member."""
    worst = np.zeros(groups, dtype=np.int8)
    np.maximum.at(worst, group, rank)
    known = np.bincount(group, rank != Verdict.UNKNOWN.rank, groups) > 0
    return np.where((worst == Verdict.UNKNOWN.rank) & known, Verdict.OK.rank, worst).astype(np.int8)


def _share(weight: np.ndarray, ratio: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    total = np.bincount(group, weight, groups)
    hits = np.bincount(group, weight * np.nan_to_num(ratio), groups)
    return np.divide(hits, total, out=np.full(groups, np.nan), where=total > 0)


def _bundled(arrows: Arrows, place: np.ndarray, first: int) -> Arrows:
    """Arrows from or to a group joined by (caller, callee, kind); those inside a group are left out.

    Quantiles of several arrows are never joined: they are missing.
    """
    caller, callee = place[arrows.caller], place[arrows.callee]
    moved = replace(arrows, caller=caller, callee=callee)
    grouped = (caller >= first) | (callee >= first)
    outer = grouped & (caller != callee)
    kinds, kind = np.unique(arrows.kind[outer].astype(str), return_inverse=True)
    size = int(place.max()) + 1
    code = (caller[outer] * size + callee[outer]) * max(len(kinds), 1) + kind
    found, index, bundle = np.unique(code, return_index=True, return_inverse=True)
    at = np.flatnonzero(outer)[index]
    weight = arrows.calls_per_s[outer]
    rank = np.zeros(len(found), dtype=np.int8)
    np.maximum.at(rank, bundle, arrows.rank[outer])
    single = np.bincount(bundle, minlength=len(found)) == 1
    together = {
        "caller": caller[at],
        "callee": callee[at],
        "kind": arrows.kind[at],
        "protocol": np.where(single, arrows.protocol[at], ""),
        "calls_per_s": np.bincount(bundle, weight, len(found)),
        "error_ratio": _share(weight, arrows.error_ratio[outer], bundle, len(found)),
        "p50_ms": np.where(single, arrows.p50_ms[at], np.nan),
        "p99_ms": np.where(single, arrows.p99_ms[at], np.nan),
        "rank": rank,
        "change": np.where(single, arrows.change[at], ""),
    }
    return Arrows(
        **{name: np.concatenate([getattr(moved, name)[~grouped], values]) for name, values in together.items()}
    )
