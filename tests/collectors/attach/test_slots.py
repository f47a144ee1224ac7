"""What was read is remembered by ten-second slots, and only what has grown is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from causeway.errors import StoreError
from causeway.window import Window
from collectors.attach import slots as cursors
from collectors.attach.slots import RANGE_DOCUMENTS, SLOT_NS, Cursor, Slots


def test_only_grown_slots_are_read() -> None:
    """A slot that holds as many as were read, or fewer because they were deleted, is left alone."""
    slots = Slots({0: 5, SLOT_NS: 5, 2 * SLOT_NS: 5})
    found = {0: 5, SLOT_NS: 3, 2 * SLOT_NS: 6, 3 * SLOT_NS: 1}
    assert slots.changed(found) == [2 * SLOT_NS, 3 * SLOT_NS]


def test_neighbours_are_read_together_up_to_a_size() -> None:
    """Oldest first; a gap or too many documents begin another part; every changed slot is in exactly one."""
    found = {0: 1, SLOT_NS: 2, 5 * SLOT_NS: RANGE_DOCUMENTS, 6 * SLOT_NS: 1, 9 * SLOT_NS: 1}
    assert list(Slots().ranges(found)) == [
        (Window(0, 2 * SLOT_NS), 3),
        (Window(5 * SLOT_NS, 6 * SLOT_NS), RANGE_DOCUMENTS),
        (Window(6 * SLOT_NS, 7 * SLOT_NS), 1),
        (Window(9 * SLOT_NS, 10 * SLOT_NS), 1),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_ranges_cover_what_changed(seed: int) -> None:
    """Whatever was read before: the parts are disjoint, in order, and hold the changed slots and no others."""
    rng = np.random.default_rng(seed)
    found = {int(slot) * SLOT_NS: int(rng.integers(1, RANGE_DOCUMENTS)) for slot in rng.integers(0, 60, 40)}
    slots = Slots({slot: int(rng.integers(0, count + 2)) for slot, count in found.items() if rng.random() < 0.5})
    covered = [slot for window, _ in slots.ranges(found) for slot in range(window.start_ns, window.end_ns, SLOT_NS)]
    assert covered == slots.changed(found)


def test_what_was_counted_before_reading_is_believed() -> None:
    """A document that the server files elsewhere than we read its time must not be fetched for ever."""
    slots = Slots()
    slots.put(Window(0, 2 * SLOT_NS), {0: 3, SLOT_NS: 1}, {0: 2, SLOT_NS: 2})
    assert slots.read == {0: 3, SLOT_NS: 2}


def test_the_cursor_comes_back(tmp_path: Path) -> None:
    """What was saved is loaded; no file is no cursor; a damaged one says what to do."""
    path = tmp_path / "attach" / "a.npz"
    assert cursors.load(path) is None
    cursor = Cursor("copy", Slots({SLOT_NS: 7}), until_ns=12)
    cursors.save(path, cursor)
    assert cursors.load(path) == cursor
    for damage in (b"nonsense", b"", path.read_bytes()[:100]):
        path.write_bytes(damage)
        with pytest.raises(StoreError, match="delete it, and all is read again"):
            cursors.load(path)
