"""Events in the state: how they are written, and those of a window."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from analytics.anomalies.events import GAP_NS
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.streams import Learned
from causeway.deployment import Deployment
from causeway.state import AnomalyRow, State
from causeway.state.anomalies import EVENTS_MAX
from causeway.window import Window
from causeway.wire import from_json, to_json

# Events of a few minutes; more are a storm in which one event more or less is nothing.
_OPEN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job has come. from_ns: the first minute whose events are kept; judges_from_ns: the first that
    anything was judged in, 0 before; until_ns: the end of the last."""

    from_ns: int
    judges_from_ns: int
    until_ns: int
    learned: Learned


def row_of(event: FoundEvent) -> AnomalyRow:
    """The event as the state keeps it."""
    return AnomalyRow(event.start_ns, event.last_ns, event.lead, event.score, to_json(event), event.id)


def event_of(row: AnomalyRow) -> FoundEvent:
    """The event that was kept."""
    return replace(from_json(FoundEvent, row.body), id=row.id)


def progress_of(state: State) -> Progress | None:
    """What the job last said of itself; None where it never ran."""
    body: Mapping[str, Any] | None = state.anomaly_progress()
    return None if body is None else from_json(Progress, body)


def kept_events(state: State, window: Window) -> FoundEvents | None:
    """The kept events with an alarm in the window, the highest score first; None where the job never ran."""
    progress = progress_of(state)
    if progress is None:
        return None
    rows = state.anomaly_rows(window.start_ns, window.end_ns, limit=EVENTS_MAX + 1)
    events = sorted((event_of(row) for row in rows[:EVENTS_MAX]), key=lambda one: (-one.score, one.start_ns, one.lead))
    start, until = (
        max(window.start_ns, progress.from_ns, progress.judges_from_ns),
        min(window.end_ns, progress.until_ns),
    )
    judged = progress.judges_from_ns > 0 and start < until
    return FoundEvents(
        window,
        tuple(events),
        progress.learned,
        kept=True,
        judged_from_ns=start if judged else None,
        judged_until_ns=until if judged else None,
        truncated=len(rows) > EVENTS_MAX,
    )


def kept_anomalies(place: Deployment, window: Window) -> FoundEvents | None:
    """As `kept_events`, of a deployment's state; None where there is none yet."""
    if not place.has_state:
        return None
    with closing(place.open_state()) as state:
        return kept_events(state, window)


def _order(event: FoundEvent) -> tuple[float, int, str]:
    return -event.score, event.start_ns, event.lead


def open_events(state: State, until_ns: int) -> list[FoundEvent]:
    """Events that alarms from `until_ns` on may still belong to, also those that were seen before a restart."""
    return [event_of(row) for row in state.anomaly_rows(until_ns - GAP_NS, 1 << 62, limit=_OPEN_MAX)]
