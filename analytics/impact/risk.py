"""Risk: how likely a service is to fail soon, times how much that would hurt."""

from __future__ import annotations

from dataclasses import dataclass

from causeway.findings import Message


@dataclass(frozen=True, slots=True)
class LikelihoodPart:
    """One reason for or against failing soon. name: budget, anomaly, saturation, change or fragility.

    value: in [0, 1], None where unknown; weight: the most it can add to the likelihood. reason: in words, also why it
    is unknown.
    """

    name: str
    value: float | None
    weight: float
    reason: Message


@dataclass(frozen=True, slots=True)
class Risk:
    """risk: 0-100, likelihood x impact; likelihood: 0-1, 1 - product of (1 - weight x value) over the known parts.

    unknown: names of the parts that could not be told; the risk may be higher by them.
    """

    service: str
    type: str
    risk: float
    likelihood: float
    impact: float
    parts: tuple[LikelihoodPart, ...]
    unknown: tuple[str, ...]
    summary: Message
