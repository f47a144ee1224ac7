"""Since when: a robust change point on what users notice. The alarm time is only a guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.rootcause.split import GUARD_SLOTS, Split, split_at
from analytics.rootcause.symptoms import Indicators, indicators, symptoms
from analytics.world import Timeline, World
from causeway.findings import Symptom

AFTER_MIN = 3  # slots that a change must have lasted
BEFORE_MIN = 2
_CLIP_MAD = 8.0  # latencies further from the median than this many MADs are pulled in
_CLIP_LOG_MIN = 0.7  # but never within a factor of two


@dataclass(frozen=True, slots=True)
class Onset:
    """The slot from which things differ, whether users show it, and what they notice."""

    split: Split
    seen: bool
    symptoms: tuple[Symptom, ...]


def find_onset(world: World) -> Onset:
    """The best onset within the window; its start, unseen, where users notice nothing."""
    found = indicators(world)
    candidates = _candidates(world.timeline)
    default = split_at(world.timeline, first_in_window(world.timeline))
    if not len(found.names) or not len(candidates):
        return Onset(default, seen=False, symptoms=())
    likelihood = change_likelihood(found)[candidates]
    best = split_at(world.timeline, int(candidates[int(np.argmax(likelihood))]))
    for split, looks in ((best, independent_looks(len(candidates))), (default, 1)):
        noticed = symptoms(world, found, split, looks=looks)
        if noticed:
            return Onset(split, seen=True, symptoms=noticed)
    return Onset(default, seen=False, symptoms=())


def first_in_window(timeline: Timeline) -> int:
    """The first slot of the window; later where it has no history before it."""
    first = int(np.argmax(timeline.in_window)) if timeline.in_window.any() else len(timeline) // 2
    return max(first, min(BEFORE_MIN, len(timeline) - 1))


def _candidates(timeline: Timeline) -> np.ndarray:
    """Slots of the window that leave enough on both sides."""
    start = max(first_in_window(timeline), BEFORE_MIN + GUARD_SLOTS)
    return np.arange(start, len(timeline) - AFTER_MIN + 1)


def independent_looks(onsets: int) -> int:
    """Neighbouring onsets are nearly one test: independent looks grow with the logarithm."""
    return 1 + int(np.ceil(np.log2(max(onsets, 1))))


def change_likelihood(found: Indicators) -> np.ndarray:
    """(t,) log likelihood gained by two levels, before and from each slot on, over one: all indicators together."""
    return _failing_gain(found.errors, found.calls) + _latency_gain(found)


def _failing_gain(errors: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """Two binomial shares instead of one."""
    passed, failed = _sums(calls - errors), _sums(errors)
    gain = np.zeros(errors.shape)
    for part in (failed, passed):
        gain += _x_log_x(part[0]) + _x_log_x(part[1]) - _x_log_x(part[0] + part[1])
    both = (failed[0] + passed[0], failed[1] + passed[1])
    gain -= _x_log_x(both[0]) + _x_log_x(both[1]) - _x_log_x(both[0] + both[1])
    return np.sum(gain, axis=0)


def _latency_gain(found: Indicators) -> np.ndarray:
    """Two normal levels of log latency instead of one, weighted by requests, outliers pulled in."""
    logs = np.log(found.latency_ms + 0.1)
    known = np.isfinite(logs) & (found.calls > 0)
    some = known.sum(axis=1) > BEFORE_MIN + AFTER_MIN
    if not some.any():
        return np.zeros(found.calls.shape[1])
    logs, known, calls = np.where(known, logs, np.nan)[some], known[some], found.calls[some]
    middle = np.nanmedian(logs, axis=1, keepdims=True)
    reach = np.maximum(_CLIP_MAD * np.nanmedian(np.abs(logs - middle), axis=1, keepdims=True), _CLIP_LOG_MIN)
    logs = np.nan_to_num(np.clip(logs - middle, -reach, reach))
    slots = known.sum(axis=1, keepdims=True)
    weight = np.where(known, calls, 0.0)
    weight = weight * slots / weight.sum(axis=1, keepdims=True)
    level, mass, square = _sums(weight * logs), _sums(weight), (weight * logs**2).sum(axis=1, keepdims=True)
    whole = square - (level[0] + level[1]) ** 2 / np.maximum(mass[0] + mass[1], 1e-9)
    left = square - level[0] ** 2 / np.maximum(mass[0], 1e-9) - level[1] ** 2 / np.maximum(mass[1], 1e-9)
    floor = 1e-9 + 1e-6 * slots
    return np.sum(0.5 * slots * np.log(np.maximum(whole, floor) / np.maximum(left, floor)), axis=0)


def _sums(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sum before each slot, sum from each slot on), each (n, t)."""
    running = np.cumsum(values, axis=1)
    return running - values, running[:, -1:] - running + values


def _x_log_x(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x * np.log(np.maximum(x, 1e-300)), 0.0)
