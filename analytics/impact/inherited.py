"""What a service suffers because of those it calls, so that it counts once: where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import networkx as nx
import numpy as np
import pandas as pd

from analytics.world import CallSeries, World
from causeway.findings import Finding, Verdict

# Judgements about time: who waits for something slow is slow.
SLOW = ("latency", "database_latency")


class Failed(NamedTuple):
    """Requests to a node, those that failed, and those that failed through no fault of what it called.

    errors: what it said or what its callers saw, whichever is more: who is down says nothing. own: at least so many,
    errors less the calls it made that failed; where it got over some of those, more are its own.
    """

    calls: float
    errors: float
    own: float


class Failures:
    """Failed requests of every node. Cost: linear in nodes and edges."""

    def __init__(self, world: World) -> None:
        self._services, self._edges = world.services, world.edge_series
        self._served = _rows(world.services, "service")
        self._to, self._from = _rows(world.edge_series, "callee"), _rows(world.edge_series, "caller")
        self._callees = world.edge_series.keys.get_level_values("callee")

    def of(self, service: str, slots: np.ndarray) -> Failed | None:
        """Over those slots; None where nobody asked anything of it."""
        served, seen = self._served.get(service), self._to.get(service)
        if served is None and seen is None:
            return None
        said, noticed = _sums(self._services, served, slots), _sums(self._edges, seen, slots)
        errors = max(said[1], noticed[1])
        below = _sums(self._edges, self._from.get(service), slots)[1]
        return Failed(max(said[0], noticed[0]), errors, max(0.0, errors - below))

    def source(self, service: str, slots: np.ndarray) -> str:
        """Whom it called in vain most often, the first by name among equals; itself where no call failed."""
        rows = self._from.get(service)
        if rows is None:
            return service
        failed = np.nansum(self._edges.errors[np.ix_(rows, slots)], axis=1, dtype=np.float64)
        worst = failed.max(initial=0.0)
        return min(map(str, self._callees[rows[failed == worst]])) if worst > 0 else service


def slow_sources(world: World, findings: Iterable[Finding]) -> dict[str, str]:
    """For each node that is slow: one that it calls that is slow too, and at least as badly judged.

    Within a ring of calls nobody is another's source. Ties by name.
    """
    slow: dict[str, int] = {}
    for one in findings:
        if one.inspection in SLOW and one.verdict in {Verdict.WARNING, Verdict.CRITICAL}:
            slow[one.entity] = max(one.verdict.rank, slow.get(one.entity, 0))
    calls = nx.DiGraph(zip(world.asked["caller"].astype(str), world.asked["callee"].astype(str), strict=True))
    ring = {name: place for place, ring in enumerate(nx.strongly_connected_components(calls)) for name in ring}
    found: dict[str, str] = {}
    for caller, callee in sorted(calls.edges, key=lambda edge: (edge[0], -slow.get(edge[1], 0), edge[1])):
        worse = slow.get(callee, -1) >= slow.get(caller, len(Verdict))
        if worse and ring[caller] != ring[callee]:
            found.setdefault(caller, callee)
    return found


def _rows(series: CallSeries, level: str) -> Mapping[str, np.ndarray]:
    names = series.keys.get_level_values(level).astype(str)
    grouped = pd.Series(range(len(names))).groupby(names).indices
    return {str(name): np.asarray(rows) for name, rows in grouped.items()}


def _sums(series: CallSeries, rows: np.ndarray | None, slots: np.ndarray) -> tuple[float, float]:
    if rows is None:
        return 0.0, 0.0
    chosen = np.ix_(rows, slots)
    sums = (float(np.nansum(matrix[chosen], dtype=np.float64)) for matrix in (series.calls, series.errors))
    return next(sums), next(sums)
