"""How much each service matters: who depends on it, how many requests touch it, what falls with it; one
score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.impact.flow import Flow, entry_shares, flow_of, pagerank
from analytics.impact.shape import Shape, cut_off, shape_of
from analytics.world import World
from causeway import wire
from causeway.findings import Message, MessageValue

# What counts how much. Requests that users feel come first; what only the shape of the graph tells comes
# last.
WEIGHTS: Mapping[str, float] = {
    "entry_share": 0.40,
    "cut_off": 0.20,
    "dependents": 0.15,
    "pagerank": 0.15,
    "betweenness": 0.10,
}


@dataclass(frozen=True, slots=True)
class Fan:
    """How many others: in one step, and in any number of steps."""

    direct: int
    transitive: int


@dataclass(frozen=True, slots=True)
class ImpactPart:
    """One part of the score. value: in [0, 1], None when unknown; contribution: points out of 100."""

    name: str
    value: float | None
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class ServiceImpact:
    """How much one node of the call graph matters, over one window.

    impact: 0-100. entry_share: estimated share of entry requests that touch it, None without entry requests.
    betweenness: share of all shortest paths between others that pass it. pagerank: started at the entries.
    articulation: the graph (directions aside) falls apart without it. cut_off: share of the other nodes that
    entry requests reach only through it; None without entry requests.
    """

    service: str
    type: str
    impact: float
    fan_in: Fan
    fan_out: Fan
    entry_share: float | None
    betweenness: float
    pagerank: float
    articulation: bool
    cut_off: float | None
    parts: tuple[ImpactPart, ...]
    summary: Message


def impact_scores(world: World, graph: CallGraph) -> tuple[ServiceImpact, ...]:
    """Every node of the graph, most important first; ties by name. A pure function; see `shape_of` for its cost.

    Cycles are no trouble: nobody depends on itself. `graph` is the call graph of `world`.
    """
    assert graph.window == world.window, "the graph is of another window"
    return scores_of(graph)


def scores_of(graph: CallGraph) -> tuple[ServiceImpact, ...]:
    """As `impact_scores`, for who has only the graph."""
    flow = flow_of(graph)
    shape = shape_of(flow)
    shares = entry_shares(flow)
    rank = pagerank(flow)
    types = dict(zip(graph.nodes["id"], graph.nodes["type"], strict=True))
    values: dict[str, np.ndarray | None] = {
        "entry_share": shares,
        "cut_off": None if shares is None else cut_off(flow),
        "dependents": _dependents(flow, shape),
        "pagerank": _of_largest(rank),
        "betweenness": _of_largest(shape.betweenness),
    }
    impacts = [_impact(i, flow, types[name], values, shape, rank) for i, name in enumerate(flow.names)]
    return tuple(sorted(impacts, key=lambda impact: (-impact.impact, impact.service)))


def impacts_json(graph: CallGraph, impacts: Sequence[ServiceImpact], *, language: str = "en") -> dict[str, Any]:
    """The stable shape of `causeway impact --format json`, see docs/json.md."""
    return {
        "window": graph.window.as_json(),
        "baseline": graph.baseline.as_json(),
        "weights": dict(WEIGHTS),
        "estimated": ["entry_share"],
        "services": wire.to_json(tuple(impacts), language),
    }


def _dependents(flow: Flow, shape: Shape) -> np.ndarray:
    """(n,) share of others that call a node in any number of steps. Users are one of them, of all they reach."""
    entered = flow.entry > 0
    by_users = entered | shape.reach[entered].any(axis=0)
    return (shape.reach.sum(axis=0) + by_users) / max(len(flow.names), 1)


def _of_largest(values: np.ndarray) -> np.ndarray:
    return values / max(values.max(initial=0.0), 1e-300)


def _impact(
    i: int,
    flow: Flow,
    node_type: str,
    values: Mapping[str, np.ndarray | None],
    shape: Shape,
    rank: np.ndarray,
) -> ServiceImpact:
    known = {part: None if each is None else float(each[i]) for part, each in values.items()}
    parts = _parts(known)
    impact = round(sum(part.contribution for part in parts), 6)
    fan_in = Fan(int(shape.adjacent[:, i].sum()), int(shape.reach[:, i].sum()))
    return ServiceImpact(
        service=flow.names[i],
        type=node_type,
        impact=impact,
        fan_in=fan_in,
        fan_out=Fan(int(shape.adjacent[i].sum()), int(shape.reach[i].sum())),
        entry_share=known["entry_share"],
        betweenness=float(shape.betweenness[i]),
        pagerank=float(rank[i]),
        articulation=bool(shape.articulation[i]),
        cut_off=known["cut_off"],
        parts=parts,
        summary=_summary(flow.names[i], impact, fan_in, known["entry_share"], known["cut_off"]),
    )


def _parts(values: Mapping[str, float | None]) -> tuple[ImpactPart, ...]:
    """The parts; the weight of what is unknown is shared out over the rest."""
    known = sum(WEIGHTS[name] for name, value in values.items() if value is not None)
    parts = []
    for name, value in values.items():
        weight = 0.0 if value is None else round(WEIGHTS[name] / known, 9)
        parts.append(ImpactPart(name, value, weight, 100.0 * weight * (value or 0.0)))
    return tuple(parts)


def _summary(name: str, impact: float, fan_in: Fan, entry_share: float | None, cut_off: float | None) -> Message:
    values: dict[str, MessageValue] = {"service": name, "score": impact, "callers": fan_in.transitive}
    if entry_share is None:
        return Message("impact.without_entries", values)
    if entry_share == 0 and fan_in.transitive == 0:
        return Message("impact.unused", {"service": name})
    values["share"] = entry_share
    return Message("impact.sole_way", {**values, "cut": cut_off}) if cut_off else Message("impact.used", values)
