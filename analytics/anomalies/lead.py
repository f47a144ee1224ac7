"""Where an event seems to begin: a hint for whoever looks first, no diagnosis.

Of the entities that alarm within the first two minutes those count that no other of them explains: failures, latency
and resources are explained by a callee that alarms as well, more or fewer requests and lines by a caller that has them
too. The largest sum of scores leads, ties by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analytics.anomalies.events import AnomalyEvent
from analytics.anomalies.read_calls import REQUESTS
from analytics.anomalies.read_logs import LINES
from causeway.window import MINUTE_NS

LEAD_NS = 2 * MINUTE_NS
_TRAFFIC = frozenset({REQUESTS, LINES})


def lead_of(event: AnomalyEvent, calls: Mapping[str, Iterable[str]]) -> str:
    """The entity that leads. calls: callees by caller."""
    early = [alarm for alarm in event.alarms if alarm.at_ns <= event.start_ns + LEAD_NS]
    weights: dict[str, dict[str, float]] = {}
    for alarm in early:
        series = weights.setdefault(alarm.entity, {})
        series[alarm.series] = max(series.get(alarm.series, 0.0), alarm.score)
    suffers = {entity for entity, series in weights.items() if not _TRAFFIC.issuperset(series)}
    callers: dict[str, set[str]] = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    explained = {
        entity
        for entity in weights
        if (
            any(callee in suffers for callee in calls.get(entity, ()))
            if entity in suffers
            else any(other in weights for other in callers.get(entity, ()))
        )
    }
    chosen = [entity for entity in weights if entity not in explained] or list(weights)
    return min(chosen, key=lambda entity: (-sum(weights[entity].values()), entity))
