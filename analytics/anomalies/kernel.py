"""The loop over the points of a series: forecast, judge, learn. Compiled; the state is read once and written once."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math

import numpy as np
from numba import njit

from analytics.anomalies.causes import Cause
from analytics.anomalies.extremes import START, fit, rarity, remember

FAST, SLOW, DAY_SLOW, DAY_FAST = range(4)
FORECASTS = 4
SIDES = 2 * FORECASTS  # above and below each
NEVER = 1e9  # the bar before there is one

# Columns of `level` and rows of `errors`.
(E_FAST, E_SLOW, OFF_SLOW, OFF_FAST, HIGH, LOW, BAR, TOP, POINTS, IN_BLOCK, LAST) = range(11)
(ALIKE, ALIKE_MAX, GAP, GAP_MAX, JUDGE_FAST, JUDGE_SLOW, PENDING, DAY_POINTS, DAY_PENDING) = range(11, 20)
(DAY_IN_BLOCK, OFF_WEEK, ERROR_DAY, ERROR_WEEK, BY_WEEK, COLUMNS) = range(20, 26)
SCALE, INVERSE, WAITING, ERRORS = range(4)

# Weights of the newest point in the means, and of the newest day in the profile.
_FAST_RATE, _SLOW_RATE, _OFFSET_RATE, _PROFILE_RATE, _ERROR_RATE = 0.35, 0.02, 0.1, 0.25, 0.004
_ERROR_CLIP, _STEP_CLIP = 5.0, 4.0  # in mean errors: what one outlier may do to the scale, and to a mean
_CLIP_AFTER = 20  # points
_ERROR_FLOOR = 0.1  # of the fast forecast's mean error
_COMPARE_RATE = 0.001  # of the mean errors with and without the week
_WEEK_BETTER = 0.9  # of the error without the week: with it must be smaller
_EVERY = 16  # points between new scales
_BLOCKS_MIN, _BLOCKS_TO_CHOOSE, BLOCKS_TO_ALARM = 4, 4, 6
_RECORD_AFTER = 400  # points
_RECORD_SCORE = 0.5
_RUN_MIN, _RUN_FACTOR = 30, 3.0  # points alike or missing, and how much longer than ever before
_VALUE_MAX = 1e150  # beyond it squares overflow: no measurement, treated as missing

_NONE, _JUMP, _LEVEL, _TIME_OF_DAY = int(Cause.NONE), int(Cause.JUMP), int(Cause.LEVEL), int(Cause.TIME_OF_DAY)
_EXTREME, _FLAT, _SATURATED, _MISSING = int(Cause.EXTREME), int(Cause.FLAT), int(Cause.SATURATED), int(Cause.MISSING)


@njit(cache=True, nogil=True)
def judge(
    rows,
    bins,
    hours,
    nearness,
    hour_points,
    block,
    share,
    alarm,
    score,
    cause,
    level,
    errors,
    profile,
    seen,
    week,
    week_seen,
    tops,
    ring,
    ordered,
    filled,
    law,
):
    """Every row of (n, t) `rows`, with its own row of each state array."""
    for i in range(len(rows)):
        _series(
            *(rows[i], bins, hours, nearness, hour_points, block, share, alarm, score[i], cause[i]),
            *(level[i], errors[i], profile[i], seen[i], week[i], week_seen[i]),
            *(tops[i], ring[i], ordered[i], filled[i], law[i]),
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _series(  # noqa: C901
    x,
    bins,
    hours,
    nearness,
    hour_points,
    block,
    share,
    alarm,
    score,
    cause,
    level,
    errors,
    profile,
    seen,
    week,
    week_seen,
    tops,
    ring,
    ordered,
    filled,
    law,
):
    """Scalars in place of the state's columns: read and written for each point those cost three times as much."""
    e_fast, e_slow, off_slow, off_fast = level[E_FAST], level[E_SLOW], level[OFF_SLOW], level[OFF_FAST]
    high, low, bar, top, points, in_block = (
        *(level[HIGH], level[LOW], level[BAR], level[TOP]),
        *(level[POINTS], level[IN_BLOCK]),
    )
    last, alike, alike_max, gap, gap_max = level[LAST], level[ALIKE], level[ALIKE_MAX], level[GAP], level[GAP_MAX]
    fast_by_day, slow_by_day = level[JUDGE_FAST] == DAY_FAST, level[JUDGE_SLOW] == DAY_SLOW
    pending, day_points, day_pending, day_in_block = (
        *(level[PENDING], level[DAY_POINTS]),
        *(level[DAY_PENDING], level[DAY_IN_BLOCK]),
    )
    off_week, error_day, error_week, by_week = (
        *(level[OFF_WEEK], level[ERROR_DAY]),
        *(level[ERROR_WEEK], level[BY_WEEK] > 0),
    )
    week_points = len(week) * hour_points
    s0, s1, s2, s3 = errors[SCALE]
    v0, v1, v2, v3 = errors[INVERSE]
    w0, w1, w2, w3 = errors[WAITING]
    up0, down0, up1, down1, up2, down2, up3, down3 = tops
    for i in range(len(x)):
        value, place, hour, near = x[i], bins[i], hours[i], nearness[i]
        following = hour + 1 if hour + 1 < len(week) else 0
        if not abs(value) < _VALUE_MAX:
            gap += 1
            late = bar < NEVER and gap > max(_RUN_MIN, _RUN_FACTOR * gap_max)
            score[i] = _RECORD_SCORE if late else (-1.0 if bar < NEVER else np.nan)
            cause[i] = _MISSING if late else _NONE
            continue
        if points > 0:  # what was before the first value is no gap
            gap_max = max(gap_max, gap)
        gap = 0.0
        if points == 0:
            e_fast = e_slow = high = low = last = value
        points += 1
        known = seen[place] > 0
        r0, r1 = value - e_fast, value - e_slow
        by_day = value - profile[place]
        of_week = near * week[hour] + (1.0 - near) * week[following]
        r_day, r_week = by_day - off_slow, by_day - of_week - off_week
        r2, r3 = (r_week, by_day - of_week - off_fast) if by_week else (r_day, by_day - off_fast)

        z0, z1, z2, z3 = r0 * v0, r1 * v1, r2 * v2, r3 * v3
        up0, down0, up1, down1 = max(up0, z0), max(down0, -z0), max(up1, z1), max(down1, -z1)
        if known:
            up2, down2, up3, down3 = max(up2, z2), max(down2, -z2), max(up3, z3), max(down3, -z3)
        best = (
            rarity(abs(z3), law, 2 * DAY_FAST + (z3 < 0))
            if fast_by_day and known
            else rarity(abs(z0), law, 2 * FAST + (z0 < 0))
        )
        why = _JUMP
        if known and filled[DAY_SLOW] >= _BLOCKS_TO_CHOOSE:
            best = min(best, rarity(abs(z2), law, 2 * DAY_SLOW + (z2 < 0)))
        if slow_by_day and known:
            other, other_why = rarity(abs(z2), law, 2 * DAY_SLOW + (z2 < 0)), _TIME_OF_DAY
        else:
            other, other_why = rarity(abs(z1), law, 2 * SLOW + (z1 < 0)), _LEVEL
        if other > best:
            best, why = other, other_why

        if value > high or value < low:
            if points > _RECORD_AFTER:
                beyond = max(value - high, low - value)
                far = alarm + _RECORD_SCORE + math.log(1.0 + 20.0 * beyond / (high - low + 1e-12))
                if far > best:
                    best, why = far, _EXTREME
            high, low = max(high, value), min(low, value)
        if value == last:
            alike += 1
            ever = max(_RUN_MIN, _RUN_FACTOR * alike_max)
            if alike > ever and points > _RECORD_AFTER and high > low:
                far = alarm + _RECORD_SCORE + math.log(alike / ever)
                if far > best:
                    best, why = far, _SATURATED if value >= high else _FLAT
        else:
            alike_max = max(alike_max, alike)
            alike = 0.0
            last = value
        top = max(top, best)
        score[i] = best - bar if bar < NEVER else np.nan
        cause[i] = why

        w0 += _counted(r0, s0, points)
        w1 += _counted(r1, s1, points)
        pending += 1
        if known:
            day_points += 1
            w2 += _counted(r2, s2, day_points)
            w3 += _counted(r3, s3, day_points)
            day_pending += 1
            day_in_block += 1
        if points < _EVERY or pending >= _EVERY:
            tiny = 1e-9 * abs(e_slow) + 1e-12
            s0, s1 = _scaled(s0, w0, pending, points), _scaled(s1, w1, pending, points)
            v0, v1 = _inverse(v0, s0, s0, tiny, points), _inverse(v1, s1, s0, tiny, points)
            w0 = w1 = pending = 0.0
            if day_pending > 0:
                s2, s3 = _scaled(s2, w2, day_pending, day_points), _scaled(s3, w3, day_pending, day_points)
                v2, v3 = _inverse(v2, s2, s0, tiny, day_points), _inverse(v3, s3, s0, tiny, day_points)
                w2 = w3 = day_pending = 0.0

        e_fast += _FAST_RATE * r0
        e_slow += _SLOW_RATE * _clipped(r1, s1, points)
        if known:
            step, step_week = _clipped(r_day, s2, day_points), _clipped(r_week, s2, day_points)
            off_fast += _FAST_RATE * r3
            off_slow += _OFFSET_RATE * step
            off_week += _OFFSET_RATE * step_week
            week_seen[hour] = min(week_seen[hour] + 1, 1 << 20)
            week_rate = max(_PROFILE_RATE / hour_points, 1.0 / week_seen[hour])
            week[hour] += week_rate * near * step_week
            week[following] += week_rate * (1.0 - near) * step_week
            if points > week_points:  # every hour of the week was seen before
                error_day += _COMPARE_RATE * (_counted(r_day, s2, day_points) - error_day)
                error_week += _COMPARE_RATE * (_counted(r_week, s2, day_points) - error_week)
            seen[place] = min(seen[place] + 1, 1 << 20)
            profile[place] += max(_PROFILE_RATE, 1.0 / seen[place]) * step
        else:
            profile[place] = value - off_slow
            seen[place] = 1

        in_block += 1
        if in_block >= block:
            tops[0], tops[1], tops[2], tops[3] = up0, down0, up1, down1
            tops[4], tops[5], tops[6], tops[7] = up2, down2, up3, down3
            bar = _end_block(share, alarm, top, day_in_block * 2 >= block, tops, ring, ordered, filled, law)
            up0 = down0 = up1 = down1 = up2 = down2 = up3 = down3 = 0.0
            top = in_block = day_in_block = 0.0
            fast_by_day = filled[DAY_FAST] >= _BLOCKS_TO_CHOOSE and s3 < s0
            slow_by_day = filled[DAY_SLOW] >= _BLOCKS_TO_CHOOSE and s2 < s1
            if points > 2 * week_points:
                by_week = error_week < _WEEK_BETTER * error_day
    level[E_FAST], level[E_SLOW], level[OFF_SLOW], level[OFF_FAST] = e_fast, e_slow, off_slow, off_fast
    level[HIGH], level[LOW], level[BAR], level[TOP], level[POINTS], level[IN_BLOCK] = (
        high,
        low,
        bar,
        top,
        points,
        in_block,
    )
    level[OFF_WEEK], level[ERROR_DAY], level[ERROR_WEEK], level[BY_WEEK] = off_week, error_day, error_week, by_week
    level[LAST], level[ALIKE], level[ALIKE_MAX], level[GAP], level[GAP_MAX] = last, alike, alike_max, gap, gap_max
    level[JUDGE_FAST] = DAY_FAST if fast_by_day else FAST
    level[JUDGE_SLOW] = DAY_SLOW if slow_by_day else SLOW
    level[PENDING], level[DAY_POINTS], level[DAY_PENDING] = pending, day_points, day_pending
    level[DAY_IN_BLOCK] = day_in_block
    tops[0], tops[1], tops[2], tops[3], tops[4], tops[5], tops[6], tops[7] = (
        up0,
        down0,
        up1,
        down1,
        up2,
        down2,
        up3,
        down3,
    )
    errors[SCALE, 0], errors[SCALE, 1], errors[SCALE, 2], errors[SCALE, 3] = s0, s1, s2, s3
    errors[INVERSE, 0], errors[INVERSE, 1], errors[INVERSE, 2], errors[INVERSE, 3] = v0, v1, v2, v3
    errors[WAITING, 0], errors[WAITING, 1], errors[WAITING, 2], errors[WAITING, 3] = w0, w1, w2, w3


