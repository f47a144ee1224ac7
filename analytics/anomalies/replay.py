"""The events of a window worked out from what is stored, without anything that was kept."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.anomalies.calling import Calling
from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvents, grouped
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.readings import Readings, read
from analytics.anomalies.series import STEP_NS
from analytics.anomalies.streams import Streams
from causeway.stores.contract import Reader
from causeway.window import HOUR_NS, SECOND_NS, Window

# What is read at a time: minutes of 20,000 series in 60 MB.
PIECE_NS = 6 * HOUR_NS
# Events of a window are those with an alarm in it; what began up to so long before is told from its beginning.
BEFORE_NS = HOUR_NS
_SOURCES = ("rollup_coverage", "rollup_logs", "samples")


def replayed(reader: Reader, window: Window, options: AnomalyOptions | None = None) -> FoundEvents:
    """The events with an alarm in the window. The same store gives the same answer.

    Learned from `history_days` before the window, as far as there is anything. Cost: reading all of it, and about
    40 ns for each point.
    """
    chosen = options or AnomalyOptions()
    streams = Streams(chosen)
    whole = Window(window.start_ns // STEP_NS * STEP_NS, window.end_ns)
    first = first_ns(reader)
    history = int(chosen.history_days * 24 * 3600) * SECOND_NS
    begin = whole.start_ns - history if first is None else max(whole.start_ns - history, first)
    shown_from = max(whole.start_ns - BEFORE_NS, begin)
    for piece in pieces(begin, shown_from):
        streams.feed(read(reader, piece))
    alarms: list[Alarm] = []
    for piece in pieces(shown_from, whole.end_ns):
        alarms += judged_minutes(streams, read(reader, piece))
    events = [event for event in grouped(alarms, Calling(reader)) if event.last_ns >= window.start_ns]
    start, until = max(window.start_ns, streams.judges_from_ns), min(streams.until_ns, window.end_ns)
    judged = 0 < streams.judges_from_ns < until
    return FoundEvents(
        window,
        tuple(events),
        streams.learned,
        kept=False,
        judged_from_ns=start if judged else None,
        judged_until_ns=until if judged else None,
    )


def judged_minutes(streams: Streams, readings: Readings) -> list[Alarm]:
    """One minute after the other, so that each alarm has the bar of its own minute."""
    found: list[Alarm] = []
    for place in range(len(readings.times_ns)):
        found += streams.feed(readings.minutes(place, place + 1))
    return found


def pieces(start_ns: int, end_ns: int) -> Iterator[Window]:
    """Windows of at most PIECE_NS from the first to the last whole minute."""
    while start_ns + STEP_NS <= end_ns:
        piece = Window(start_ns, min(start_ns + PIECE_NS, end_ns // STEP_NS * STEP_NS))
        yield piece
        start_ns = piece.end_ns


def first_ns(reader: Reader) -> int | None:
    """The first whole minute of which anything is stored; None for an empty store."""
    found = [table.first_ns for table in reader.status().tables if table.name in _SOURCES]
    known = [time for time in found if time is not None]
    return -(-min(known) // STEP_NS) * STEP_NS if known else None
