"""Diagnoses and patrol reports as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.output import Cell, Column, Page
from causeway.findings import Diagnosis, Evidence, Finding, Hypothesis, Message, MessageValue, PatrolReport, Symptom
from causeway.messages import quantity
from causeway.window import Window, iso


def show_diagnosis(diagnosis: Diagnosis, page: Page) -> None:
    """What broke, since when, and why: the hypotheses with their evidence, then the symptoms."""
    page.line(_titled("diagnosis_title", diagnosis.window), style="bold")
    page.line(diagnosis.summary)
    if diagnosis.onset_ns is not None:
        page.line(Message("graph.diagnosis_onset", {"time": iso(diagnosis.onset_ns)}))
    for hypothesis in diagnosis.hypotheses:
        _show_hypothesis(hypothesis, page)
    if diagnosis.symptoms:
        page.heading(Message("graph.symptoms", {"count": len(diagnosis.symptoms)}))
        names = ("entity", "indicator", "value", "usual")
        columns = [Column(Message(f"graph.symptom_{name}"), number=i > 1) for i, name in enumerate(names)]
        page.table(columns, [_symptom_row(symptom) for symptom in diagnosis.symptoms])


def show_patrol(report: PatrolReport, page: Page) -> None:
    """The score and every finding, worst first."""
    page.line(_titled("patrol_title", report.window), style="bold")
    counts = ", ".join(f"{name} {count}" for name, count in report.counts.items())
    values: dict[str, MessageValue] = {"verdict": report.verdict.value, "counts": counts}
    if report.score is None:
        page.line(Message("graph.patrol_unscored", values))
    else:
        page.line(Message("graph.patrol_score", {**values, "score": report.score}))
    names = ("verdict", "inspection", "entity", "value", "reason")
    columns = [Column(Message(f"graph.column_{name}"), number=name == "value") for name in names]
    page.table(columns, [_finding_row(finding, page) for finding in report.findings])


def _show_hypothesis(hypothesis: Hypothesis, page: Page) -> None:
    values: dict[str, MessageValue] = {
        "rank": hypothesis.rank,
        "entity": hypothesis.entity,
        "family": hypothesis.family,
        "confidence": hypothesis.confidence,
    }
    page.heading(Message("graph.hypothesis", values))
    page.line(hypothesis.summary)
    _show_evidence("evidence_for", hypothesis.evidence_for, page)
    _show_evidence("evidence_against", hypothesis.evidence_against, page)
    if len(hypothesis.path) > 1:
        page.line(Message("graph.path", {"path": " → ".join(hypothesis.path)}))


def _show_evidence(side: str, evidence: Sequence[Evidence], page: Page) -> None:
    word = page.words(Message(f"graph.{side}"))
    for one in evidence:
        page.line(f"  {word}: {page.words(one.reason)}")


def _symptom_row(symptom: Symptom) -> tuple[str, ...]:
    value, usual = quantity(symptom.value, symptom.unit), quantity(symptom.usual, symptom.unit)
    return symptom.entity, symptom.indicator, value, usual


def _finding_row(finding: Finding, page: Page) -> tuple[Cell, ...]:
    return (
        page.verdict(finding.verdict),
        finding.inspection,
        finding.entity,
        quantity(finding.value, finding.unit),
        page.words(finding.reason),
    )


def _titled(name: str, window: Window) -> Message:
    return Message(f"graph.{name}", {"from": iso(window.start_ns), "to": iso(window.end_ns)})
