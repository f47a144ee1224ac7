"""Incidents in lists and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from causeway.findings import Diagnosis, DiagnosisVerdict, Incident
from causeway.messages import quantity
from causeway.window import SECOND_NS
from causeway.wire import sentence
from dashboards.components.basics import mark
from dashboards.components.states import nothing
from dashboards.view import View


def incident_list(view: View, incidents: Sequence[Incident]) -> Component:
    """Open incidents, the widest felt first."""
    if not incidents:
        return nothing(view.say("incidents_none_open"))
    ordered = sorted(incidents, key=lambda one: (-one.verdict.rank, -(one.impact or 0.0), -one.id))
    return html.Ul([_line(view, incident) for incident in ordered[:8]], className="rows")


def _line(view: View, incident: Incident) -> Component:
    return html.Li(
        [
            mark(view, incident.verdict, word=False),
            html.Span(
                [
                    html.A(f"INC-{incident.id}", href=incident_href(view, incident)),
                    " ",
                    html.Span(incident.entity, className="strong"),
                    html.Div(sentence(incident.summary, view.language), className="dim small"),
                ],
                className="words",
            ),
            html.Span([view.clock(incident.opened_ns), " · ", lasting(view, incident)], className="when"),
        ]
    )


def incident_href(view: View, incident: Incident) -> str:
    """The incident's page."""
    return view.href(f"/incident/{incident.id}")


def lasting(view: View, incident: Incident) -> str:
    """How long it has lasted, or lasted."""
    end = view.now_ns if incident.resolved_ns is None else incident.resolved_ns
    return quantity(max(0.0, (end - incident.opened_ns) / SECOND_NS), "s")


def cause_words(view: View, diagnosis: Diagnosis) -> str:
    """`Likely cause: …` or that there is none that stands out."""
    if diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND and diagnosis.hypotheses:
        first = diagnosis.hypotheses[0]
        return view.say(
            "likely_cause",
            cause=sentence_like(sentence(first.summary, view.language).rstrip(".。"), first.entity),
            confidence=view.say(confidence_word(first.confidence)),
        )
    unclear = diagnosis.verdict is DiagnosisVerdict.NO_CLEAR_CAUSE
    if unclear and not diagnosis.summary.id.startswith("rootcause.unclear"):  # which says it already
        return view.say("no_clear_cause")
    return ""


def sentence_like(text: str, entity: str) -> str:
    """The text beginning with a capital letter, unless it begins with a name."""
    return text if text.startswith(entity) else text[:1].upper() + text[1:]


def confidence_word(confidence: float) -> str:
    """The catalogue name of a confidence in words."""
    if confidence >= 0.75:
        return "confidence_high"
    return "confidence_medium" if confidence >= 0.45 else "confidence_low"
