"""Events as JSON, see docs/json.md: what the command prints, the API serves and a notebook reads."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.words import reason, status, summary, why
from causeway.findings import Verdict
from causeway.messages import text
from causeway.window import iso


def verdict_of(found: FoundEvents) -> Verdict:
    """UNKNOWN where nothing was judged, else WARNING with an event and OK without one."""
    if found.events:
        return Verdict.WARNING
    return Verdict.UNKNOWN if found.judged_until_ns is None else Verdict.OK


def events_json(found: FoundEvents, language: str = "en") -> dict[str, Any]:
    """The whole answer."""
    return {
        "window": found.window.as_json(),
        "verdict": verdict_of(found).value,
        "kept": found.kept,
        "judged_from": _time(found.judged_from_ns),
        "judged_until": _time(found.judged_until_ns),
        "learned": asdict(found.learned),
        "status": [text(said, language) for said in status(found)],
        "truncated": found.truncated,
        "events": [event_json(event, language) for event in found.events],
    }


def event_json(event: FoundEvent, language: str = "en") -> dict[str, Any]:
    """One event with its alarms by time."""
    return {
        "id": event.id,
        "start": iso(event.start_ns),
        "start_ns": event.start_ns,
        "last": iso(event.last_ns),
        "last_ns": event.last_ns,
        "lead": event.lead,
        "entities": list(event.entities),
        "series": event.series,
        "score": event.score,
        "summary": text(summary(event, language), language),
        "alarms": [_alarm(alarm, language) for alarm in event.alarms],
        "alarms_left_out": event.left_out,
    }


def _alarm(alarm: Alarm, language: str) -> dict[str, Any]:
    return {
        "at": iso(alarm.at_ns),
        "at_ns": alarm.at_ns,
        "entity": alarm.entity,
        "series": alarm.series,
        "unit": alarm.unit,
        "value": alarm.value,
        "before_low": alarm.low,
        "before_high": alarm.high,
        "cause": alarm.cause.name.lower(),
        "score": alarm.score,
        "bar": alarm.bar,
        "alarms_per_week": alarm.per_week,
        "reason": text(reason(alarm, language), language),
        "why": [text(said, language) for said in why(alarm)],
    }


def _time(moment_ns: int | None) -> str | None:
    return None if moment_ns is None else iso(moment_ns)
