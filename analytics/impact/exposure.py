"""How much of the entry requests touches each node, and how much of them fails without it; per journey too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.impact.flow import Flow, entry_shares
from analytics.impact.model import ImpactModel, Method
from analytics.impact.propagation import spread_all, spread_graph
from analytics.impact.transmission import PRIOR

JOURNEYS_MAX = 5


@dataclass(frozen=True, slots=True)
class JourneyShare:
    """One journey (entry operation) that touches a node. share: of all entry requests; touched, failing: of its own."""

    service: str
    operation: str
    share: float
    touched: float
    failing: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """touched, failing: (n,) shares of all entry requests that touch a node, and that fail when it does.

    measured: (n,) bool, from sampled requests; the rest is estimated from the graph. journeys: for each node, those
    that touch it, the largest part of all entry requests first, JOURNEYS_MAX at most; none where estimated.
    """

    touched: np.ndarray
    failing: np.ndarray
    measured: np.ndarray
    journeys: tuple[tuple[JourneyShare, ...], ...]

    def method(self, node: int) -> Method:
        """How the numbers of that node were found."""
        return Method.TRACES if self.measured[node] else Method.GRAPH


def exposure(flow: Flow, model: ImpactModel | None = None) -> Exposure | None:
    """The Exposure of every node; None without entry requests. Cost: see `spread_graph` and `spread_all`."""
    estimated = entry_shares(flow)
    if estimated is None:
        return None
    n = len(flow.names)
    transmitted = np.where(flow.asynchronous, 0.0, PRIOR) if model is None else model.transmitted
    failing = spread_graph(flow, transmitted, np.arange(n)) @ (flow.entry / flow.entry.sum())
    bare = Exposure(estimated, np.minimum(failing, estimated), np.zeros(n, dtype=bool), ((),) * n)
    if model is None or model.visits is None or model.learned is None or not (model.journey >= 0).any():
        return bare
    return _measured(model, bare)


def _measured(model: ImpactModel, bare: Exposure) -> Exposure:
    """Journeys that were sampled stand for those that were not."""
    assert model.visits is not None and model.learned is not None
    learned = model.learned
    spread = spread_all(model.visits, learned.weight, learned.group, model.journey, len(model.journeys))
    asked = np.maximum(spread.requests, 1)
    touched, failing = spread.journeys_touched / asked, spread.journeys_hit / asked
    share = np.array([one.share if one.sampled else 0.0 for one in model.journeys])
    share = share / max(share.sum(), 1e-12)
    known = spread.visits > 0
    return Exposure(
        np.where(known, touched @ share, bare.touched),
        np.where(known, failing @ share, bare.failing),
        known,
        tuple(_journeys(model, touched[node], failing[node]) for node in range(len(known))),
    )


def _journeys(model: ImpactModel, touched: np.ndarray, failing: np.ndarray) -> tuple[JourneyShare, ...]:
    share = np.array([one.share for one in model.journeys])
    order = np.argsort(-touched * share, kind="stable")[:JOURNEYS_MAX].tolist()
    return tuple(
        JourneyShare(
            model.journeys[i].service,
            model.journeys[i].operation,
            model.journeys[i].share,
            float(touched[i]),
            float(failing[i]),
        )
        for i in order
        if touched[i] > 0
    )
