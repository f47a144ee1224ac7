"""A diagnosis as text for a terminal: the answer, the ranked causes with what speaks for and against, the changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from analytics.output import Cell, Column, Page
from analytics.rootcause.as_usual import looked_at, parted
from causeway.findings import (
    ChangeSuspect,
    Diagnosis,
    DiagnosisVerdict,
    Evidence,
    Hypothesis,
    Message,
    MessageValue,
    Symptom,
)
from causeway.messages import catalogue, quantity
from causeway.window import iso

CHANCE_MIN = 1e-3  # below this a probability says no more than "not by chance"
MARK_WIDTH = 10
STYLES = {
    DiagnosisVerdict.CAUSE_FOUND: "bold red",
    DiagnosisVerdict.NO_CLEAR_CAUSE: "yellow",
    DiagnosisVerdict.NO_ANOMALY: "green",
}


def show_diagnosis(diagnosis: Diagnosis, page: Page) -> None:
    """The answer first; then causes, changes, signs from outside, what is ruled out, symptoms, what was missing."""
    window, usual = diagnosis.window, diagnosis.baseline
    ends = {"from": iso(window.start_ns), "to": iso(window.end_ns)}
    page.line(Message("graph.diagnosis_title", ends), style="bold")
    verdict = page.words(Message(f"diagnosis.verdict_{diagnosis.verdict.value}"))
    gap = "" if page.language == "zh-CN" else " "
    page.line(Text.assemble((verdict, STYLES[diagnosis.verdict]), gap, page.words(diagnosis.summary)))
    since = [] if diagnosis.onset_ns is None else [Message("diagnosis.since", {"time": diagnosis.onset_ns})]
    compared = {"from": usual.start_ns, "to": usual.end_ns, "length": usual.duration_ns / 1e9}
    page.line(gap.join(page.words(one) for one in (*since, Message("diagnosis.compared", compared))))
    if diagnosis.hypotheses:
        page.line(lead(diagnosis))
    for hypothesis in diagnosis.hypotheses:
        _show_hypothesis(hypothesis, page)
    _show_changes(diagnosis, page)
    _show_rows(page, "outside", ((one.entity, page.words(one.reason)) for one in diagnosis.outside_signs))
    shown = {one.entity for one in diagnosis.hypotheses}  # of these it already stands there
    ruled_out = (one for one in diagnosis.ruled_out if one.entity not in shown)
    _show_rows(page, "ruled_out", ((one.entity, page.words(one.reason)) for one in ruled_out))
    _show_symptoms(diagnosis.symptoms, page)
    _show_rows(page, "coverage", (("–", page.words(one)) for one in diagnosis.coverage))


def lead(diagnosis: Diagnosis) -> Message:
    """How far the first hypothesis is ahead of the second."""
    if len(diagnosis.hypotheses) < 2 or diagnosis.margin is None:
        return Message("diagnosis.alone")
    first, second = diagnosis.hypotheses[:2]
    scores = {"score": quantity(first.score), "second": quantity(second.score)}
    return Message("diagnosis.lead", {"margin": diagnosis.margin, **scores})


def family_words(family: str, page: Page) -> str:
    """A family's name; itself where a plug-in brought one that has no word."""
    key = f"rootcause.family_{family}"
    return page.words(Message(key)) if key in catalogue(page.language) else family


def _show_hypothesis(one: Hypothesis, page: Page) -> None:
    score = quantity(one.score)
    key = f"graph.type_{one.entity_type}"
    kind = page.words(Message(key)) if key in catalogue(page.language) else one.entity_type
    values: dict[str, MessageValue] = {
        "rank": one.rank,
        "entity": one.entity,
        "type": kind,
        "confidence": one.confidence,
        "score": score,
    }
    page.heading(Message("diagnosis.hypothesis", values))
    page.line(f"  {page.words(one.summary)}")
    if len(one.path) > 1:
        page.line(f"  {page.words(Message('diagnosis.path', {'path': ' → '.join(one.path)}))}")
    against, usual = parted(one.evidence_against)
    for evidence in one.evidence_for:
        page.line(_marked("for", _observed(evidence, page), page))
    for evidence in against:
        page.line(_marked("against", page.words(evidence.reason), page))
    if usual:
        page.line(_marked("against", _as_usual(usual, page), page))
    if one.unseen:
        page.line(_marked("missing", " ".join(page.words(message) for message in one.unseen), page))


def _marked(mark: str, words: str, page: Page) -> str:
    shown = page.words(Message(f"diagnosis.mark_{mark}"))
    # A Chinese character is as wide as two others.
    width = sum(2 if ord(letter) > 0x2E80 else 1 for letter in shown)
    return f"  {shown}{' ' * max(MARK_WIDTH - width, 1)}{words}"


def _observed(one: Evidence, page: Page) -> str:
    words = page.words(one.reason)
    if one.p is None:
        return words
    p = f"< {quantity(CHANCE_MIN, 'ratio')}" if one.p < CHANCE_MIN else quantity(float(f"{one.p:.2g}"), "ratio")
    return f"{words} [{page.words(Message('diagnosis.chance', {'p': p}))}]"


def _as_usual(usual: Sequence[Evidence], page: Page) -> str:
    named = [
        page.words(
            Message("diagnosis.as_usual_one", {"family": family_words(one.family, page), "count": looked_at(one)})
        )
        for one in usual
    ]
    comma = page.words(Message("pages.comma"))
    return page.words(Message("diagnosis.as_usual", {"families": comma.join(named)}))


def _show_changes(diagnosis: Diagnosis, page: Page) -> None:
    changes = (*diagnosis.changes, *diagnosis.considered)
    if not changes:
        return
    page.heading(Message("diagnosis.heading_changes"))
    if all(one.standing == "cleared" for one in changes):
        page.line(f"  {page.words(Message('diagnosis.no_change_explains'))}")
    for one in changes:
        page.line(_marked(one.standing, _change(one, page), page))


def _change(one: ChangeSuspect, page: Page) -> str:
    key = f"diagnosis.kind_{one.kind}"
    kind = page.words(Message(key)) if key in catalogue(page.language) else one.kind
    told = {"change": page.words(one.reason), "kind": kind, "service": one.service or "–"}
    return page.words(Message("diagnosis.change_of", told))


def _show_rows(page: Page, name: str, rows: Iterable[tuple[str, str]]) -> None:
    told = list(rows)
    if told:
        page.heading(Message(f"diagnosis.heading_{name}"))
    for entity, words in told:
        page.line(f"  {words}" if entity in words or entity == "–" else f"  {entity}: {words}")


def _show_symptoms(symptoms: Sequence[Symptom], page: Page) -> None:
    if not symptoms:
        return
    page.heading(Message("diagnosis.symptoms", {"count": len(symptoms)}))
    names = ("entity", "indicator", "value", "usual")
    columns = [Column(Message(f"graph.symptom_{name}"), number=i > 1) for i, name in enumerate(names)]
    page.table(columns, [_symptom(one, page) for one in symptoms])


def _symptom(one: Symptom, page: Page) -> tuple[Cell, ...]:
    key = f"diagnosis.indicator_{one.indicator}"
    named = page.words(Message(key)) if key in catalogue(page.language) else one.indicator
    operation = "" if one.chart is None else one.chart.title.values.get("operation")
    return (
        f"{one.entity} {operation or ''}".strip(),
        named,
        quantity(one.value, one.unit),
        quantity(one.usual, one.unit),
    )
