"""Events as a table, and one of them with everything that was seen."""

from __future__ import annotations

from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.words import reason, status, summary, why
from analytics.output import Column, Page
from causeway.findings import Message
from causeway.window import iso

_COLUMNS = ("event", "began", "lead", "entities", "series", "score", "summary")
_NUMBERS = ("event", "entities", "series", "score")


def show_events(found: FoundEvents, page: Page, *, limit: int) -> None:
    """What was judged, then one row per event, the highest score first."""
    page.line(Message("anomalies.title"), style="bold")
    for said in status(found):
        page.line(said)
    if not found.events:
        if found.judged_until_ns is not None:
            page.line(Message("anomalies.none"))
        return
    shown = found.events[:limit]
    columns = [Column(Message(f"anomalies.column_{name}"), number=name in _NUMBERS) for name in _COLUMNS]
    page.table(columns, [_row(event, number, page) for number, event in enumerate(shown, 1)])
    if len(shown) < len(found.events) and not found.truncated:
        page.line(Message("anomalies.truncated"), style="dim")
    page.line(Message("anomalies.footer"), style="dim")


def number_of(event: FoundEvent, place: int) -> int:
    """What an event is called: its number in the state, else its place in the answer, from 1 on."""
    return place if event.id is None else event.id


def _row(event: FoundEvent, place: int, page: Page) -> tuple[str, ...]:
    said = page.words(summary(event, page.language))
    counts = (str(len(event.entities)), str(event.series), f"{event.score:.1f}")
    return (str(number_of(event, place)), iso(event.start_ns), event.lead, *counts, said)


def show_event(event: FoundEvent, page: Page) -> None:
    """Every alarm of one event by time: what was seen, and why that is an alarm."""
    page.line(Message("anomalies.title"), style="bold")
    page.line(summary(event, page.language))
    for alarm in event.alarms:
        page.line("")
        page.line(f"{iso(alarm.at_ns)}  {page.words(reason(alarm, page.language))}")
        for said in why(alarm):
            page.line(f"  {page.words(said)}", style="dim")
    if event.left_out:
        page.line(Message("anomalies.alarms_left_out", {"left_out": event.left_out}))
