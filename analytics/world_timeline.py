"""Which slots a World has: their length, and where the window and its baseline begin and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.world import Timeline
from causeway.records import ROLLUP_STEP_NS
from causeway.window import HOUR_NS, MINUTE_NS, Window

# Ten-second slots show an onset; over longer spans minutes do, and matrices stay small.
FINE_MAX_NS = 3 * HOUR_NS
SLOTS_MAX = 2000
BASELINE_NS = HOUR_NS


@dataclass(frozen=True, slots=True)
class Spans:
    """The slots of a World. `reads`: the windows to ask a store for; one where baseline and window touch."""

    baseline: Window
    window: Window
    timeline: Timeline
    reads: tuple[Window, ...]


def default_baseline(window: Window) -> Window:
    """The hour before the window, or twice the window's length where that is more."""
    return window.before(max(BASELINE_NS, 2 * window.duration_ns))


def choose_step_ns(total_ns: int) -> int:
    """10 s up to three hours in all, then whole minutes so that there are at most 2,000 slots."""
    if total_ns <= FINE_MAX_NS:
        return ROLLUP_STEP_NS
    minutes = max(1, -(-total_ns // (SLOTS_MAX * MINUTE_NS)))
    return minutes * MINUTE_NS


def lay_out(window: Window, baseline: Window) -> Spans:
    """The slots of both, aligned to the step; a slot that both share belongs to the window.

    The window is widened to whole slots, and so is the start of the baseline.
    """
    step = choose_step_ns(window.duration_ns + baseline.duration_ns)
    inner = window.aligned(step)
    outer = baseline.aligned(step)
    end = min(outer.end_ns, inner.start_ns) if outer.start_ns < inner.start_ns else outer.end_ns
    before = Window(min(outer.start_ns, end - step), end)
    times = np.concatenate([np.arange(part.start_ns, part.end_ns, step, dtype=np.int64) for part in (before, inner)])
    in_window = np.arange(len(times)) >= before.duration_ns // step
    touching = before.end_ns == inner.start_ns
    reads = (Window(before.start_ns, inner.end_ns),) if touching else (before, inner)
    return Spans(before, inner, Timeline(times, in_window, step), reads)
