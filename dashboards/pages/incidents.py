"""Incidents: what is wrong now, and what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash.development.base_component import Component

from causeway.findings import Incident, Verdict
from causeway.messages import quantity
from causeway.wire import sentence
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.incidents import confidence_word, incident_href, lasting
from dashboards.components.states import nothing
from dashboards.components.tables import Column, Row, grid
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LIMIT = 200


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page: all incidents kept, whatever the time range says."""
    found = services.incidents(limit=LIMIT)
    opened = [incident for incident in found if incident.resolved_ns is None]
    title = view.say("title_incidents")
    if not found:
        return page_body(
            [
                heading(title),
                answer(view, Verdict.OK, view.say("incidents_none")),
                nothing(view.say("incidents_how")),
            ]
        )
    worst = max((incident.verdict for incident in opened), key=lambda verdict: verdict.rank, default=Verdict.OK)
    said = view.say("incidents_answer", opened=len(opened), resolved=len(found) - len(opened))
    if len(found) == LIMIT:
        said = view.join([said, view.say("partial", shown=LIMIT, total=view.say("many"))])
    table = grid("incidents", view, _columns(view), _rows(view, found), label=title)
    return page_body(
        [
            heading(title),
            answer(view, worst, said),
            card(title, table, note=view.say("incidents_note"), class_name="flush"),
        ]
    )


def _columns(view: View) -> Sequence[Column]:
    return (
        Column("name", view.say("column_incident"), "name", width=110),
        Column("entity", view.say("column_suffers"), "text", flex=2),
        Column("words", view.say("column_what"), "prose", flex=6),
        Column("cause", view.say("column_cause"), "text", flex=2),
        Column("impact", view.say("column_impact"), "bar", width=120),
        Column("since", view.say("column_since"), "text", width=120),
        Column("lasting", view.say("column_lasting"), "text", width=100),
        Column("state", view.say("column_state"), "text", width=100),
    )


def _rows(view: View, incidents: Sequence[Incident]) -> list[Row]:
    rows: list[Row] = []
    for incident in sorted(incidents, key=lambda one: (one.resolved_ns is not None, -one.opened_ns, -one.id)):
        hypotheses = incident.diagnosis.hypotheses
        over = incident.resolved_ns is not None
        cause = f"{hypotheses[0].entity} ({view.say(confidence_word(hypotheses[0].confidence))})" if hypotheses else "–"
        rows.append(
            {
                "key": str(incident.id),
                "name": f"INC-{incident.id}",
                "href": incident_href(view, incident),
                "verdict": (Verdict.OK if over else incident.verdict).value,
                "verdict_word": view.say("state_resolved" if over else f"verdict_{incident.verdict.value.lower()}"),
                "entity": incident.entity,
                "words": sentence(incident.summary, view.language),
                "cause": cause,
                "impact": (incident.impact or 0.0) / 100,
                "impact_text": quantity(None if incident.impact is None else round(incident.impact)),
                "since": view.clock(incident.opened_ns),
                "lasting": lasting(view, incident),
                "state": view.say("state_resolved" if over else "state_open"),
            }
        )
    return rows


PAGE = Page(name="incidents", path="/incidents", title="title_incidents", render=render, nav=(6, "alert-triangle"))
