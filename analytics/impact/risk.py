"""Risk: how likely a service is to fail soon, times how much that would hurt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.impact.likelihood import WEIGHTS, LikelihoodPart, likelihood, likelihood_parts
from analytics.impact.scores import ServiceImpact
from analytics.world import World
from causeway import wire
from causeway.findings import Finding, Message, MessageValue, Verdict

# 30: something that half the requests need is more likely than not to fail.
RISK_WARNING = 10.0
RISK_CRITICAL = 30.0


@dataclass(frozen=True, slots=True)
class Risk:
    """risk: 0-100, likelihood x impact; likelihood: 0-1, 1 - product of (1 - weight x value) over the known parts.

    type: the node's (records.NODE_TYPES); impact: 0-100. unknown: names of the parts that could not be told; the risk
    may be higher by them.
    """

    service: str
    type: str
    risk: float
    likelihood: float
    impact: float
    parts: tuple[LikelihoodPart, ...]
    unknown: tuple[str, ...]
    summary: Message


def risks(world: World, impacts: Iterable[ServiceImpact], findings: Iterable[Finding]) -> tuple[Risk, ...]:
    """The risk of every node that has an impact, the highest first; equals by likelihood, impact and name.

    findings: of a patrol of this World. A node about which nothing is known has risk 0 and all parts unknown.
    """
    scored = tuple(impacts)
    return risks_of(scored, likelihood_parts(world, findings, {one.service: one.redundancy for one in scored}))


def risks_of(impacts: Iterable[ServiceImpact], parts: Mapping[str, tuple[LikelihoodPart, ...]]) -> tuple[Risk, ...]:
    """As `risks`, for who has the `likelihood_parts` already."""
    found = [_risk(one, parts.get(one.service, ())) for one in impacts]
    return tuple(sorted(found, key=lambda one: (-one.risk, -one.likelihood, -one.impact, one.service)))


def _risk(one: ServiceImpact, parts: Sequence[LikelihoodPart]) -> Risk:
    chance = likelihood(parts)
    risk = chance * one.impact
    unknown = tuple(part.name for part in parts if part.value is None)
    values: dict[str, MessageValue] = {"service": one.service, "risk": risk, "likelihood": chance, "impact": one.impact}
    known = [part for part in parts if part.value is not None]
    case = ("likely" if chance > 0 else "calm") if known else "unknown"
    return Risk(
        service=one.service,
        type=one.type,
        risk=risk,
        likelihood=chance,
        impact=float(one.impact),
        parts=tuple(parts),
        unknown=unknown,
        summary=Message(f"risk.summary_{case}", values),
    )


def telling(one: Risk) -> list[LikelihoodPart]:
    """The parts that raise the likelihood, the strongest first, then those that count where they come from."""
    known = sorted((part for part in one.parts if part.value), key=lambda part: -(part.value or 0.0) * part.weight)
    return known + [part for part in one.parts if part.inherited][:1]


def risk_verdict(found: Sequence[Risk]) -> Verdict:
    """By the highest risk: CRITICAL from RISK_CRITICAL on, WARNING from RISK_WARNING on; UNKNOWN where nothing is."""
    if all(one.unknown == tuple(WEIGHTS) for one in found):
        return Verdict.UNKNOWN
    if found[0].risk >= RISK_CRITICAL:
        return Verdict.CRITICAL
    return Verdict.WARNING if found[0].risk >= RISK_WARNING else Verdict.OK


def risks_json(found: Sequence[Risk], language: str = "en") -> dict[str, Any]:
    """The document of `causeway risk --format json`, sentences included."""
    return {"risks": [risk_json(one, language) for one in found]}


def risk_json(one: Risk, language: str = "en") -> Mapping[str, Any]:
    """One element of it."""
    return {
        "service": one.service,
        "type": one.type,
        "risk": round(one.risk, 3),
        "likelihood": round(one.likelihood, 6),
        "impact": round(one.impact, 3),
        "parts": [
            {
                "name": part.name,
                "value": None if part.value is None else round(part.value, 6),
                "weight": part.weight,
                "reason": wire.sentence(part.reason, language),
            }
            for part in one.parts
        ],
        "unknown": list(one.unknown),
        "summary": wire.sentence(one.summary, language),
    }
