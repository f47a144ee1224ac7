"""Blast radius: who is hit when something fails, how surely, and how much of each journey."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from analytics.impact.affected import affected, check_target
from analytics.impact.model import ImpactModel, Journey, Method, SampleSize
from analytics.impact.propagation import spread_graph, spread_one
from analytics.impact.target import Target, TargetKind
from causeway.errors import ConfigError
from causeway.findings import Message, MessageValue
from causeway.window import Window

# Less than this is noise of the shrinking.
PROBABILITY_MIN = 0.01
# A sum of costs, calls between, and the names on the way.
_Way = tuple[float, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Victim:
    """One that fails with the target, while all of the target fails.

    probability: that a request that still comes to it fails because of the target. touched: share of its requests that
    need the target at all, None where the method cannot tell. distance: calls between. path: from the target to it by
    the likeliest way, both included.
    """

    service: str
    type: str
    probability: float
    touched: float | None
    distance: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JourneyLoss:
    """What a journey (an entry operation) loses. share: of all entry requests; touched, failing: shares of its own."""

    service: str
    operation: str
    requests: int
    share: float
    touched: float
    failing: float
    method: Method


@dataclass(frozen=True, slots=True)
class Consequences:
    """The numbers behind a blast radius, journeys in the model's order.

    chance, touched, away: (n,) by node: that a request to it that still comes fails; that it needs the target (NaN
    where unknown); that it no longer comes.
    """

    method: Method
    chance: np.ndarray
    touched: np.ndarray
    away: np.ndarray
    journeys: tuple[JourneyLoss, ...]


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What the failure of the target does. Victims by probability, then name; journeys by what they lose.

    touched, failing: shares of all entry requests that need the target, and that fail with it; None without entry
    requests. starved: who gets less work then, because it comes through the target or its victims; its probability is
    the share of its requests that stay away. unknown: what could not be told, in words.
    """

    window: Window
    target: Target
    method: Method
    touched: float | None
    failing: float | None
    victims: tuple[Victim, ...]
    journeys: tuple[JourneyLoss, ...]
    starved: tuple[Victim, ...]
    sample: SampleSize
    summary: Message
    unknown: tuple[Message, ...]


def blast_radius(model: ImpactModel, target: Target) -> BlastRadius:
    """Who is hit when the target fails altogether. Raises ConfigError, naming what there is, for an unknown target."""
    found = consequences(model, target)
    victims = _victims(model, target, found)
    touched, failing = total(found.journeys, "touched"), total(found.journeys, "failing")
    return BlastRadius(
        window=model.window,
        target=target,
        method=found.method,
        touched=touched,
        failing=failing,
        victims=victims,
        journeys=tuple(sorted(found.journeys, key=_by_loss)),
        starved=_starved(model, target, found),
        sample=model.sample,
        summary=_summary(target, victims, failing),
        unknown=unknowns(model, found.method),
    )


def consequences(model: ImpactModel, target: Target) -> Consequences:
    """What the target's failure does to every node and journey. Raises ConfigError for an unknown target.

    By sampled requests where they hold the target; else over the graph, which knows services and edges only.
    """
    check_target(model, target)
    down = None if model.visits is None else affected(model, model.visits, target)
    graph = _over_graph(model, target)
    if model.visits is None or model.learned is None or down is None or not down.any():
        return graph
    spread = spread_one(model.visits, model.learned.weight, model.learned.group, down)
    chance, comes = (
        np.where(down, 0.0, spread.chance) if target.kind is TargetKind.EDGE else spread.chance,
        spread.comes,
    )
    of, known = model.visits.node, model.visits.node >= 0
    count = np.bincount(of[known], minlength=len(model.flow.names)).astype(np.float64)
    came = np.bincount(of[known], weights=comes[known], minlength=len(count))
    hit = np.bincount(of[known], weights=(chance * comes)[known], minlength=len(count))
    needed = np.bincount(of[known], weights=spread.needs[known], minlength=len(count))
    asked = model.journey >= 0
    lost = np.bincount(model.journey[asked], weights=chance[asked], minlength=len(model.journeys))
    touching = np.bincount(model.journey[asked], weights=spread.needs[asked], minlength=len(model.journeys))
    losses = [
        _loss(journey, touching[i] / journey.sampled, lost[i] / journey.sampled, Method.TRACES)
        if journey.sampled
        else graph.journeys[i]
        for i, journey in enumerate(model.journeys)
    ]
    some = np.maximum(count, 1.0)
    return Consequences(
        Method.TRACES,
        np.where(count > 0, hit / np.maximum(came, 1e-9), graph.chance),
        np.where(count > 0, needed / some, np.nan),
        (count - came) / some,
        tuple(losses),
    )


def total(journeys: tuple[JourneyLoss, ...], name: str) -> float | None:
    """The share of all entry requests: the mean over journeys by their requests; None without any."""
    share = sum(one.share for one in journeys)
    if share <= 0:
        return None
    return float(min(1.0, sum(one.share * getattr(one, name) for one in journeys) / share))


def unknowns(model: ImpactModel, method: Method) -> tuple[Message, ...]:
    """What an answer of this model cannot know."""
    found = []
    if not model.journeys:
        found.append(Message("impact.unknown_entries"))
    if method is Method.GRAPH:
        found.append(Message("impact.unknown_graph", {"prior": model.sample.prior}))
    else:
        guessed = sum(not one.measured and one.kind == "sync" for one in model.transmissions)
        if guessed:
            values = {"edges": guessed, "all": len(model.transmissions), "prior": model.sample.prior}
            found.append(Message("impact.unknown_edges", values))
    return tuple(found)


