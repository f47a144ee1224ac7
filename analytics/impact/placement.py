"""Where instances run: on which node and in which zone, as the resources of their spans say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from analytics.traces.forest import Forest
from causeway.stores.contract import Reader

HOSTS = ("k8s.node.name", "host.name", "host.id")
ZONES = ("cloud.availability_zone", "topology.kubernetes.io/zone", "k8s.node.label.topology.kubernetes.io/zone")
# Traces that are read to see the resources of all instances.
TRACES_MAX = 64


@dataclass(frozen=True, slots=True)
class Placement:
    """One instance of a service. host, zone: None where its resource does not say."""

    service: str
    instance: str
    host: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Over how many places a service is spread; None where it is not known.

    instances: that served in the window; hosts, zones: of those whose resource says it.
    """

    instances: int | None
    hosts: int | None
    zones: int | None

    @property
    def places(self) -> float:
        """Instances, but not more than nodes they are known to run on: what must fail for all of it to; NaN unknown."""
        known = [one for one in (self.instances, self.hosts) if one]
        return float(min(known)) if self.instances else float("nan")


NOTHING_KNOWN = Redundancy(None, None, None)


def read_placements(reader: Reader, forest: Forest) -> tuple[Placement, ...]:
    """Every instance in the sample, by service and instance. Reads at most TRACES_MAX whole traces for it.

    Instances that none of those traces holds have neither host nor zone.
    """
    pairs = forest.service.code * len(forest.instance.values) + forest.instance.code
    held, of = np.unique(pairs, return_inverse=True)
    resources: dict[tuple[str, str], Mapping[str, str]] = {}
    for trace in _covering(forest.trace, of, len(held)):
        table = reader.trace(forest.trace_ids[trace].as_py()).select(["service", "instance", "resource"])
        for row in table.to_pylist():
            resources.setdefault((row["service"], row["instance"] or ""), dict(row["resource"] or ()))
    width = len(forest.instance.values)
    named = ((forest.service.values[pair // width], forest.instance.values[pair % width]) for pair in held.tolist())
    return tuple(_placed(*key, resources.get(key, {})) for key in sorted(named) if key[1])


def redundancies(placements: Iterable[Placement], instances: Mapping[str, int]) -> dict[str, Redundancy]:
    """service -> over how many places it is spread. instances: from the rollups, which know all of them.

    Nodes and zones count only where every instance that was looked at says its own.
    """
    by_service: dict[str, list[Placement]] = {}
    for one in placements:
        by_service.setdefault(one.service, []).append(one)
    found = {}
    for name in sorted({*by_service, *instances}):
        mine = by_service.get(name, [])
        hosts, zones = _different([one.host for one in mine]), _different([one.zone for one in mine])
        found[name] = Redundancy(instances.get(name) or len(mine) or None, hosts, zones)
    return found


def _different(names: list[str | None]) -> int | None:
    return len(set(names)) if names and None not in names else None


def _covering(trace: np.ndarray, kind: np.ndarray, kinds: int) -> list[int]:
    """A few traces that hold a row of every kind: of each kind not seen yet, its first trace; commonest kinds last."""
    _, first = np.unique(kind, return_index=True)
    rarest = np.argsort(np.bincount(kind, minlength=kinds), kind="stable")
    seen = np.zeros(kinds, dtype=bool)
    chosen: list[int] = []
    begin = np.searchsorted(trace, trace[first])
    end = np.searchsorted(trace, trace[first], side="right")
    for one in rarest.tolist():
        if seen[one]:
            continue
        if len(chosen) == TRACES_MAX:
            break
        chosen.append(int(trace[first[one]]))
        seen[kind[begin[one] : end[one]]] = True
    return chosen


def _placed(service: str, instance: str, resource: Mapping[str, str]) -> Placement:
    host = next((resource[name] for name in HOSTS if resource.get(name)), None)
    zone = next((resource[name] for name in ZONES if resource.get(name)), None)
    return Placement(service, instance, host, zone)
