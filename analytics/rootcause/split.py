"""Which slots count as before and after a supposed onset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.world import Timeline

GUARD_SLOTS = 1  # the slot just before an onset may hold some of it already


@dataclass(frozen=True, slots=True)
class Split:
    """before, after: (t,) bool, disjoint. `onset` is the slot at which `after` begins."""

    before: np.ndarray
    after: np.ndarray
    onset: int


def split_at(timeline: Timeline, onset: int) -> Split:
    """Everything up to the guard gap against everything from the onset on."""
    slots = np.arange(len(timeline))
    before = slots < onset - GUARD_SLOTS
    if not before.any():
        before = slots < onset
    return Split(before, slots >= onset, onset)
