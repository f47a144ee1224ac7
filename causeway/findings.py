"""What analytics may say: verdicts, evidence, findings, hypotheses, diagnoses, incidents.

Words for people are never stored as text: a `Message` names an entry of the catalogues
(`causeway/locales/*/`), so that one finding reads in English and in 简体中文.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from causeway.window import Window

MessageValue = str | int | float | None
_NOTHING: Mapping[str, MessageValue] = MappingProxyType({})


class Verdict(StrEnum):
    """The one scale of judgement. UNKNOWN means that the data cannot tell; it is never OK."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"

    @property
    def rank(self) -> int:
        """0 is calm; larger is worse. UNKNOWN is worse than OK and better than WARNING."""
        return ("OK", "UNKNOWN", "WARNING", "CRITICAL").index(self.value)


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence by catalogue id (`domain.name`) and the values of its placeholders."""

    id: str
    values: Mapping[str, MessageValue] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Chart:
    """The numbers behind a piece of evidence: one line and its usual range.

    times_ns: (t,) int; values: (t,) with None for missing; low and high: the usual range, same unit.
    """

    title: Message
    unit: str
    times_ns: tuple[int, ...]
    values: tuple[float | None, ...]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation that speaks for or against a hypothesis.

    p: tail probability against the entity's own history, in [0, 1]; None where none can be given.
    """

    family: str
    entity: str
    reason: Message
    p: float | None = None
    chart: Chart | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One inspection's judgement of one entity. `value` is None only where the verdict is UNKNOWN or OK.

    link: a path of the dashboards, without time range; evidence: single observations behind it, the strongest first.
    """

    inspection: str
    entity: str
    verdict: Verdict
    reason: Message
    value: float | None = None
    unit: str = ""
    threshold: float | None = None
    remedy: Message | None = None
    impact: float | None = None
    link: str | None = None
    chart: Chart | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A possible cause. `rank` starts at 1; `confidence` is in [0, 1]; `path` runs from the cause to an entry.

    score: all its evidence together, in powers of ten against chance. unseen: what of it nobody could look at.
    """

    rank: int
    entity: str
    entity_type: str
    family: str
    confidence: float
    summary: Message
    evidence_for: tuple[Evidence, ...] = ()
    evidence_against: tuple[Evidence, ...] = ()
    path: tuple[str, ...] = ()
    onset_ns: int | None = None
    score: float = 0.0
    unseen: tuple[Message, ...] = ()


class DiagnosisVerdict(StrEnum):
    """The three honest answers of a diagnosis."""

    CAUSE_FOUND = "cause_found"
    NO_CLEAR_CAUSE = "no_clear_cause"
    NO_ANOMALY = "no_anomaly"


@dataclass(frozen=True, slots=True)
class Symptom:
    """What users notice: an indicator of an entry point that left its usual range."""

    entity: str
    indicator: str
    value: float
    usual: float
    unit: str
    p: float
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class ChangeSuspect:
    """A recorded change that may have broken it. `score` is in [0, 1]; `service` is where it runs, empty if nowhere.

    standing: `believed`, `possible` (in the right place at the right time, and no more is known) or `cleared`.
    """

    revision: str
    kind: str
    service: str
    time_ns: int
    score: float
    reason: Message
    standing: str = "believed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer to "what broke, since when, and why" over one window; hypotheses best first.

    changes: recorded changes that explain it, best first; empty where none does. outside: how clearly the signs point
    to what nobody here changed (names that do not resolve, certificates, providers), in [0, 1]; outside_signs say
    which. considered: the other recorded changes around the onset, possible ones first, with why. margin: by how much
    of its score the first hypothesis leads the second, in [0, 1]; None without a hypothesis. coverage: what
    was missing.
    """

    window: Window
    baseline: Window
    verdict: DiagnosisVerdict
    onset_ns: int | None
    hypotheses: tuple[Hypothesis, ...]
    symptoms: tuple[Symptom, ...] = ()
    ruled_out: tuple[Evidence, ...] = ()
    summary: Message = field(default_factory=lambda: Message("rootcause.no_anomaly"))
    examined: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[ChangeSuspect, ...] = ()
    outside: float = 0.0
    outside_signs: tuple[Evidence, ...] = ()
    considered: tuple[ChangeSuspect, ...] = ()
    margin: float | None = None
    coverage: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class PatrolReport:
    """All findings of one patrol, worst first; `score` is 0-100 over what could be judged, None if nothing could."""

    window: Window
    score: float | None
    verdict: Verdict
    findings: tuple[Finding, ...]
    generated_ns: int
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is, or was, wrong: opened by a diagnosis, kept up to date, resolved when all is quiet again.

    id: 1, 2, 3, ... (shown as INC-12). resolved_ns is None while it lasts. `entity` is the entry point users suffer at.
    """

    id: int
    entity: str
    verdict: Verdict
    summary: Message
    opened_ns: int
    updated_ns: int
    resolved_ns: int | None
    impact: float | None
    diagnosis: Diagnosis
