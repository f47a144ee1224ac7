"""Label-free detection over many series at once, point by point: nothing looks ahead.

A point is forecast four ways: by the fast mean of the last points, by a slow mean, and by the time of day plus a fast
or a slow offset. Of the two fast ones and of the slow ones the one that erred less of late judges. An error, in units
of the recent mean error, counts by how rare it is in this series' own history: the largest error of each block of
hours follows about a Gumbel law (Fisher and Tippett 1928; Coles, An Introduction to Statistical Modeling of Extreme
Values, 2001, ch. 3), whose place and scale are taken from the quartiles of the blocks of the last weeks. Quartiles,
because history is full of incidents that nobody marked: up to a quarter of the blocks may be bad. A jump that the time
of day expects is none. Besides, a new extreme, a flat line, a plateau at an extreme and a gap are told by what each
series did before.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from causeway.errors import ConfigError
from causeway.window import SECOND_NS

DAY_NS = 86_400 * SECOND_NS
BINS_MAX = 288  # of a day
BLOCKS = 112  # remembered: four weeks of six hours
BLOCK_NS = DAY_NS // 4
BLOCK_POINTS = (12, 360)

_FAST, _SLOW, _DAY_SLOW, _DAY_FAST = range(4)
_FORECASTS = 4
_SIDES = 2 * _FORECASTS  # above and below each
# Weights of the newest point in the means, and of the newest day in the profile.
_FAST_RATE, _SLOW_RATE, _OFFSET_RATE, _PROFILE_RATE, _ERROR_RATE = 0.35, 0.02, 0.1, 0.25, 0.004
_ERROR_CLIP, _STEP_CLIP = 5.0, 4.0  # in mean errors: what one outlier may do to the scale, and to a mean
_ERROR_FLOOR = 0.1  # of the fast forecast's mean error
_EVERY = 16  # points between new scales
_BLOCKS_MIN, _BLOCKS_TO_CHOOSE, _BLOCKS_TO_ALARM = 4, 4, 6
# The scale of the Gumbel law is shrunk towards 1 by four blocks' worth.
_PRIOR_BLOCKS, _PRIOR_SCALE, _SCALE_MIN = 4.0, 1.0, 0.2
_RECORD_AFTER = 400  # points
_RECORD_SCORE = 0.5
_RUN_MIN, _RUN_FACTOR = 30, 3.0  # points alike or missing, and how much longer than ever before
_NEVER = 1e9

# Columns of the state.
(_E_FAST, _E_SLOW, _OFF_SLOW, _OFF_FAST, _HIGH, _LOW, _BAR, _TOP, _POINTS, _IN_BLOCK, _LAST, _ALIKE, _ALIKE_MAX) = range(13)
(_GAP, _GAP_MAX, _JUDGE_FAST, _JUDGE_SLOW, _COLUMNS) = range(13, 18)
_SCALE, _INVERSE, _SEEN, _PENDING, _PENDING_SEEN, _BLOCK_SEEN, _ERRORS = range(7)
_MIDDLE, _SPREAD, _START = range(3)


class Cause(IntEnum):
    """What is unusual about a point."""

    NONE = 0
    JUMP = 1
    LEVEL = 2
    TIME_OF_DAY = 3
    EXTREME = 4
    FLAT = 5
    SATURATED = 6
    MISSING = 7


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
    """The state of n series of one step; about 10 kB each. For one thread."""

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
        self._state = {
            "level": np.zeros((series, _COLUMNS)),
            "errors": np.zeros((series, _FORECASTS, _ERRORS)),
            "profile": np.zeros((series, bins), np.float64),
            "profile_seen": np.zeros((series, bins), np.int32),
            "tops": np.zeros((series, _SIDES), np.float32),
            "ring": np.zeros((series, _SIDES + 1, BLOCKS), np.float32),
            "sorted": np.zeros((series, _SIDES + 1, BLOCKS), np.float32),
            "filled": np.zeros((series, _FORECASTS + 1), np.int64),
            "law": np.full((series, _SIDES, 3), math.inf),
        }
        self._state["level"][:, _BAR] = _NEVER
        self._state["level"][:, _JUDGE_SLOW] = _SLOW
        self._state["law"][:, :, _MIDDLE] = 0.0
        self._state["law"][:, :, _SPREAD] = 1.0

    def judge(self, times_ns: np.ndarray, values: np.ndarray) -> Judged:
        """The next points of every series. times_ns: (t,) one step apart; values: (n, t), NaN for missing.

        O(n t), about 50 ns a point; scores do not depend on how the points are cut into calls.
        """
        rows = np.ascontiguousarray(values, dtype=np.float64)
        count = len(self._state["level"])
        if rows.ndim != 2 or rows.shape != (count, len(times_ns)):
            raise ValueError(f"values must be ({count}, {len(times_ns)}), not {rows.shape}")
        bins = (np.asarray(times_ns, dtype=np.int64) % DAY_NS) * self._bins // DAY_NS
        score = np.empty(rows.shape, np.float32)
        cause = np.zeros(rows.shape, np.int8)
        share = self.block / self.settings.points_between_alarms(self.step_ns)
        with np.errstate(all="ignore"):
            _judge(rows, bins, self.block, share, self.settings.level, score, cause, *self._state.values())
        return Judged(score, cause)

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


@njit(cache=True, nogil=True)
def _judge(
    rows, bins, block, share, alarm, score, cause, level, errors, profile, seen, tops, ring, ordered, filled, law
):
    for i in range(len(rows)):
        _series(
            *(rows[i], bins, block, share, alarm, score[i], cause[i]),
            *(level[i], errors[i], profile[i], seen[i], tops[i], ring[i], ordered[i], filled[i], law[i]),
        )


@njit(cache=True, nogil=True)
def _series(x, bins, block, share, alarm, score, cause, level, errors, profile, seen, tops, ring, ordered, filled, law):
    residual = np.zeros(_FORECASTS)
    known = np.zeros(_FORECASTS, np.bool_)
    for i in range(len(x)):
        value, place = x[i], bins[i]
        bar = level[_BAR]
        if not np.isfinite(value):
            level[_GAP] += 1
            late = level[_GAP] > max(_RUN_MIN, _RUN_FACTOR * level[_GAP_MAX]) and bar < _NEVER
            score[i] = _RECORD_SCORE if late else (-1.0 if bar < _NEVER else np.nan)
            cause[i] = Cause.MISSING if late else Cause.NONE
            continue
        level[_GAP_MAX] = max(level[_GAP_MAX], level[_GAP])
        level[_GAP] = 0
        if level[_POINTS] == 0:
            level[_E_FAST] = level[_E_SLOW] = level[_HIGH] = level[_LOW] = level[_LAST] = value
        level[_POINTS] += 1
        known[_FAST] = known[_SLOW] = True
        known[_DAY_SLOW] = known[_DAY_FAST] = seen[place] > 0
        residual[_FAST] = value - level[_E_FAST]
        residual[_SLOW] = value - level[_E_SLOW]
        residual[_DAY_SLOW] = value - profile[place] - level[_OFF_SLOW]
        residual[_DAY_FAST] = value - profile[place] - level[_OFF_FAST]
        _note_tops(residual, known, errors, tops)
        best, why = _rarity(residual, known, errors, filled, law, level)
        best, why = _records(value, best, why, alarm, level)
        level[_TOP] = max(level[_TOP], best)
        score[i] = best - bar if bar < _NEVER else np.nan
        cause[i] = why
        _learn_errors(residual, known, errors, level)
        _learn_means(value, place, residual, errors, level, profile, seen)
        level[_IN_BLOCK] += 1
        if level[_IN_BLOCK] >= block:
            level[_IN_BLOCK] = 0
            _end_block(block, share, alarm, level, errors, tops, ring, ordered, filled, law)


@njit(cache=True, nogil=True)
def _note_tops(residual, known, errors, tops):
    for k in range(_FORECASTS):
        if known[k]:
            z = residual[k] * errors[k, _INVERSE]
            side = 2 * k
            if z < 0:
                z, side = -z, side + 1
            tops[side] = max(tops[side], z)


@njit(cache=True, nogil=True)
def _gumbel(k, residual, errors, law):
    """-ln of about the share of blocks with a larger error; below 0 for what every block has."""
    side = 2 * k if residual[k] >= 0 else 2 * k + 1
    z = abs(residual[k]) * errors[k, _INVERSE]
    if z <= law[side, _START]:
        return z / law[side, _START] - 1.0
    return (math.log(z) - law[side, _MIDDLE]) / law[side, _SPREAD]


@njit(cache=True, nogil=True)
def _rarity(residual, known, errors, filled, law, level):
    fast, slow = int(level[_JUDGE_FAST]), int(level[_JUDGE_SLOW])
    fast = fast if known[fast] else _FAST
    slow = slow if known[slow] else _SLOW
    best = _gumbel(fast, residual, errors, law)
    if known[_DAY_SLOW] and filled[_DAY_SLOW] >= _BLOCKS_TO_CHOOSE:
        best = min(best, _gumbel(_DAY_SLOW, residual, errors, law))
    other = _gumbel(slow, residual, errors, law)
    if other > best:
        return other, Cause.LEVEL if slow == _SLOW else Cause.TIME_OF_DAY
    return best, Cause.JUMP


@njit(cache=True, nogil=True)
def _records(value, best, why, alarm, level):
    """New extremes, and runs of equal values longer than any before."""
    high, low = level[_HIGH], level[_LOW]
    if level[_POINTS] > _RECORD_AFTER:
        beyond = max(value - high, low - value)
        if beyond > 0:
            far = alarm + _RECORD_SCORE + math.log(1.0 + 20.0 * beyond / (high - low + 1e-12))
            if far > best:
                best, why = far, Cause.EXTREME
    level[_HIGH], level[_LOW] = max(high, value), min(low, value)
    if value == level[_LAST]:
        level[_ALIKE] += 1
        ever = max(_RUN_MIN, _RUN_FACTOR * level[_ALIKE_MAX])
        if level[_ALIKE] > ever and level[_POINTS] > _RECORD_AFTER and high > low:
            far = alarm + _RECORD_SCORE + math.log(level[_ALIKE] / ever)
            if far > best:
                best, why = far, Cause.SATURATED if value >= high else Cause.FLAT
    else:
        level[_ALIKE_MAX] = max(level[_ALIKE_MAX], level[_ALIKE])
        level[_ALIKE] = 0
        level[_LAST] = value
    return best, why


@njit(cache=True, nogil=True)
def _learn_errors(residual, known, errors, level):
    points = level[_POINTS]
    for k in range(_FORECASTS):
        if known[k]:
            error = abs(residual[k])
            errors[k, _SEEN] += 1
            if errors[k, _SEEN] > 20 and errors[k, _SCALE] > 0:
                error = min(error, _ERROR_CLIP * errors[k, _SCALE])
            errors[k, _PENDING] += error
            errors[k, _PENDING_SEEN] += 1
            errors[k, _BLOCK_SEEN] += 1
    if points >= _EVERY and errors[_FAST, _PENDING_SEEN] < _EVERY:
        return
    for k in range(_FORECASTS):
        count = errors[k, _PENDING_SEEN]
        if count == 0:
            continue
        rate = max(1.0 - (1.0 - _ERROR_RATE) ** count, count / errors[k, _SEEN])
        errors[k, _SCALE] += rate * (errors[k, _PENDING] / count - errors[k, _SCALE])
        errors[k, _PENDING] = errors[k, _PENDING_SEEN] = 0.0
        if errors[k, _SEEN] >= _EVERY:
            scale = max(errors[k, _SCALE], _ERROR_FLOOR * errors[_FAST, _SCALE])
            errors[k, _INVERSE] = 1.0 / (scale + 1e-9 * abs(level[_E_SLOW]) + 1e-12)


@njit(cache=True, nogil=True)
def _clipped(k, residual, errors):
    reach = _STEP_CLIP * errors[k, _SCALE]
    if errors[k, _SEEN] > 20 and reach > 0:
        return min(max(residual[k], -reach), reach)
    return residual[k]


@njit(cache=True, nogil=True)
def _learn_means(value, place, residual, errors, level, profile, seen):
    level[_E_FAST] += _FAST_RATE * residual[_FAST]
    level[_E_SLOW] += _SLOW_RATE * _clipped(_SLOW, residual, errors)
    if seen[place] == 0:
        profile[place] = value - level[_OFF_SLOW]
        seen[place] = 1
        return
    step = _clipped(_DAY_SLOW, residual, errors)
    level[_OFF_FAST] += _FAST_RATE * residual[_DAY_FAST]
    level[_OFF_SLOW] += _OFFSET_RATE * step
    seen[place] = min(seen[place] + 1, 1 << 20)
    profile[place] += max(_PROFILE_RATE, 1.0 / seen[place]) * step


@njit(cache=True, nogil=True)
def _end_block(block, share, alarm, level, errors, tops, ring, ordered, filled, law):
    # What was judged by no law of this series says nothing of its alarms.
    top = level[_TOP] if law[2 * _FAST, _START] < np.inf else 0.0
    level[_TOP] = 0.0
    count = _remember(ring[_SIDES], ordered[_SIDES], filled[_FORECASTS], top)
    filled[_FORECASTS] += 1
    allowed = int(share * count + 1.0)
    usual = ordered[_SIDES, count - 1 - allowed] if count > allowed else ordered[_SIDES, 0]
    level[_BAR] = max(alarm, usual) if filled[_FORECASTS] >= _BLOCKS_TO_ALARM else _NEVER
    for k in range(_FORECASTS):
        whole = errors[k, _BLOCK_SEEN] * 2 >= block
        errors[k, _BLOCK_SEEN] = 0
        for side in range(2 * k, 2 * k + 2):
            if whole:
                largest = math.log(max(tops[side], 0.5))
                count = _remember(ring[side], ordered[side], filled[k], largest)
                if count >= _BLOCKS_MIN:
                    _fit(ordered[side], count, law[side])
            tops[side] = 0.0
        if whole:
            filled[k] += 1
    level[_JUDGE_FAST], level[_JUDGE_SLOW] = _FAST, _SLOW
    if filled[_DAY_FAST] >= _BLOCKS_TO_CHOOSE and errors[_DAY_FAST, _SCALE] < errors[_FAST, _SCALE]:
        level[_JUDGE_FAST] = _DAY_FAST
    if filled[_DAY_SLOW] >= _BLOCKS_TO_CHOOSE and errors[_DAY_SLOW, _SCALE] < errors[_SLOW, _SCALE]:
        level[_JUDGE_SLOW] = _DAY_SLOW


@njit(cache=True, nogil=True)
def _fit(ordered, count, law):
    last = count - 1
    lower, middle, upper = (
        ordered[int(0.25 * last + 0.5)],
        ordered[int(0.5 * last + 0.5)],
        ordered[int(0.75 * last + 0.5)],
    )
    # Quartiles of the standard Gumbel law: -ln(-ln p).
    spread = (upper - lower) / 1.5725
    spread = (spread * count + _PRIOR_BLOCKS * _PRIOR_SCALE) / (count + _PRIOR_BLOCKS)
    law[_SPREAD] = max(spread, _SCALE_MIN)
    law[_MIDDLE] = middle - 0.3665 * law[_SPREAD]
    law[_START] = math.exp(law[_MIDDLE])


@njit(cache=True, nogil=True)
def _remember(ring, ordered, filled, value):
    """Puts a value in place of the oldest; how many there are then."""
    count = min(filled, BLOCKS)
    place = filled % BLOCKS
    if count == BLOCKS:
        old = np.searchsorted(ordered[:count], ring[place])
        for j in range(old, count - 1):
            ordered[j] = ordered[j + 1]
        count -= 1
    new = np.searchsorted(ordered[:count], np.float32(value))
    for j in range(count, new, -1):
        ordered[j] = ordered[j - 1]
    ordered[new] = value
    ring[place] = value
    return count + 1
