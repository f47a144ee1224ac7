"""Slots of a World."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.world_build import build_world
from analytics.world_timeline import SLOTS_MAX, choose_step_ns, default_baseline, lay_out
from causeway.errors import ConfigError
from causeway.window import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Window
from tests.table_store import TableStore

START = 1_700_000_000 * SECOND_NS


@pytest.mark.parametrize(
    ("total_ns", "step_ns"),
    [
        (10 * MINUTE_NS, 10 * SECOND_NS),
        (3 * HOUR_NS, 10 * SECOND_NS),
        (3 * HOUR_NS + 1, MINUTE_NS),
        (DAY_NS, MINUTE_NS),
        (7 * DAY_NS, 6 * MINUTE_NS),
    ],
)
def test_step_grows_with_the_time_covered(total_ns: int, step_ns: int) -> None:
    """Ten seconds up to three hours, minutes beyond, never more than 2,000 slots there."""
    assert choose_step_ns(total_ns) == step_ns
    assert step_ns == 10 * SECOND_NS or total_ns / step_ns <= SLOTS_MAX


@pytest.mark.parametrize(("hours", "baseline_hours"), [(0.25, 1.0), (0.5, 1.0), (2.0, 4.0)])
def test_default_baseline_is_an_hour_or_twice_the_window(hours: float, baseline_hours: float) -> None:
    """The usual is read from the hour before, or from twice the window where that is more."""
    window = Window(START, START + int(hours * HOUR_NS))
    baseline = default_baseline(window)
    assert baseline.end_ns == window.start_ns
    assert baseline.duration_ns == int(baseline_hours * HOUR_NS)


def test_shared_slot_belongs_to_the_window() -> None:
    """Window and baseline are widened to whole slots; the one they share is the window's. One read covers
    both."""
    window = Window(START + 4 * SECOND_NS, START + 35 * SECOND_NS)
    spans = lay_out(window, window.before(27 * SECOND_NS))
    times = (spans.timeline.times_ns - START) // SECOND_NS
    assert times.tolist() == [-30, -20, -10, 0, 10, 20, 30]
    assert spans.timeline.in_window.tolist() == [False] * 3 + [True] * 4
    assert spans.reads == (Window(START - 30 * SECOND_NS, START + 40 * SECOND_NS),)


def test_baseline_may_lie_apart() -> None:
    """A baseline of yesterday is read on its own; slots stay ascending."""
    window = Window(START, START + MINUTE_NS)
    spans = lay_out(window, window.before(MINUTE_NS).shifted(-DAY_NS))
    assert len(spans.reads) == 2
    assert np.all(np.diff(spans.timeline.times_ns) > 0)
    assert spans.timeline.in_window.sum() == 6


def test_baseline_after_the_window_is_refused() -> None:
    """What is usual cannot be read from the window itself or from later."""
    window = Window(START, START + MINUTE_NS)
    with pytest.raises(ConfigError, match="baseline must begin before"):
        build_world(TableStore(), window, window)
