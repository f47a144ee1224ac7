"""The events of a window as people and programs get them, kept by the job or worked out from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from analytics.anomalies.calling import Calling
from analytics.anomalies.events import GAP_NS, Alarm, AnomalyEvent, anomaly_events
from analytics.anomalies.lead import lead_of
from analytics.anomalies.streams import Learned
from causeway.window import Window

# An event of more is cut to those that score most and the first; the count stays.
ALARMS_MAX = 300


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """Alarms that belong together. alarms: by time, the ALARMS_MAX that matter most; left_out: how many more.

    id: in the state, None where nobody kept it. entities: in the order of their first alarms.
    """

    start_ns: int
    last_ns: int
    lead: str
    score: float
    entities: tuple[str, ...]
    alarms: tuple[Alarm, ...]
    left_out: int = 0
    id: int | None = None

    @property
    def series(self) -> int:
        """How many series take part, of the alarms that are kept."""
        return len({(alarm.entity, alarm.series) for alarm in self.alarms})


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """events: by score, the highest first. kept: by the job; else worked out now, from history_ns before the window.

    judged_from_ns, judged_until_ns: the part of the window that was looked at; None where none was.
    """

    window: Window
    events: tuple[FoundEvent, ...]
    learned: Learned
    kept: bool
    judged_from_ns: int | None = None
    judged_until_ns: int | None = None
    truncated: bool = False


def grouped(alarms: Iterable[Alarm], calling: Calling) -> list[FoundEvent]:
    """The alarms as events, by score."""
    return [found_event(event, calling) for event in anomaly_events(alarms, calling.at)]


def found_event(event: AnomalyEvent, calling: Calling) -> FoundEvent:
    """The event with its lead, cut to what is kept of it."""
    kept: Sequence[Alarm] = event.alarms
    if len(kept) > ALARMS_MAX:
        first, *others = kept
        worst = sorted(others, key=lambda alarm: (-alarm.score, alarm))[: ALARMS_MAX - 1]
        kept = (first, *sorted(worst))
    return FoundEvent(
        start_ns=event.start_ns,
        last_ns=event.last_ns,
        lead=lead_of(event, calling.at(event.start_ns)),
        score=event.score,
        entities=event.entities,
        alarms=tuple(kept),
        left_out=len(event.alarms) - len(kept),
    )


def regrouped(open_events: Sequence[FoundEvent], alarms: Iterable[Alarm], calling: Calling) -> list[FoundEvent]:
    """Open events together with later alarms, as if all had been grouped at once; by score.

    An event keeps the id of the oldest that became part of it. Alarms that are known already change nothing.
    """
    together = {(alarm.at_ns, alarm.entity, alarm.series): alarm for alarm in alarms}
    owner: dict[tuple[int, str, str], FoundEvent] = {}
    for event in open_events:
        for alarm in event.alarms:
            together[alarm.at_ns, alarm.entity, alarm.series] = alarm
            owner[alarm.at_ns, alarm.entity, alarm.series] = event
    found = []
    for event in grouped(together.values(), calling):
        before = {id(one): one for a in event.alarms if (one := owner.get((a.at_ns, a.entity, a.series))) is not None}
        ids = [one.id for one in before.values() if one.id is not None]
        lost = sum(one.left_out for one in before.values())
        found.append(replace(event, id=min(ids, default=None), left_out=event.left_out + lost))
    return found


def is_open(event: FoundEvent, now_ns: int) -> bool:
    """Whether an alarm at `now_ns` may still belong to it."""
    return now_ns - event.last_ns <= GAP_NS
