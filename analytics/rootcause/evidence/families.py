"""The registered evidence families and how much each one says about a cause (rather than about a symptom)."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.rootcause.evidence import changes, errors, indicators, logs, metrics, network_gap, self_time, silence, structure
from analytics.rootcause.evidence.observations import Family


@dataclass(frozen=True, slots=True)
class Registered:
    """name: as in findings. weight: what a surprise of this family counts beside the others."""

    name: str
    observe: Family
    weight: float


FAMILIES: tuple[Registered, ...] = (
    Registered(self_time.FAMILY, self_time.observe, 1.0),
    Registered(network_gap.FAMILY, network_gap.observe, 0.9),
    Registered(errors.FAMILY, errors.observe, 1.0),
    Registered(silence.FAMILY, silence.observe, 1.1),
    Registered(changes.FAMILY, changes.observe, 1.0),
    Registered(metrics.FAMILY, metrics.observe, 0.7),
    Registered(logs.FAMILY, logs.observe, 0.7),
    Registered(structure.FAMILY, structure.observe, 0.7),
    Registered(indicators.LATENCY, indicators.observe_latency, 1.0),
    Registered(indicators.FAILING, indicators.observe_failing, 1.0),
)
