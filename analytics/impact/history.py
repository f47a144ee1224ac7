"""How the impact factor went: the job that keeps it for every full hour, and what is kept as series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.callgraph.graph import call_graph
from analytics.impact.model import read_model
from analytics.impact.scores import impact_scores
from analytics.world_build import build_world
from causeway.jobs import LAG_NS, JobContext
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import HOUR_NS, MINUTE_NS, SECOND_NS, Window, iso

# What came late is in it, and rollups over Elasticsearch are computed.
SETTLED_NS = 2 * MINUTE_NS
# After a pause, or where there was data before the first analyzer: so many hours are made up for, the newest first.
CATCH_UP_NS = 24 * HOUR_NS
# What people are shown beside a score.
RECENT_NS = 3 * 24 * HOUR_NS
_CALLS = ("spans", "rollup_coverage")
# Between two hours that are made up for, so that nothing else waits.
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class ImpactHistory:
    """hours_ns: the beginnings of hours, ascending and without holes; impacts: by service, a factor or None for each.

    None: the service was not seen in that hour, or the hour was not looked at.
    """

    hours_ns: tuple[int, ...]
    impacts: Mapping[str, tuple[float | None, ...]]

    def of(self, service: str) -> tuple[float | None, ...]:
        """Its factors, one for each hour."""
        return self.impacts.get(service, (None,) * len(self.hours_ns))


NO_HISTORY = ImpactHistory((), {})


def history_of(state: State, window: Window, service: str | None = None) -> ImpactHistory:
    """What is kept of the hours that begin in the window."""
    marks = state.impact_history(window.start_ns, window.end_ns, service=service)
    first_ns = -(-window.start_ns // HOUR_NS) * HOUR_NS
    hours = tuple(range(first_ns, window.end_ns, HOUR_NS))
    found: dict[str, list[float | None]] = {}
    for mark in marks:
        series = found.setdefault(mark.service, [None] * len(hours))
        series[(mark.hour_ns - first_ns) // HOUR_NS] = mark.impact
    return ImpactHistory(hours, {name: tuple(series) for name, series in sorted(found.items())})


def recent_history(
    state: State, end_ns: int, service: str | None = None, *, start_ns: int | None = None
) -> ImpactHistory:
    """As `history_of`, of the RECENT_NS that end there or since `start_ns` where that is earlier.

    From the first hour with anything on.
    """
    since_ns = end_ns - RECENT_NS if start_ns is None else min(end_ns - RECENT_NS, start_ns)
    found = history_of(state, Window(max(0, since_ns), end_ns), service)
    known = [place for series in found.impacts.values() for place, value in enumerate(series) if value is not None]
    first = min(known, default=len(found.hours_ns))
    return ImpactHistory(found.hours_ns[first:], {name: series[first:] for name, series in found.impacts.items()})


def history_json(history: ImpactHistory) -> dict[str, Any]:
    """The document of `GET /api/v1/impact/history`, see docs/json.md."""
    services = {name: list(series) for name, series in history.impacts.items()}
    return {"hours": [iso(hour) for hour in history.hours_ns], "services": services}


def job(context: JobContext) -> float:
    """Keep the newest full hour that is not kept yet; the seconds until the next look."""
    now_ns = context.now_ns - LAG_NS - SETTLED_NS
    newest_ns = now_ns // HOUR_NS * HOUR_NS - HOUR_NS
    next_s = (newest_ns + 2 * HOUR_NS - now_ns) / SECOND_NS
    since_ns = _first_hour_ns(context.reader)
    if since_ns is None:
        return min(next_s, 60.0)
    oldest_ns = max(newest_ns - CATCH_UP_NS + HOUR_NS, since_ns)
    known = context.state.impact_hours(oldest_ns, newest_ns + HOUR_NS)
    missing = [hour for hour in range(newest_ns, oldest_ns - 1, -HOUR_NS) if hour not in known]
    if not missing:
        return next_s
    impacts = hourly_impacts(context.reader, missing[0])
    if context.leads():
        context.state.add_impacts(missing[0], impacts)
    return PAUSE_S if len(missing) > 1 else next_s


def hourly_impacts(reader: Reader, hour_ns: int) -> dict[str, float]:
    """The factor of every node over one hour, by name; empty where nothing was seen. Cost: that of a World."""
    world = build_world(reader, Window(hour_ns, hour_ns + HOUR_NS), calls_only=True)
    graph = call_graph(world)
    if not len(graph.nodes):
        return {}
    return {one.service: one.impact for one in impact_scores(world, graph, read_model(reader, graph))}


def _first_hour_ns(reader: Reader) -> int | None:
    """The first hour with calls, also where it begins in the middle of one; None without any."""
    tables = [one for one in reader.status().tables if one.name in _CALLS]
    return min((one.first_ns // HOUR_NS * HOUR_NS for one in tables if one.first_ns is not None), default=None)
