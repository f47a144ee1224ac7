"""Series that come and go, judged minute by minute: the detector, its alarms, and the last values of each series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.anomalies.alarms import AlarmGate
from analytics.anomalies.causes import Cause
from analytics.anomalies.detector import Detector
from analytics.anomalies.events import Alarm
from analytics.anomalies.matters import matters
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.places import Places
from analytics.anomalies.readings import Readings
from analytics.anomalies.series import STEP_NS
from causeway.window import HOUR_NS

# What came before a value, for people: three hours.
RECENT_POINTS = 180
RECENT_MIN = 10
# A series that had no value for so long is forgotten; its row may be taken.
FORGET_NS = 7 * 24 * HOUR_NS
# Beyond e**-10 of all blocks of hours a rarity says no more than "never seen".
SCORE_MAX = 10.0
_DAY_POINTS = 24 * HOUR_NS // STEP_NS
_ROWS_MIN = 64
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Learned:
    """How much is known. learning: series that are not judged yet; left_out: those beyond the cap, of the last
    minutes; until_ns: when the first series will be judged if minutes keep coming, None if one is or there are none."""

    series: int = 0
    learning: int = 0
    left_out: int = 0
    until_ns: int | None = None


class Streams:
    """The state of all series; about 12 kB each. For one thread.

    Minutes are given in order; cutting them into calls, or a restart between, changes no alarm.
    """

    def __init__(self, options: AnomalyOptions) -> None:
        self.options = options
        self.places = Places()
        self.detector = self._detector(0)
        self.gate = AlarmGate(0)
        self.recent = np.empty((0, RECENT_POINTS), np.float32)
        # By row: the first and the last value's time; points that were judged, and alarms among them.
        self.first_ns, self.last_ns = np.empty(0, np.int64), np.empty(0, np.int64)
        self.judged, self.alarmed = np.empty(0), np.empty(0)
        self.left_out = 0
        # The first minute in which any series was judged, and the end of the last one that was given; 0 before.
        self.judges_from_ns, self.until_ns = 0, 0

    @property
    def learned(self) -> Learned:
        """As after the last minutes."""
        mine = self.places.taken()
        if not len(mine):
            return Learned(left_out=self.left_out)
        learning = int(np.isnan(self.detector.bars()[mine]).sum())
        soonest = int(self.first_ns[mine].min()) + self.detector.learning_points * STEP_NS
        return Learned(len(mine), learning, self.left_out, soonest if learning == len(mine) else None)

    def feed(self, readings: Readings) -> list[Alarm]:
        """The alarms that start in these minutes, by time. O(series times minutes).

        The bar of an alarm is that after the last of the minutes: give one at a time where it is shown.
        """
        if not len(readings.times_ns):
            return []
        self._forget(int(readings.times_ns[0]))
        values = self._placed(readings)
        judged = self.detector.judge(readings.times_ns, values)
        score = np.minimum(judged.score.astype(np.float64), SCORE_MAX)
        window = np.concatenate([self.recent, values.astype(np.float32)], axis=1)
        told = np.isfinite(score)
        if not self.judges_from_ns and told.any():
            self.judges_from_ns = int(readings.times_ns[int(told.any(axis=0).argmax())])
        self._quiet(score, judged.cause, values, window)
        starts = self.gate.starts(score)
        self.judged += told.sum(axis=1)
        self.alarmed += starts.sum(axis=1)
        self.recent = np.ascontiguousarray(window[:, -RECENT_POINTS:])
        self.until_ns = int(readings.times_ns[-1]) + STEP_NS
        return self._alarms(starts, readings.times_ns, score, judged.cause, window) if starts.any() else []

    def grow(self, more: int) -> None:
        """Rows for so many series that nothing is known of."""
        size, fresh = self.places.size + more, self._detector(more).state()
        detector, gate = self._detector(size), AlarmGate(size)
        detector.restore({name: np.concatenate([old, fresh[name]]) for name, old in self.detector.state().items()})
        empty = AlarmGate(more).state()
        gate.restore({name: np.concatenate([old, empty[name]]) for name, old in self.gate.state().items()})
        self.detector, self.gate = detector, gate
        self.places.grow(more)
        self.recent = np.concatenate([self.recent, np.full((more, RECENT_POINTS), np.nan, np.float32)])
        self.first_ns = np.concatenate([self.first_ns, np.zeros(more, np.int64)])
        self.last_ns = np.concatenate([self.last_ns, np.zeros(more, np.int64)])
        self.judged = np.concatenate([self.judged, np.zeros(more)])
        self.alarmed = np.concatenate([self.alarmed, np.zeros(more)])

    def _detector(self, count: int) -> Detector:
        return Detector(count, step_ns=STEP_NS, settings=self.options.detector)

    def _placed(self, readings: Readings) -> np.ndarray:
        """(rows, t) values, with the zeros of counts that nothing was added to."""
        measured = np.isfinite(readings.values)
        self._admit(readings, measured)
        rows = self.places.find(readings.keys)
        mine = np.flatnonzero(rows >= 0)
        values = np.full((self.places.size, len(readings.times_ns)), np.nan)
        values[rows[mine]] = readings.values[mine]
        last = np.where(measured, readings.times_ns, 0).max(axis=1, initial=0)
        self.last_ns[rows[mine]] = np.maximum(self.last_ns[rows[mine]], last[mine])
        for kind, heard in readings.heard.items():
            counts = np.flatnonzero(self.places.is_count & (self.places.kind == kind))
            begun = readings.times_ns >= self.first_ns[counts][:, None]
            part = values[counts]
            values[counts] = np.where(np.isnan(part) & begun & heard, 0.0, part)
        return values

    def _admit(self, readings: Readings, measured: np.ndarray) -> None:
        """Rows for series that are new, while there is room; those that come first in `readings.keys` first."""
        unknown = np.flatnonzero((self.places.find(readings.keys) < 0) & measured.any(axis=1))
        room = max(self.options.series_max - len(self.places.rows), 0)
        self.left_out = max(len(unknown) - room, 0)
        new = unknown[:room].tolist()
        if not new:
            return
        free = self.places.free()
        if len(free) < len(new):
            size = self.places.size
            self.grow(max(len(new) - len(free), size // 2, _ROWS_MIN))
            free += range(size, self.places.size)
        for place, row in zip(new, free, strict=False):
            self.places.give(readings.keys[place], row)
            self.first_ns[row] = readings.times_ns[int(measured[place].argmax())]

    def _forget(self, now_ns: int) -> None:
        """Series that are silent for long give up their rows."""
        silent = (self.places.kind >= 0) & (self.last_ns > 0) & (now_ns - self.last_ns > FORGET_NS)
        if not silent.any():
            return
        names = self.places.names()
        gone = self.places.take([names[row] for row in np.flatnonzero(silent).tolist()])
        self.detector.forget(gone)
        self.gate.forget(gone)
        self.recent[gone], self.judged[gone], self.alarmed[gone] = np.nan, 0.0, 0.0
        self.first_ns[gone], self.last_ns[gone] = 0, 0

    def _quiet(self, score: np.ndarray, cause: np.ndarray, values: np.ndarray, window: np.ndarray) -> None:
        """Takes scores above 0 away, in place, where nothing that matters changed."""
        rows, at = np.nonzero(score > 0)
        if not len(rows):
            return
        value, why, places = values[rows, at], cause[rows, at], self.places
        enough = matters(value, why, _ranges(window, rows, at), (places.absolute[rows], places.share[rows]))
        enough &= (why != Cause.MISSING) | places.speaks[rows]
        # A count or a share that stays at nothing is not stuck.
        enough &= (why != Cause.FLAT) | (value != 0)
        score[rows[~enough], at[~enough]] = 0.0

    def _alarms(
        self, starts: np.ndarray, times_ns: np.ndarray, score: np.ndarray, cause: np.ndarray, window: np.ndarray
    ) -> list[Alarm]:
        rows, at = np.nonzero(starts)
        low, high = _ranges(window, rows, at)
        names, bars = self.places.names(), self.detector.bars()
        value = window[rows, RECENT_POINTS + at]
        found = []
        for i, (row, place) in enumerate(zip(rows.tolist(), at.tolist(), strict=True)):
            key = names[row]
            alarm = Alarm(
                int(times_ns[place]),
                key.entity,
                key.name,
                float(score[row, place]),
                Cause(int(cause[row, place])),
                unit=key.unit,
                value=_number(value[i]),
                low=_number(low[i]),
                high=_number(high[i]),
                bar=_number(bars[row]),
                per_week=self._per_week(row),
            )
            found.append(alarm)
        return sorted(found)

    def _per_week(self, row: int) -> float | None:
        """How often the series alarmed; None before a day of it was judged."""
        judged = float(self.judged[row])
        return float(self.alarmed[row]) / judged * 7 * _DAY_POINTS if judged >= _DAY_POINTS else None


def _ranges(window: np.ndarray, rows: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 5 % and 95 % quantiles of the RECENT_POINTS before each point; NaN where few of them are known.

    window: (n, RECENT_POINTS + t), so that the points before point `at` of the t begin at `at`.
    """
    before = window[rows[:, None], at[:, None] + np.arange(RECENT_POINTS)].astype(np.float64)
    count = np.isfinite(before).sum(axis=1)
    before.sort(axis=1)  # NaN last
    pick, last = np.arange(len(rows)), np.maximum(count - 1, 0)
    low, high = (before[pick, np.round(share * last).astype(np.int64)] for share in (_LOW, _HIGH))
    few = count < RECENT_MIN
    return np.where(few, np.nan, low), np.where(few, np.nan, high)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
