"""The registered evidence families and how much each one says about a cause (rather than about a symptom)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analytics.rootcause.evidence import (
    changes,
    errors,
    indicators,
    logs,
    metrics,
    network_gap,
    self_time,
    silence,
    structure,
)
from analytics.rootcause.evidence.observations import Look, Observations, Prepare
from analytics.rootcause.split import Split
from analytics.world import World


@dataclass(frozen=True, slots=True)
class Registered:
    """name: as in findings. weight: what a surprise of this family counts beside the others."""

    name: str
    prepare: Prepare
    weight: float

    def observe(self, world: World, split: Split) -> Observations:
        """The observations of one split alone."""
        return self.prepare(world, split)(split)


def _at_once(observe: Callable[[World, Split], Observations]) -> Prepare:
    """A family that has nothing to prepare."""

    def prepare(world: World, first: Split) -> Look:
        del first
        return lambda split: observe(world, split)

    return prepare


FAMILIES: tuple[Registered, ...] = (
    Registered(self_time.FAMILY, self_time.prepare, 1.0),
    Registered(network_gap.FAMILY, network_gap.prepare, 0.9),
    Registered(errors.FAMILY, _at_once(errors.observe), 1.0),
    Registered(silence.FAMILY, _at_once(silence.observe), 1.1),
    Registered(changes.FAMILY, _at_once(changes.observe), 1.0),
    Registered(metrics.FAMILY, metrics.prepare, 0.7),
    Registered(logs.FAMILY, logs.prepare, 1.0),
    Registered(structure.FAMILY, structure.prepare, 0.7),
    Registered(indicators.LATENCY, indicators.prepare_latency, 1.0),
    Registered(indicators.FAILING, indicators.prepare_failing, 1.0),
)
