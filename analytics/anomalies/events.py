"""Alarms that belong together: of one entity or of neighbours in the call graph, one soon after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from analytics.anomalies.causes import Cause
from causeway.window import SECOND_NS

GAP_NS = 300 * SECOND_NS


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """One series of one entity; score is above 0, larger is rarer. Two are equal whatever was noted of them.

    Noted, where it is known: the value (None where it is missing) in that unit; low, high: the range of the values
    before; bar: the rarity that this series needs; per_week: how often it alarmed since it is judged.
    """

    at_ns: int
    entity: str
    series: str
    score: float
    cause: Cause
    unit: str = field(default="", compare=False)
    value: float | None = field(default=None, compare=False)
    low: float | None = field(default=None, compare=False)
    high: float | None = field(default=None, compare=False)
    bar: float | None = field(default=None, compare=False)
    per_week: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AnomalyEvent:
    """alarms: by time, never none."""

    alarms: tuple[Alarm, ...]

    @property
    def start_ns(self) -> int:
        return self.alarms[0].at_ns

    @property
    def last_ns(self) -> int:
        return self.alarms[-1].at_ns

    @property
    def entities(self) -> tuple[str, ...]:
        """In the order of their first alarms."""
        return tuple(dict.fromkeys(alarm.entity for alarm in self.alarms))

    @property
    def score(self) -> float:
        """The sum of the largest score of each series: several series that agree weigh more than one."""
        largest: dict[tuple[str, str], float] = {}
        for alarm in self.alarms:
            key = (alarm.entity, alarm.series)
            largest[key] = max(largest.get(key, 0.0), alarm.score)
        return sum(largest.values())


Neighbours = Mapping[str, Iterable[str]]


def anomaly_events(
    alarms: Iterable[Alarm], neighbours: Neighbours | Callable[[int], Neighbours], *, gap_ns: int = GAP_NS
) -> list[AnomalyEvent]:
    """Events by score, the largest first, ties by time and entity.

    neighbours: callers and callees of an entity, either way round is enough; or those at a time (Unix ns), asked for
    the later of two alarms. Two alarms belong together if at most
    gap_ns apart and of one entity or of neighbours; so do those connected by others. O(k log k) times the neighbours.
    """
    ordered = sorted(alarms)
    near_at = _near_at(neighbours)
    parent = list(range(len(ordered)))
    latest: dict[str, int] = {}
    for i, alarm in enumerate(ordered):
        for entity in {alarm.entity, *near_at(alarm.at_ns).get(alarm.entity, ())}:
            j = latest.get(entity)
            if j is not None and alarm.at_ns - ordered[j].at_ns <= gap_ns:
                parent[_root(parent, j)] = _root(parent, i)
        latest[alarm.entity] = i
    groups: dict[int, list[Alarm]] = {}
    for i, alarm in enumerate(ordered):
        groups.setdefault(_root(parent, i), []).append(alarm)
    events = [AnomalyEvent(tuple(group)) for group in groups.values()]
    return sorted(events, key=lambda event: (-event.score, event.alarms[0]))


def _near_at(neighbours: Neighbours | Callable[[int], Neighbours]) -> Callable[[int], Mapping[str, set[str]]]:
    if not callable(neighbours):
        always = _both_ways(neighbours)
        return lambda _at_ns: always
    known: dict[int, tuple[Neighbours, dict[str, set[str]]]] = {}

    def near(at_ns: int) -> Mapping[str, set[str]]:
        found = neighbours(at_ns)
        if id(found) not in known:
            known[id(found)] = (found, _both_ways(found))
        return known[id(found)][1]

    return near


def _both_ways(neighbours: Neighbours) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for entity, others in neighbours.items():
        for other in others:
            near.setdefault(entity, set()).add(other)
            near.setdefault(other, set()).add(entity)
    return near


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