def _over_graph(model: ImpactModel, target: Target) -> Consequences:
    flow = model.flow
    n = len(flow.names)
    chance = np.zeros(n)
    if target.kind is TargetKind.SERVICE:
        chance = spread_graph(flow, model.transmitted, np.array([flow.names.index(target.name)]))[0]
    elif target.kind is TargetKind.EDGE:
        chance = _edge_over_graph(model, target)
    elif model.visits is None:
        raise ConfigError(
            f"{target.kind.value} {target.text!r}: the window holds no spans to tell from; name a service"
        )
    touching = _reach_share(model, target)
    losses = tuple(
        _loss(one, float(touching[flow.names.index(one.service)]), float(chance[flow.names.index(one.service)]))
        for one in model.journeys
    )
    return Consequences(Method.GRAPH, chance, np.full(n, np.nan), np.zeros(n), losses)


def _edge_over_graph(model: ImpactModel, target: Target) -> np.ndarray:
    """(n,) the caller fails with the share of its requests that need the edge; what depends on it as ever."""
    flow = model.flow
    caller, callee = flow.names.index(target.name), flow.names.index(str(target.part))
    edge = np.flatnonzero((flow.caller == caller) & (flow.callee == callee))[0]
    ratio = min(flow.calls[edge] / max(flow.served[caller], 1.0), 1.0) * model.transmitted[edge]
    return np.asarray(spread_graph(flow, model.transmitted, np.array([caller]))[0] * ratio)


def _reach_share(model: ImpactModel, target: Target) -> np.ndarray:
    """(n,) an upper bound of the share of each node's requests that touch the target: the spread without any loss."""
    flow = model.flow
    if target.kind not in {TargetKind.SERVICE, TargetKind.EDGE}:
        return np.zeros(len(flow.names))
    at = flow.names.index(target.name)
    return np.asarray(spread_graph(flow, np.ones(len(flow.calls)), np.array([at]))[0])


def _loss(journey: Journey, touched: float, failing: float, method: Method = Method.GRAPH) -> JourneyLoss:
    return JourneyLoss(
        journey.service,
        journey.operation,
        journey.requests,
        journey.share,
        float(min(1.0, max(touched, 0.0))),
        float(min(1.0, max(failing, 0.0))),
        method,
    )


def _by_loss(loss: JourneyLoss) -> tuple[float, float, str, str]:
    return (-loss.failing * loss.share, -loss.failing, loss.service, loss.operation)


def _victims(model: ImpactModel, target: Target, found: Consequences) -> tuple[Victim, ...]:
    names = model.flow.names
    ways = _likeliest_ways(model, target)
    victims = []
    for i in np.flatnonzero(found.chance >= PROBABILITY_MIN).tolist():
        if target.kind is TargetKind.SERVICE and names[i] == target.name:
            continue
        path = ways.get(i, (names[i],))
        touched = None if np.isnan(found.touched[i]) else float(found.touched[i])
        victims.append(Victim(names[i], model.types[i], float(min(found.chance[i], 1.0)), touched, len(path) - 1, path))
    return tuple(sorted(victims, key=lambda one: (-round(one.probability, 9), one.distance, one.service)))


def _likeliest_ways(model: ImpactModel, target: Target) -> dict[int, tuple[str, ...]]:
    """node -> names from the target to it, by the largest product of touched share and transmission (Dijkstra)."""
    flow, names = model.flow, model.flow.names
    starts = _starts(model, target)
    ratio = np.minimum(flow.calls / np.maximum(flow.served[flow.caller], 1.0), 1.0) * model.transmitted
    cost = -np.log(np.clip(ratio, 1e-12, 1.0))
    into: dict[int, list[int]] = {}
    for edge, callee in enumerate(flow.callee.tolist()):
        into.setdefault(callee, []).append(edge)
    best: dict[int, _Way] = {start: (0.0, 0, (names[start],)) for start in starts}
    ahead: list[tuple[float, int, tuple[str, ...], int]] = [(*best[start], start) for start in starts]
    heapq.heapify(ahead)
    while ahead:
        far, steps, path, at = heapq.heappop(ahead)
        if (far, steps, path) > best[at]:
            continue
        for edge in into.get(at, ()):
            caller = int(flow.caller[edge])
            way: _Way = (far + float(cost[edge]), steps + 1, (*path, names[caller]))
            if caller not in best or way < best[caller]:
                best[caller] = way
                heapq.heappush(ahead, (*way, caller))
    return {node: path for node, (_, _, path) in best.items()}


def _starts(model: ImpactModel, target: Target) -> list[int]:
    if target.kind not in {TargetKind.HOST, TargetKind.ZONE} or model.visits is None:
        return [model.flow.names.index(target.name)]
    node = model.visits.node[affected(model, model.visits, target)]
    return [int(code) for code in np.unique(node) if code >= 0]


def _starved(model: ImpactModel, target: Target, found: Consequences) -> tuple[Victim, ...]:
    names = model.flow.names
    idle = [
        Victim(names[i], model.types[i], float(min(found.away[i], 1.0)), None, 1, (target.text, names[i]))
        for i in np.flatnonzero(found.away >= PROBABILITY_MIN).tolist()
        if names[i] != target.name
    ]
    return tuple(sorted(idle, key=lambda one: (-round(one.probability, 9), one.service)))


def _summary(target: Target, victims: tuple[Victim, ...], failing: float | None) -> Message:
    services = sum(one.type == "service" for one in victims)
    if failing is None:
        return Message("impact.blast_without_entries", {"target": target.text, "victims": services})
    if not victims and failing < PROBABILITY_MIN:
        return Message("impact.blast_nobody", {"target": target.text})
    values: dict[str, MessageValue] = {"target": target.text, "failing": failing, "victims": services}
    return Message("impact.blast_summary", values)