@njit(cache=True, nogil=True, error_model="numpy")
def _counted(residual, scale, seen):
    """The error as the scale learns it."""
    error = abs(residual)
    if seen > _CLIP_AFTER and scale > 0:
        error = min(error, _ERROR_CLIP * scale)
    return error


@njit(cache=True, nogil=True, error_model="numpy")
def _scaled(scale, waiting, count, seen):
    rate = max(1.0 - (1.0 - _ERROR_RATE) ** count, count / seen)
    return scale + rate * (waiting / count - scale)


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse(before, scale, scale_fast, tiny, seen):
    return 1.0 / (max(scale, _ERROR_FLOOR * scale_fast) + tiny) if seen >= _EVERY else before


@njit(cache=True, nogil=True, error_model="numpy")
def _clipped(residual, scale, seen):
    reach = _STEP_CLIP * scale
    if seen > _CLIP_AFTER and reach > 0:
        return min(max(residual, -reach), reach)
    return residual


@njit(cache=True, nogil=True)
def _end_block(share, alarm, top, day_whole, tops, ring, ordered, filled, law):
    """Learns the largest errors of a block, and the largest score for the bar that follows, which is returned."""
    # What was judged by no law of this series says nothing of its alarms.
    judged = top if law[2 * FAST, START] < np.inf else 0.0
    count = remember(ring[SIDES], ordered[SIDES], filled[FORECASTS], judged)
    filled[FORECASTS] += 1
    allowed = int(share * count + 1.0)
    usual = ordered[SIDES, count - 1 - allowed] if count > allowed else ordered[SIDES, 0]
    for k in range(FORECASTS):
        whole = day_whole or k < DAY_SLOW
        for side in range(2 * k, 2 * k + 2):
            if whole:
                held = remember(ring[side], ordered[side], filled[k], math.log(max(tops[side], 0.5)))
                if held >= _BLOCKS_MIN:
                    fit(ordered[side], held, law[side])
        if whole:
            filled[k] += 1
    return max(alarm, usual) if filled[FORECASTS] >= BLOCKS_TO_ALARM else NEVER
