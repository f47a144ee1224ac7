"""Whether something is slower than it usually is: the worst sustained latency against its own history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.patrol.inspection import Options
from analytics.patrol.numbers import row_quantile, slots_of, sustained, window_sum
from analytics.world import CallSeries, Timeline
from causeway.findings import Verdict


@dataclass(frozen=True, slots=True)
class SlownessOptions(Options):
    """Thresholds are factors on the usual value.

    floor_ms: a smaller rise is never reported. sustained_s: how long it must last.
    calls_min: fewer calls in window or history give no verdict.
    """

    floor_ms: float = 20.0
    sustained_s: float = 120.0
    calls_min: int = 20


@dataclass(frozen=True, slots=True)
class Slowness:
    """One entry per row of the series. worst_ms: highest sustained p99 of the window; usual_ms: of the
    baseline.

    limit_ms: what the worst would have to pass for WARNING. calls_*: how much stands behind it.
    """

    worst_ms: np.ndarray
    usual_ms: np.ndarray
    limit_ms: np.ndarray
    calls: np.ndarray
    calls_before: np.ndarray

    def verdict(self, row: int, options: SlownessOptions) -> Verdict:
        """The judgement of one row; UNKNOWN where there are too few calls to tell."""
        if self.lacks(row, options):
            return Verdict.UNKNOWN
        worst, usual = self.worst_ms[row], self.usual_ms[row]
        if worst <= self.limit_ms[row]:
            return Verdict.OK
        return options.verdict(worst / max(usual, 1e-6))

    def lacks(self, row: int, options: SlownessOptions) -> str | None:
        """The case of the reason why it cannot be told, None where it can."""
        if self.calls[row] < options.calls_min or not np.isfinite(self.worst_ms[row]):
            return "too_few"
        if self.calls_before[row] < options.calls_min or not np.isfinite(self.usual_ms[row]):
            return "no_history"
        return None


def slowness(series: CallSeries, timeline: Timeline, options: SlownessOptions) -> Slowness:
    """The Slowness of every row of `series`.

    A row is slow where its sustained p99 is above `warn_above` times the usual one, above the highest 2 % of
    sustained values that its own history saw, and more than `floor_ms` above the usual.
    """
    inside = timeline.in_window
    level = sustained(series.latency_ms_p99, slots_of(timeline, options.sustained_s))
    usual = row_quantile(series.latency_ms_p99[:, ~inside], 0.5)
    seen = row_quantile(level[:, ~inside], 0.98)
    limit = np.fmax(np.fmax(usual * options.warn_above, usual + options.floor_ms), seen)
    return Slowness(
        worst_ms=row_quantile(level[:, inside], 1.0),
        usual_ms=usual,
        limit_ms=limit,
        calls=window_sum(series.calls, inside),
        calls_before=window_sum(series.calls, ~inside),
    )
