"""Plays a recording to a server: at its own pace, faster, or as fast as the server takes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from causeway.otlp.send import Export, Sender, SendOptions, Tally
from causeway.window import SECOND_NS
from collectors.replay.exports import Cut, Due, Shift, exports
from collectors.replay.recording import Recording

# At a pace, a request holds at most this much recorded time, so that records arrive about when they should.
_PACED_SPAN_NS = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """speed: recorded seconds per second, None for as fast as possible. shift_to_ns: see `shift_of`."""

    speed: float | None = None
    shift_to_ns: int | None = None
    records_per_request: int = 1000
    send: SendOptions | None = None


def shift_of(recording: Recording, options: ReplayOptions) -> Shift:
    """The shift asked for: at a pace the first record moves to that time, else the last one does."""
    if options.shift_to_ns is None:
        return Shift()
    extent = recording.span_of_time()
    anchor = extent.start_ns if options.speed else extent.end_ns - 1
    return Shift(options.shift_to_ns - anchor)


def replay(
    recording: Recording, *, to: str, options: ReplayOptions, progress: Callable[[Export], None] | None = None
) -> Mapping[str, Tally]:
    """Send every record; what became of them by signal. Raises SendError."""
    cut = Cut(options.records_per_request, _PACED_SPAN_NS if options.speed else None)
    due = exports(recording, cut=cut, shift=shift_of(recording, options))
    with Sender(to, options.send) as sender:
        sender.probe()
        sender.send_all(_paced(due, options.speed), progress=progress)
    return sender.tallies


def _paced(due: Iterator[Due], speed: float | None) -> Iterator[Export]:
    began, first_ns = time.monotonic(), None
    for item in due:
        if speed:
            first_ns = item.time_ns if first_ns is None else first_ns
            wait_s = began + (item.time_ns - first_ns) / SECOND_NS / speed - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
        yield item.export
