"""When it began, by all evidence together: the families are asked at many onsets, and the clearest answer counts.

Users notice late, or not at all, and the time of an alarm is a guess; a new log line or a lost call dates a fault to
the slot. So onsets are tried from somewhat before the window on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.rootcause.combine import Strengths, scores, strengths
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.evidence.observations import Observations
from analytics.rootcause.explain import Explained, Graph, explain_away
from analytics.rootcause.harm import material_harm
from analytics.rootcause.onset import AFTER_MIN, BEFORE_MIN, Onset, first_in_window
from analytics.rootcause.relevance import relevant
from analytics.rootcause.split import GUARD_SLOTS, Split, split_at
from analytics.world import Timeline, World
from causeway.window import MINUTE_NS

ONSETS_MAX = 14  # tried first; then those between the best one's neighbours
LEAD_NS = MINUTE_NS  # how long before the window a fault may have begun: alarms come late
_HISTORY_KEPT = 0.5  # of the slots before the window always stay history
_LATE = 0.25  # an onset at the very end of the window counts that much less where nobody notices anything
_UNNOTICED = 0.7  # an onset at which users notice nothing counts that much less than one at which they do


@dataclass(frozen=True, slots=True)
class Weighed:
    """All evidence at one onset."""

    split: Split
    observed: tuple[Observations, ...]
    found: Strengths
    explained: Explained
    prior: np.ndarray

    @property
    def best(self) -> float:
        """The score of the first candidate."""
        return float((scores(self.explained.strength) * self.prior).max(initial=0.0))


def weigh_onsets(
    world: World, graph: Graph, noticed: Onset, likelihood: np.ndarray | None, prior: np.ndarray
) -> tuple[Weighed, int]:
    """The evidence at the onset where it is clearest, and how many onsets were tried.

    likelihood: (t,) of a change for users at each slot, None where they notice nothing. prior: (n,) by entity.
    """
    candidates = onsets(world, noticed)
    first = split_at(world.timeline, int(candidates[0]))
    looks = [registered.prepare(world, first) for registered in FAMILIES]
    tried: dict[int, tuple[float, Weighed]] = {}

    def value(onset: int) -> float:
        if onset not in tried:
            split = split_at(world.timeline, onset)
            observed = tuple(look(split) for look in looks)
            found = relevant(strengths(graph.entities, observed, material_harm(world, split.after)), noticed.symptoms)
            weighed = Weighed(split, observed, found, explain_away(graph, found), prior)
            tried[onset] = (weighed.best * _timeliness(world.timeline, onset, likelihood), weighed)
        return tried[onset][0]

    coarse = candidates[np.unique(np.linspace(0, len(candidates) - 1, ONSETS_MAX).astype(int))]
    if noticed.seen:
        coarse = np.unique([*coarse, noticed.split.onset])
    best = max(coarse.tolist(), key=value)
    below, above = (coarse[coarse < best][-1:], coarse[coarse > best][:1])
    between = candidates[(candidates > below.min(initial=best)) & (candidates < above.max(initial=best))]
    for onset in between[np.unique(np.linspace(0, len(between) - 1, min(len(between), ONSETS_MAX)).astype(int))]:
        value(int(onset))
    best = max(sorted(tried), key=lambda onset: tried[onset][0])
    return tried[best][1], len(candidates)


def onsets(world: World, noticed: Onset) -> np.ndarray:
    """Slots at which something may have begun, ascending; at least that of `noticed`."""
    timeline = world.timeline
    start = first_in_window(timeline)
    lead = min(LEAD_NS // timeline.step_ns, int((1.0 - _HISTORY_KEPT) * start))
    alive = np.flatnonzero(_alive(world))
    end = alive[-AFTER_MIN] if len(alive) >= AFTER_MIN else start
    found = np.arange(max(start - lead, BEFORE_MIN + GUARD_SLOTS), end + 1)
    return found if len(found) else np.array([noticed.split.onset])


def _alive(world: World) -> np.ndarray:
    """(t,) slots with requests; with any value where the window has none at all."""
    served = np.nan_to_num(world.services.calls).sum(axis=0) > 0
    if served[world.timeline.in_window].any():
        return np.asarray(served)
    return np.isfinite(world.metrics.values).any(axis=0) | (np.nan_to_num(world.logs.counts).sum(axis=0) > 0)


def _timeliness(timeline: Timeline, onset: int, likelihood: np.ndarray | None) -> float:
    if likelihood is not None:
        most = float(likelihood.max(initial=0.0))
        return 1.0 - _UNNOTICED * (1.0 - max(float(likelihood[onset]), 0.0) / most) if most > 0 else 1.0
    start = first_in_window(timeline)
    return 1.0 - _LATE * max(onset - start, 0) / max(len(timeline) - start, 1)
