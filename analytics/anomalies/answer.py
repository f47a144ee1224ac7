"""The events of a window, from whoever knows them: the job that kept them, or else what is stored."""

from __future__ import annotations

from dataclasses import replace

from analytics.anomalies.found import FoundEvents
from analytics.anomalies.kept import kept_events
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.replay import replayed
from causeway.state import State
from causeway.stores.contract import Reader
from causeway.window import Window


def anomalies_of(
    reader: Reader,
    state: State | None,
    window: Window,
    options: AnomalyOptions | None = None,
    *,
    compute: bool = False,
) -> FoundEvents:
    """The kept events; worked out where the job judged nothing of the window, or with `compute`."""
    if state is not None and not compute:
        kept = kept_events(state, window)
        if kept is not None and kept.judged_until_ns is not None:
            return kept
    return replayed(reader, window, options)


def with_entity(found: FoundEvents, entity: str) -> FoundEvents:
    """Only the events in which that entity takes part."""
    return replace(found, events=tuple(event for event in found.events if entity in event.entities))
