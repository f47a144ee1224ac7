"""What a way out must do: deliver one alert, or say that it failed and whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from causeway.findings import Diagnosis, DiagnosisVerdict, Incident, Message, Verdict
from causeway.messages import LANGUAGES

CANDIDATES_MAX = 3  # named in an alert without a clear cause


class AlertStatus(StrEnum):
    """Whether it still lasts."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident as the outside world is told of it.

    key: the same for as long as the incident lasts (`INC-12`). entity: where users suffer; cause: the service at fault,
    None while unclear. details: what speaks for it, which change is believed. superseded: verdicts it was told with
    before. ends_ns: None while it fires.
    """

    key: str
    status: AlertStatus
    verdict: Verdict
    entity: str
    summary: Message
    starts_ns: int
    ends_ns: int | None = None
    cause: str | None = None
    confidence: float | None = None
    impact: float | None = None
    superseded: tuple[Verdict, ...] = ()
    link: str | None = None
    details: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Common:
    """What all ways out share: the table `[forward]` without the tables of each."""

    language: str = "en"
    dashboard_url: str = "http://127.0.0.1:8050"

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"language {self.language!r} is none of {', '.join(LANGUAGES)}")


class Forwarder(Protocol):
    """One target. `repeat_s`: how often a firing alert must be sent again, None for once."""

    @property
    def repeat_s(self) -> float | None: ...

    def deliver(self, alert: Alert, *, now_ns: int) -> None:
        """Return when the target took it. Raises DeliveryFailed; `permanent` when no retry can help this alert."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class ForwarderType(Protocol):
    """What the entry points `causeway.forwarders` name. Raises ConfigError for a wrong table."""

    def __call__(self, table: Mapping[str, Any], common: Common, *, where: str) -> Forwarder: ...


def alert_of(incident: Incident, common: Common, *, superseded: tuple[Verdict, ...] = ()) -> Alert:
    """The alert that an incident is now."""
    best = None
    if incident.diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND and incident.diagnosis.hypotheses:
        best = incident.diagnosis.hypotheses[0]
    resolved = incident.resolved_ns is not None
    return Alert(
        key=f"INC-{incident.id}",
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        verdict=incident.verdict,
        entity=incident.entity,
        summary=incident.summary,
        starts_ns=incident.opened_ns,
        ends_ns=incident.resolved_ns,
        cause=None if best is None else best.entity,
        confidence=None if best is None else best.confidence,
        impact=incident.impact,
        superseded=superseded,
        link=f"{common.dashboard_url.rstrip('/')}/incident/{incident.id}",
        details=details_of(incident.diagnosis),
    )


def details_of(diagnosis: Diagnosis) -> tuple[Message, ...]:
    """What is worth a sentence in an alert: what the first cause does and its strongest evidence, or who else it may
    be; the change believed to have done it, or that the signs point outside."""
    told: list[Message] = []
    if diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND and diagnosis.hypotheses:
        told += [one.reason for one in diagnosis.hypotheses[0].evidence_for[:1]]
    elif diagnosis.hypotheses:
        names = ", ".join(one.entity for one in diagnosis.hypotheses[:CANDIDATES_MAX])
        told.append(Message("alert.candidates", {"names": names}))
    believed = [one.reason for one in (*diagnosis.changes, *diagnosis.considered) if one.standing == "believed"]
    told += believed[:1]
    if diagnosis.outside_signs and not believed:
        told.append(Message("alert.outside"))
    return tuple(told)
