"""Incident: what broke, since when and why, with the evidence for and against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.errors import CausewayError
from causeway.findings import ChangeSuspect, Diagnosis, DiagnosisVerdict, Incident, Verdict
from causeway.messages import catalogue, quantity
from dashboards.components.basics import answer, card, heading, mark, page_body
from dashboards.components.candidates import candidates, family_words
from dashboards.components.changes import what_changed
from dashboards.components.hypotheses import evidence_line, hypothesis_card, path_map, symptom_charts
from dashboards.components.incidents import cause_words, lasting
from dashboards.components.states import nothing
from dashboards.components.suspect_changes import change_verdicts, missing_signals, outside_signs
from dashboards.components.timeline import Moment, timeline
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

HYPOTHESES_MAX = 5
RULED_OUT_MAX = 8
MOMENTS_MAX = 8


def render(view: View, services: Services, values: Mapping[str, str]) -> Component:
    """The page of the incident whose number is in the path."""
    incident = services.incident(int(values["id"])) if values["id"].isdigit() else None
    if incident is None:
        title = view.say("title_incident")
        words = view.say("incident_unknown", id=values["id"])
        return page_body(
            [
                heading(title),
                answer(view, Verdict.UNKNOWN, words),
                html.A(view.say("title_incidents"), href=view.href("/incidents"), className="button"),
            ]
        )
    diagnosis = incident.diagnosis
    over = incident.resolved_ns is not None
    said = view.join([view.tell(incident.summary), cause_words(view, diagnosis)])
    parts: list[Any] = [
        heading(f"INC-{incident.id} · {incident.entity}", note=_note(view, incident)),
        answer(view, Verdict.OK if over else incident.verdict, said),
        card(
            view.say("timeline"),
            html.Div(timeline(view, _moments(view, services, incident)), id="live-timeline"),
            note=_compared(view, diagnosis),
        ),
        candidates(view, diagnosis),
        *_causes(view, services, diagnosis),
        change_verdicts(view, diagnosis),
        outside_signs(view, diagnosis),
        symptom_charts(view, diagnosis),
        _ruled_out(view, diagnosis),
        missing_signals(view, diagnosis.coverage),
    ]
    return page_body([part for part in parts if part is not None])


def _note(view: View, incident: Incident) -> list[Any]:
    over = incident.resolved_ns is not None
    state = view.say("state_resolved" if over else "state_open")
    parts: list[Any] = [
        mark(view, incident.verdict),
        f" · {state} · {view.say('since', time=view.clock(incident.opened_ns))} · {lasting(view, incident)}",
    ]
    if incident.impact is not None:
        parts.append(f" · {view.say('impact_of', impact=quantity(round(incident.impact)))}")
    window = incident.diagnosis.window
    parts += [" · ", html.A(view.say("show_that_time"), href=view.address.to_window(window, "/"))]
    if incident.diagnosis.hypotheses:
        cause = incident.diagnosis.hypotheses[0].entity
        there = view.address.to_window(window, f"/impact/{cause}")
        parts += [" · ", html.A(view.say("impactpages.blast_of", service=cause), href=there)]
    return parts


def _compared(view: View, diagnosis: Diagnosis) -> str:
    usual = diagnosis.baseline
    return view.say("compared_with", span=view.span_of(usual), length=usual.duration_ns / 1e9)


def _moments(view: View, services: Services, incident: Incident) -> list[Moment]:
    diagnosis = incident.diagnosis
    found = []
    if diagnosis.onset_ns is not None:
        found.append(Moment(diagnosis.onset_ns, view.say("moment_onset"), Verdict.CRITICAL))
    found.append(Moment(incident.opened_ns, view.say("moment_opened"), incident.verdict))
    if incident.resolved_ns is not None:
        found.append(Moment(incident.resolved_ns, view.say("moment_resolved"), Verdict.OK))
    try:
        changes = what_changed(view, services.world(diagnosis.window))
    except CausewayError:
        changes = []  # the telemetry of that time may be gone; the incident remains
    suspects = [one for one in (*diagnosis.changes, *diagnosis.considered) if one.standing != "cleared"][:MOMENTS_MAX]
    found += [_suspected(view, one) for one in suspects]
    told = {one.time_ns for one in suspects}
    others = (change for change in changes if change.kind != "template" and change.time_ns not in told)
    near = list(others)[: MOMENTS_MAX - len(suspects)]
    found += [Moment(change.time_ns, f"{change.service}{view.say('colon')}{change.words}", None) for change in near]
    return sorted(found, key=lambda moment: moment.time_ns)


def _suspected(view: View, one: ChangeSuspect) -> Moment:
    named = str(one.reason.values.get("change") or one.revision)
    standing = view.say(f"diagnosis.mark_{one.standing}")
    return Moment(one.time_ns, f"{one.service}{view.say('colon')}{named} ({standing})", None)


def _causes(view: View, services: Services, diagnosis: Diagnosis) -> list[Component | None]:
    if not diagnosis.hypotheses:
        return [card(view.say("hypotheses"), _examined(view, diagnosis))]
    first = diagnosis.hypotheses[0]
    cards = [
        hypothesis_card(view, one, onset_ns=diagnosis.onset_ns, charts=one.rank == 1)
        for one in diagnosis.hypotheses[:HYPOTHESES_MAX]
    ]
    heading_ = html.H2(view.say("hypotheses"), className="card-title")
    note = nothing(view.say("no_clear_cause_hint")) if diagnosis.verdict is DiagnosisVerdict.NO_CLEAR_CAUSE else None
    try:
        drawn = path_map(view, services, diagnosis.window, first)
    except CausewayError:
        drawn = None
    return [html.Div([heading_, *([note] if note else []), cards[0]], className="page-body"), drawn, *cards[1:]]


def _examined(view: View, diagnosis: Diagnosis) -> Component:
    counted = [
        html.Li(
            [
                html.Span(),
                html.Span(_examined_words(view, name), className="words"),
                html.Span(quantity(number) if number else view.say("nothing_to_see"), className="when"),
            ]
        )
        for name, number in diagnosis.examined.items()
    ]
    quiet = diagnosis.verdict is DiagnosisVerdict.NO_ANOMALY
    said = "nothing_unusual" if quiet and diagnosis.examined.get("observations") else "no_hypotheses"
    return html.Div([nothing(view.say(said)), html.Ul(counted, className="rows")])


def _examined_words(view: View, name: str) -> str:
    key = f"pages.examined_{name}"
    return view.say(key) if key in catalogue(view.language) else family_words(view, name)


def _ruled_out(view: View, diagnosis: Diagnosis) -> Component | None:
    shown = {one.entity for one in diagnosis.hypotheses[:HYPOTHESES_MAX]}  # their cards say it
    ruled_out = [one for one in diagnosis.ruled_out if one.entity not in shown]
    if not ruled_out:
        return None
    lines = [evidence_line(view, one, against=True, named=True) for one in ruled_out[:RULED_OUT_MAX]]
    left = len(ruled_out) - RULED_OUT_MAX
    more = [html.Div(view.say("and_more", count=left), className="dim")] if left > 0 else []
    return card(view.say("ruled_out"), [html.Ul(lines, className="evidence-list"), *more])


PAGE = Page(name="incident", path="/incident/{id}", title="title_incident", render=render, parent="incidents")
