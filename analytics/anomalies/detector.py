"""Label-free detection over many series at once, point by point: nothing looks ahead.

A point is forecast four ways: by the fast mean of the last points, by a slow mean, and by the time of day plus a fast
or a slow offset. The time of day has the hour of the week added once two weeks have shown that this errs less (a
business series on Sundays). Of the two fast ones and of the slow ones the one that erred less of late judges. An error,
in units of the recent mean error, counts by how rare it is in this series' own history: the largest error of each block
of hours follows about a Gumbel law (Fisher and Tippett 1928; Coles, An Introduction to Statistical Modeling of Extreme
Values, 2001, ch. 3), whose place and scale are taken from the quartiles of the blocks of the last weeks. Quartiles,
because history is full of incidents that nobody marked: up to a quarter of the blocks may be bad. A jump that the time
of day expects is none. Besides, a new extreme, a flat line, a plateau at an extreme and a gap are told by what each
series did before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.anomalies import kernel
from analytics.anomalies.causes import Cause as Cause
from analytics.anomalies.extremes import BLOCKS, MIDDLE, SPREAD, START
from causeway.errors import ConfigError
from causeway.window import SECOND_NS

DAY_NS = 86_400 * SECOND_NS
WEEK_NS = 7 * DAY_NS
BINS_MAX = 288  # of a day
HOURS = 168  # of a week
BLOCK_NS = DAY_NS // 4
BLOCK_POINTS = (12, 360)


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """One configuration for every series.

    level: alarms begin where a block's largest error is exceeded with a probability of about exp(-level).
    points_per_alarm: a series that alarms more often than that has its bar raised to what it does that often anyway.
    alarms_per_week: the same as a rate, instead of points_per_alarm.
    """

    level: float = 2.0
    points_per_alarm: float = 500.0
    alarms_per_week: float | None = None

    def __post_init__(self) -> None:
        if not self.level > 0:
            raise ConfigError(f"level must be more than 0, not {self.level}")
        if not self.points_per_alarm > 0:
            raise ConfigError(f"points_per_alarm must be more than 0, not {self.points_per_alarm}")
        if self.alarms_per_week is not None and not self.alarms_per_week > 0:
            raise ConfigError(f"alarms_per_week must be more than 0, not {self.alarms_per_week}")

    def points_between_alarms(self, step_ns: int) -> float:
        """By whichever of the two is set."""
        if self.alarms_per_week is None:
            return self.points_per_alarm
        return 7 * DAY_NS / step_ns / self.alarms_per_week


@dataclass(frozen=True, slots=True)
class Judged:
    """score: (n, t) float32, above 0 is an alarm; its unit is -ln of the rarity among blocks. NaN before enough was
    seen. cause: (n, t) int8, the `Cause` that scored most."""

    score: np.ndarray
    cause: np.ndarray


class Detector:
    """The state of n series of one step; about 12 kB each. For one thread."""

    def __init__(
        self, series: int, *, step_ns: int, settings: DetectorSettings | None = None, block_points: int | None = None
    ) -> None:
        """block_points: by default six hours, within BLOCK_POINTS. Raises ConfigError for a step below 1."""
        if step_ns < 1:
            raise ConfigError(f"step_ns must be 1 or more, not {step_ns}")
        self.step_ns, self.settings = step_ns, settings or DetectorSettings()
        self.block = block_points or min(max(BLOCK_NS // step_ns, BLOCK_POINTS[0]), BLOCK_POINTS[1])
        bins = int(min(max(DAY_NS // step_ns, 1), BINS_MAX))
        self._bins = bins
        self._state: dict[str, np.ndarray] = {
            "level": np.zeros((series, kernel.COLUMNS)),
            "errors": np.zeros((series, kernel.ERRORS, kernel.FORECASTS)),
            "profile": np.zeros((series, bins), np.float64),
            "profile_seen": np.zeros((series, bins), np.int32),
            "week": np.zeros((series, HOURS), np.float64),
            "week_seen": np.zeros((series, HOURS), np.int32),
            "tops": np.zeros((series, kernel.SIDES)),
            "ring": np.zeros((series, kernel.SIDES + 1, BLOCKS), np.float32),
            "sorted": np.zeros((series, kernel.SIDES + 1, BLOCKS), np.float32),
            "filled": np.zeros((series, kernel.FORECASTS + 1), np.int64),
            "law": np.zeros((series, kernel.SIDES, 3)),
        }
        self.forget(np.arange(series))

    def forget(self, rows: np.ndarray) -> None:
        """Nothing is known of those series (k,) any more."""
        for column in self._state.values():
            column[rows] = 0
        self._state["level"][rows, kernel.BAR] = kernel.NEVER
        self._state["level"][rows, kernel.JUDGE_SLOW] = kernel.SLOW
        self._state["law"][rows, :, MIDDLE] = 0.0
        self._state["law"][rows, :, SPREAD] = 1.0
        self._state["law"][rows, :, START] = math.inf

    def judge(self, times_ns: np.ndarray, values: np.ndarray) -> Judged:
        """The next points of every series. times_ns: (t,) one step apart; values: (n, t), NaN for missing.

        O(n t), 25 to 40 ns a point; scores do not depend on how the points are cut into calls.
        """
        rows = np.ascontiguousarray(values, dtype=np.float64)
        count = len(self._state["level"])
        if rows.ndim != 2 or rows.shape != (count, len(times_ns)):
            raise ValueError(f"values must be ({count}, {len(times_ns)}), not {rows.shape}")
        times = np.asarray(times_ns, dtype=np.int64)
        bins = (times % DAY_NS) * self._bins // DAY_NS
        past_middle = times % WEEK_NS * (HOURS / WEEK_NS) - 0.5  # between the middles of hours the week is a line
        hours = np.floor(past_middle).astype(np.int64) % HOURS
        nearness = 1.0 - (past_middle - np.floor(past_middle))
        hour_points = max(WEEK_NS / HOURS / self.step_ns, 1.0)
        score = np.empty(rows.shape, np.float32)
        cause = np.zeros(rows.shape, np.int8)
        share = self.block / self.settings.points_between_alarms(self.step_ns)
        with np.errstate(all="ignore"):
            kernel.judge(
                *(rows, bins, hours, nearness, hour_points, self.block, share, self.settings.level, score, cause),
                *self._state.values(),
            )
        return Judged(score, cause)

    @property
    def learning_points(self) -> int:
        """So many points of a series are seen before one is scored."""
        return kernel.BLOCKS_TO_ALARM * self.block

    def bars(self) -> np.ndarray:
        """(n,) the rarity that an alarm of each series needs now: a score is the rarity above it. NaN before there is
        one."""
        bar = self._state["level"][:, kernel.BAR]
        return np.where(bar < kernel.NEVER, bar, np.nan)

    def state(self) -> Mapping[str, np.ndarray]:
        """All that has to be kept to go on after a restart: a copy, by name."""
        return {name: column.copy() for name, column in self._state.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state()` of a detector of as many series and the same step; ValueError for another shape."""
        for name, column in self._state.items():
            if name not in state or state[name].shape != column.shape:
                found = state[name].shape if name in state else None
                raise ValueError(f"{name}: {found} where {column.shape} is needed")
        for name, column in self._state.items():
            column[...] = state[name]
