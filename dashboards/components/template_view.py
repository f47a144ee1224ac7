"""The logs page of one template: what it says, how often it comes, its lines and its traces."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.logtemplates.lines import TemplateLines, detail_of
from analytics.logtemplates.lookup import rows_of, template_id_of
from analytics.logtemplates.survey import Row, Survey
from causeway.errors import BadRequest
from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.log_table import log_table
from dashboards.components.states import nothing
from dashboards.components.template_tables import change_word, severity_name, template_traces_table
from dashboards.services import Services
from dashboards.view import View

LINES = 200
HEIGHT_PX = 560


def template_view(view: View, services: Services, asked: str) -> Component:
    """Lines and traces of the template with that id (of the service in the address)."""
    survey = services.log_templates(view.window)
    service = view.address.get("service") or None
    rows = _rows(survey, asked, service)
    title = heading(view.say("logpages.template_title"), note=_back(view, service))
    if not rows:
        said = view.say("logpages.template_unknown", id=asked, window=view.span_of(view.window))
        return page_body([title, answer(view, Verdict.UNKNOWN, said), nothing(view.say("logpages.template_hint"))])
    found = services.template_lines(view.window, rows[0].template_id, service=service, limit=LINES)
    verdict, said = _said(view, survey, rows[0])
    parts = [
        title,
        answer(view, verdict, said),
        html.Div([_facts(view, rows, found), _traces(view, found)], className="two"),
        _lines(view, found),
    ]
    return page_body(parts)


def _rows(survey: Survey, asked: str, service: str | None) -> tuple[Row, ...]:
    try:
        return rows_of(survey, template_id_of(asked), service)
    except BadRequest:
        return ()


def _back(view: View, service: str | None) -> Component:
    return html.A(view.say("logpages.to_all"), href=view.href("/logs", service=service))


def _said(view: View, survey: Survey, row: Row) -> tuple[Verdict, str]:
    change = row.change
    if change is not None:
        return change.verdict, view.say(
            f"logpages.template_{change.kind.value}",
            lines=row.lines,
            usual=change.usual,
            service=row.service,
            first=view.clock(change.first_ns),
            last=view.clock(change.last_ns),
        )
    if row.service in survey.without_history:
        return Verdict.UNKNOWN, view.say("logpages.template_no_history", lines=row.lines, service=row.service)
    return Verdict.OK, view.say("logpages.template_same", lines=row.lines, service=row.service)


def _facts(view: View, rows: tuple[Row, ...], found: TemplateLines | None) -> Component:
    first = rows[0]
    counted = ", ".join(f"{row.service} {quantity(row.lines)}" for row in rows)
    facts = [
        (view.say("column_severity"), severity_name(first.severity_number)),
        (view.say("logpages.column_change"), change_word(view, first)),
        (view.say("logpages.lines_by_service"), counted),
        (view.say("logpages.id"), str(first.template_id)),
    ]
    if found is not None:
        facts += [
            (f"<*> {place}", ", ".join(dict.fromkeys(one.value for one in values)))
            for place, values in enumerate(detail_of(found).values, start=1)
        ]
    listed = [part for name, value in facts if value for part in (html.Dt(name), html.Dd(value))]
    body = [html.Pre(first.template, className="code"), html.Dl(listed, className="facts")]
    return card(view.say("logpages.facts_title"), body)


def _traces(view: View, found: TemplateLines | None) -> Component:
    title = view.say("logpages.traces_title")
    if found is None or not found.traces:
        return card(title, nothing(view.say("logpages.traces_none")))
    note = view.say("logpages.traces_note", count=len(found.traces))
    return card(title, template_traces_table(view, found.traces), note=note, class_name="flush")


def _lines(view: View, found: TemplateLines | None) -> Component:
    title = view.say("log_lines")
    if found is None:
        return card(title, nothing(view.say("logpages.lines_none")))
    shown = found.table.num_rows
    notes: list[Any] = [view.say("logpages.lines_note", shown=shown, matched=found.matched)]
    if found.window != view.window:
        notes.append(view.say("logpages.lines_before", window=view.span_of(found.window)))
    if found.truncated:
        notes.append(view.say("logpages.lines_newest", read=found.read))
    table = log_table(view, "logs", found.table, height=min(HEIGHT_PX, 38 + 34 * shown))
    return card(title, table, note=view.join(notes), class_name="flush")
