"""How much each service matters: who depends on it, how many requests touch it, what falls with it; one
score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from analytics.callgraph.graph import CallGraph
from analytics.impact.exposure import Exposure, JourneyShare, exposure
from analytics.impact.flow import Flow, flow_of, pagerank
from analytics.impact.model import ImpactModel, Method
from analytics.impact.placement import NOTHING_KNOWN, Redundancy, redundancies
from analytics.impact.shape import Shape, cut_off, shape_of
from analytics.impact.transmission import Transmission
from analytics.world import World
from causeway import wire
from causeway.findings import Message, MessageValue
from causeway.window import Window, iso

# What counts how much. Requests that users feel come first; what only the shape of the graph tells comes
# last.
WEIGHTS: Mapping[str, float] = {
    "entry_share": 0.30,
    "failing": 0.20,
    "cut_off": 0.10,
    "dependents": 0.15,
    "pagerank": 0.10,
    "betweenness": 0.10,
    "redundancy": 0.05,
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

    impact: 0-100. entry_share: share of entry requests that touch it; failing: share that fails when it does; both None
    without entry requests. method: of both, see `Method`. betweenness: share of all shortest paths between others that
    pass it. pagerank: started at the entries. articulation: the graph (directions aside) falls apart without it.
    cut_off: share of the other nodes that entry requests reach only through it; None without entry requests. journeys:
    entry operations that touch it.
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
    failing: float | None = None
    method: Method = Method.GRAPH
    redundancy: Redundancy = NOTHING_KNOWN
    journeys: tuple[JourneyShare, ...] = ()


def impact_scores(world: World, graph: CallGraph, model: ImpactModel | None = None) -> tuple[ServiceImpact, ...]:
    """Every node of the graph, most important first; ties by name. A pure function; see `shape_of` for its cost.

    Cycles are no trouble: nobody depends on itself. `graph` is a call graph of `world`; `model`: of its services, whose
    sampled requests measure what is estimated without them.
    """
    assert graph.window == world.window, "the graph is of another window"
    placements = () if model is None else model.placements
    return scores_of(graph, model, redundancies(placements, instances_of(world)))


def scores_of(
    graph: CallGraph,
    model: ImpactModel | None = None,
    spread: Mapping[str, Redundancy] = MappingProxyType({}),
) -> tuple[ServiceImpact, ...]:
    """As `impact_scores`, for who has only the graph. spread: how redundant services are, by name."""
    flow = flow_of(graph)
    known = None if model is None or model.flow.names != flow.names else model
    shape, exposed, rank = shape_of(flow), exposure(flow, known), pagerank(flow)
    values: dict[str, np.ndarray | None] = {
        "entry_share": None if exposed is None else exposed.touched,
        "failing": None if exposed is None else exposed.failing,
        "cut_off": None if exposed is None else cut_off(flow),
        "dependents": _dependents(flow, shape),
        "pagerank": _of_largest(rank),
        "betweenness": _of_largest(shape.betweenness),
        "redundancy": _singleness(flow, shape, spread),
    }
    types = dict(zip(graph.nodes["id"], graph.nodes["type"], strict=True))
    facts = _Facts(flow, shape, rank, exposed, spread)
    impacts = [_impact(i, types[name], values, facts) for i, name in enumerate(flow.names)]
    return tuple(sorted(impacts, key=lambda impact: (-impact.impact, impact.service)))


def instances_of(world: World) -> dict[str, int]:
    """service -> instances that served in the window, for services whose spans name them."""
    frame = world.instances.keys.to_frame(index=False)
    frame["calls"] = np.nansum(world.instances.calls[:, world.timeline.in_window], axis=1)
    frame = frame[(frame["instance"] != "") & (frame["calls"] > 0)]
    return {str(name): int(count) for name, count in frame.groupby("service")["instance"].nunique().items()}


def impacts_json(graph: CallGraph, impacts: Sequence[ServiceImpact], *, language: str = "en") -> dict[str, Any]:
    """The stable shape of `causeway impact --format json`, see docs/json.md."""
    guessed = any(one.method is Method.GRAPH and one.entry_share for one in impacts)
    return {
        "window": graph.window.as_json(),
        "baseline": graph.baseline.as_json(),
        "level": str(graph.level),
        "weights": dict(WEIGHTS),
        "estimated": ["entry_share", "failing"] if guessed else [],
        "services": wire.to_json(tuple(impacts), language),
    }


def impact_json(
    window: Window,
    one: ServiceImpact,
    edges: Sequence[Transmission],
    history: Mapping[int, float | None],
    *,
    language: str = "en",
) -> dict[str, Any]:
    """The stable shape of `causeway impact SERVICE --format json`, see docs/json.md. edges: those that lead to it.

    history: its factor by the beginning of each hour.
    """
    return {
        "window": window.as_json(),
        "weights": dict(WEIGHTS),
        "service": wire.to_json(one, language),
        "transmissions": wire.to_json(tuple(edges), language),
        "history": [{"hour": iso(hour), "impact": impact} for hour, impact in history.items()],
    }


@dataclass(frozen=True, slots=True)
class _Facts:
    flow: Flow
    shape: Shape
    rank: np.ndarray
    exposed: Exposure | None
    spread: Mapping[str, Redundancy]


def _singleness(flow: Flow, shape: Shape, spread: Mapping[str, Redundancy]) -> np.ndarray:
    """(n,) one over the places that a node runs in, 0 where nobody depends on it, NaN where not known."""
    places = np.array([spread[name].places if name in spread else np.nan for name in flow.names], dtype=np.float64)
    used = (flow.entry > 0) | shape.reach.any(axis=0)
    return np.where(used, 1.0 / places, np.where(np.isnan(places), np.nan, 0.0))


def _dependents(flow: Flow, shape: Shape) -> np.ndarray:
    """(n,) share of others that call a node in any number of steps. Users are one of them, of all they reach."""
    entered = flow.entry > 0
    by_users = entered | shape.reach[entered].any(axis=0)
    return (shape.reach.sum(axis=0) + by_users) / max(len(flow.names), 1)


def _of_largest(values: np.ndarray) -> np.ndarray:
    return values / max(values.max(initial=0.0), 1e-300)


def _impact(i: int, node_type: str, values: Mapping[str, np.ndarray | None], facts: _Facts) -> ServiceImpact:
    known = {part: None if each is None or np.isnan(each[i]) else float(each[i]) for part, each in values.items()}
    parts = _parts(known)
    impact = round(sum(part.contribution for part in parts), 6)
    shape, exposed, name = facts.shape, facts.exposed, facts.flow.names[i]
    fan_in = Fan(int(shape.adjacent[:, i].sum()), int(shape.reach[:, i].sum()))
    method = Method.GRAPH if exposed is None else exposed.method(i)
    return ServiceImpact(
        service=name,
        type=node_type,
        impact=impact,
        fan_in=fan_in,
        fan_out=Fan(int(shape.adjacent[i].sum()), int(shape.reach[i].sum())),
        entry_share=known["entry_share"],
        betweenness=float(shape.betweenness[i]),
        pagerank=float(facts.rank[i]),
        articulation=bool(shape.articulation[i]),
        cut_off=known["cut_off"],
        parts=parts,
        summary=_summary(name, impact, fan_in, known, method),
        failing=known["failing"],
        method=method,
        redundancy=facts.spread.get(name, NOTHING_KNOWN),
        journeys=() if exposed is None else exposed.journeys[i],
    )


def _parts(values: Mapping[str, float | None]) -> tuple[ImpactPart, ...]:
    """The parts; the weight of what is unknown is shared out over the rest."""
    known = sum(WEIGHTS[name] for name, value in values.items() if value is not None)
    parts = []
    for name, value in values.items():
        weight = 0.0 if value is None else round(WEIGHTS[name] / known, 9)
        parts.append(ImpactPart(name, value, weight, 100.0 * weight * (value or 0.0)))
    return tuple(parts)


def _summary(name: str, impact: float, fan_in: Fan, known: Mapping[str, float | None], method: Method) -> Message:
    values: dict[str, MessageValue] = {"service": name, "score": impact, "callers": fan_in.transitive}
    if known["entry_share"] is None:
        return Message("impact.without_entries", values)
    if known["entry_share"] == 0 and fan_in.transitive == 0:
        return Message("impact.unused", {"service": name})
    values |= {"share": known["entry_share"], "failing": known["failing"], "cut": known["cut_off"]}
    sentence = "sole_way" if known["cut_off"] else "used"
    return Message(f"impact.{sentence}" if method is Method.GRAPH else f"impact.{sentence}_measured", values)
