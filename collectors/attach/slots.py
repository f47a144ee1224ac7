"""Which parts of the source were read, by ten seconds of document time, and which of them have grown since.

Comparing counts finds what comes late, however late, without reading anything twice that has not changed.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from causeway.errors import StoreError
from causeway.window import Window

SLOT_NS = 10_000_000_000
RANGE_DOCUMENTS = 20_000  # read between two records of the cursor


@dataclass(slots=True)
class Slots:
    """Documents read so far of each slot (its start, ns)."""

    read: dict[int, int] = field(default_factory=dict)

    def changed(self, found: Mapping[int, int]) -> list[int]:
        """The slots that hold more than was read, oldest first."""
        return sorted(slot for slot, count in found.items() if count > self.read.get(slot, 0))

    def ranges(self, found: Mapping[int, int]) -> Iterator[tuple[Window, int]]:
        """The changed slots as windows of neighbouring slots, each with its documents; oldest first."""
        start, end, documents = 0, 0, 0
        for slot in self.changed(found):
            if documents and (slot != end or documents + found[slot] > RANGE_DOCUMENTS):
                yield Window(start, end), documents
                documents = 0
            if not documents:
                start = slot
            end, documents = slot + SLOT_NS, documents + found[slot]
        if documents:
            yield Window(start, end), documents

    def put(self, window: Window, found: Mapping[int, int], read: Mapping[int, int]) -> None:
        """Record a window as read: what was counted before it, or what was met, whichever is more."""
        for slot in range(window.start_ns, window.end_ns, SLOT_NS):
            count = max(found.get(slot, 0), read.get(slot, 0))
            if count:
                self.read[slot] = count

    def documents(self) -> int:
        return sum(self.read.values())


@dataclass(slots=True)
class Cursor:
    """What must be known to go on after a stop. `until_ns` is for sources that cannot count."""

    spans: str  # rollups or copy
    slots: Slots = field(default_factory=Slots)
    until_ns: int = 0


def load(path: Path) -> Cursor | None:
    """The cursor in a file; None where there is none. Raises StoreError when it is damaged."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            slots = dict(zip(stored["slots"].tolist(), stored["counts"].tolist(), strict=True))
            return Cursor(str(stored["spans"]), Slots(slots), int(stored["until_ns"]))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StoreError(f"the cursor in {path} is damaged; delete it, and all is read again") from error


def save(path: Path, cursor: Cursor) -> None:
    """Put the cursor into the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez_compressed(
            file,
            slots=np.fromiter(cursor.slots.read.keys(), np.int64),
            counts=np.fromiter(cursor.slots.read.values(), np.int64),
            until_ns=np.int64(cursor.until_ns),
            spans=np.str_(cursor.spans),
        )
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
