"""Since when: a robust change point on what users notice. The alarm time is only a guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.rootcause.split import GUARD_SLOTS, Split, split_at
from analytics.rootcause.symptoms import Indicators, indicators, symptoms, tail_probabilities
from analytics.world import Timeline, World
from causeway.findings import Symptom

CANDIDATES_MAX = 60
AFTER_MIN = 2  # slots that a change must have lasted
BEFORE_MIN = 2
SHIFTS = (-2, -1, 0, 1, 2)  # onsets around the best that are scored too


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
    default = split_at(world.timeline, _first_in_window(world.timeline))
    if not len(found.names) or not len(candidates):
        return Onset(default, seen=False, symptoms=())
    strength = _strengths(found, [split_at(world.timeline, int(slot)) for slot in candidates])
    best = int(candidates[int(np.argmax(strength))])
    best = _earliest_as_strong(world.timeline, found, best)
    noticed = symptoms(world, found, split_at(world.timeline, best), looks=_looks(candidates))
    if noticed:
        return Onset(split_at(world.timeline, best), seen=True, symptoms=noticed)
    noticed = symptoms(world, found, default)
    return Onset(default, seen=bool(noticed), symptoms=noticed)


def _first_in_window(timeline: Timeline) -> int:
    first = int(np.argmax(timeline.in_window)) if timeline.in_window.any() else len(timeline) // 2
    return max(first, min(BEFORE_MIN, len(timeline) - 1))


def _candidates(timeline: Timeline) -> np.ndarray:
    """Slots of the window that leave enough on both sides; thinned where there are very many."""
    start = max(_first_in_window(timeline), BEFORE_MIN + GUARD_SLOTS)
    slots = np.arange(start, len(timeline) - AFTER_MIN + 1)
    every = max(1, -(-len(slots) // CANDIDATES_MAX))
    return slots[::every]


def _looks(candidates: np.ndarray) -> int:
    """Neighbouring onsets are nearly one test: independent looks grow with the logarithm."""
    return 1 + int(np.ceil(np.log2(max(len(candidates), 1))))


def _strengths(found: Indicators, splits: list[Split]) -> np.ndarray:
    """(k,) how clearly the indicators change at each split: the sum of -log p beyond chance."""
    strength = np.zeros(len(splits))
    for i, split in enumerate(splits):
        together = np.concatenate(tail_probabilities(found, split))
        surprise = -np.log10(np.clip(together, 1e-12, 1.0))
        strength[i] = np.maximum(surprise - 1.0, 0.0).sum()
    return strength


def _earliest_as_strong(timeline: Timeline, found: Indicators, best: int) -> int:
    """Among the slots just around the best, the one that fits the raw series best (ratio of variances)."""
    around = [slot for slot in range(best - 3, best + 4) if 1 <= slot <= len(timeline) - AFTER_MIN]
    around = [slot for slot in around if slot >= _first_in_window(timeline)] or [best]
    series = _user_series(found)
    return min(around, key=lambda slot: (_misfit(series, slot), slot))


def _user_series(found: Indicators) -> np.ndarray:
    """(2, t): failing share, and mean log latency, over all entry points together."""
    calls = np.maximum(found.calls.sum(axis=0), 1e-9)
    failing = found.errors.sum(axis=0) / calls
    logs = np.nan_to_num(np.log(found.latency_ms + 0.1))
    weight = np.where(np.isfinite(found.latency_ms), found.calls, 0.0)
    usual = np.sum(logs * weight, axis=1, keepdims=True) / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    slower = ((logs - usual) * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    return np.vstack([failing, slower])


def _misfit(series: np.ndarray, slot: int) -> float:
    """What two levels, one on each side of the slot, leave unexplained: in shares of each series' variance."""
    total = 0.0
    for row in series:
        spread = float(((row - row.mean()) ** 2).sum())
        if spread > 0:
            left = ((row[:slot] - row[:slot].mean()) ** 2).sum() + ((row[slot:] - row[slot:].mean()) ** 2).sum()
            total += float(left) / spread
    return total
