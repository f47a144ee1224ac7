"""Reads a source that can count: all there is, oldest first, and then what comes, whenever it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from causeway import logs
from causeway.errors import StoreError
from causeway.window import HOUR_NS, MINUTE_NS, Window
from collectors.attach import slots as cursors
from collectors.attach.pages import SpanPage, tables_of
from collectors.attach.slots import SLOT_NS, Cursor
from collectors.attach.targets import Target

log = logs.get("attach")

ROUND_S = 5.0
LOOK_BACK_NS = 10 * MINUTE_NS  # counted in every round
WHOLE_EVERY_S = 600.0  # between two counts of everything, for documents that come later than that
AHEAD_NS = HOUR_NS  # clocks of senders may be fast
# Around a part that is read out of turn these neighbours are read again, so that parents and children meet; the
# linker of an embedded store remembers this many spans.
NEIGHBOURS_NS = MINUTE_NS
LINKER_SPANS = 500_000


class CountingSource(Protocol):
    """Documents by time."""

    def extent(self, window: Window) -> Window | None: ...

    def counts(self, window: Window) -> dict[int, int]: ...

    def read(self, window: Window, *, documents: int = 0) -> Iterator[SpanPage]: ...


@dataclass(slots=True)
class Progress:
    """What a run did so far. documents: also those that were read again."""

    documents: int = 0
    spans: int = 0
    ranges: int = 0


@dataclass(slots=True)
class Follower:
    """One run over a source. The cursor is written after what it speaks of is durable."""

    source: CountingSource
    target: Target
    cursor: Cursor
    path: Path
    stopping: threading.Event
    advance: Callable[[int], None] = lambda by: None  # noqa: ARG005
    progress: Progress = field(default_factory=Progress)
    # When each slot was last read, in spans read by this process until then.
    _lately: dict[int, int] = field(default_factory=dict)

    def unread(self, start_ns: int, now_ns: int) -> dict[int, int]:
        """Documents of each slot from then on, for `catch_up`. Raises StoreError."""
        extent = self.source.extent(_slots(start_ns, now_ns + AHEAD_NS))
        return {} if extent is None else self.source.counts(extent)

    def catch_up(self, found: Mapping[int, int]) -> None:
        """Read the slots that hold more than was read before, oldest first. Raises StoreError."""
        for window, _ in list(self.cursor.slots.ranges(found)):
            if self.stopping.is_set():
                return
            for neighbours in self._cold_neighbours(window):
                self._read(neighbours, found)
            self._read(window, found)
            self.progress.ranges += 1

    def follow(self, start_ns: int, *, clock: Callable[[], int] = time.time_ns) -> None:
        """Read what comes until asked to stop; what fails is tried again in the next round."""
        whole_at = time.monotonic() + WHOLE_EVERY_S
        failing = False
        while not self.stopping.wait(ROUND_S):
            try:
                whole = time.monotonic() >= whole_at
                self.catch_up(self._recent(start_ns, clock()) if not whole else self.unread(start_ns, clock()))
                whole_at = time.monotonic() + WHOLE_EVERY_S if whole else whole_at
            except StoreError as error:
                if not failing and not self.stopping.is_set():
                    log.warning("source.failed", error=str(error), retry="every round")
                failing = True
            else:
                if failing:
                    log.info("source.back")
                failing = False

    def _recent(self, start_ns: int, now_ns: int) -> dict[int, int]:
        return self.source.counts(_slots(max(start_ns, now_ns - LOOK_BACK_NS), now_ns + AHEAD_NS))

    def _read(self, window: Window, found: Mapping[int, int]) -> None:
        met: dict[int, int] = {}
        counted = sum(found.get(slot, 0) for slot in _starts(window))
        for page in self.source.read(window, documents=counted):
            if page.spans.num_rows:
                self.target.add(tables_of(page.spans))
            for slot, count in page.slots.items():
                met[slot] = met.get(slot, 0) + count
            self.progress.documents += page.documents
            self.progress.spans += page.spans.num_rows
            self.advance(page.documents)
            if self.stopping.is_set():
                raise StoreError("asked to stop in the middle of a part; it is read again next time")
        self.target.settle()
        self.cursor.slots.put(window, found, met)
        self._lately.update(dict.fromkeys(_starts(window), self.progress.spans))
        cursors.save(self.path, self.cursor)

    def _cold_neighbours(self, window: Window) -> Iterator[Window]:
        """The parts before and after that were read in an earlier run, or too long ago to be remembered."""
        before = Window(window.start_ns - NEIGHBOURS_NS, window.start_ns)
        after = Window(window.end_ns, window.end_ns + NEIGHBOURS_NS)
        for part in (before, after):
            if any(self._is_cold(slot) for slot in _starts(part)):
                yield part

    def _is_cold(self, slot: int) -> bool:
        if slot not in self.cursor.slots.read:
            return False
        at = self._lately.get(slot)
        return at is None or self.progress.spans - at > LINKER_SPANS


def _slots(start_ns: int, end_ns: int) -> Window:
    return Window(start_ns, end_ns).aligned(SLOT_NS)


def _starts(window: Window) -> range:
    return range(window.start_ns, window.end_ns, SLOT_NS)
