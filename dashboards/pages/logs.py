"""Logs: which kinds of messages changed, lines of the window, and one kind with its lines and traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from analytics.logtemplates.survey import Row, Survey
from analytics.patrol.log_evidence import short
from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.stores.contract import LogFilter
from causeway.stores.contract import Page as Found
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.forms import choice, field
from dashboards.components.log_table import log_table
from dashboards.components.states import nothing
from dashboards.components.template_tables import KINDS_MAX, changed_table, kinds_table
from dashboards.components.template_view import template_view
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LIMIT = 500
HEIGHT_PX = 560
UNKNOWN_MAX = 8
# OTLP severity numbers by the name that stands in the address.
SEVERITIES = {"INFO": 9, "WARN": 13, "ERROR": 17}


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page; with a template in the address, that of one kind of message."""
    address = view.address
    if template := address.get("template"):
        return template_view(view, services, template)
    where = LogFilter(
        service=address.get("service") or None,
        severity_min=SEVERITIES.get(address.get("severity")),
        contains=address.get("contains") or None,
    )
    found = services.logs(view.window, where, limit=LIMIT)
    survey = services.log_templates(view.window)
    order = {(one.service, one.template_id): place for place, one in enumerate(survey.changes)}
    rows = [row for row in survey.rows if _fits(row, where)]
    changed = sorted((row for row in rows if row.change), key=lambda row: order[row.service, row.template_id])
    verdict, worse = _worse(view, changed)
    count = found.table.num_rows
    parts: list[Component] = [
        heading(view.say("title_logs")),
        answer(
            view,
            verdict if count or changed else Verdict.UNKNOWN,
            view.join([_said(view, services, found), worse]),
        ),
        card(view.say("filters"), html.Div(_form(view, services), id="live-filters")),
    ]
    if rows:
        parts.append(_changed(view, survey, rows, changed))
    parts.append(_lines(view, found))
    return page_body([*parts, *_kinds(view, rows)])


def _said(view: View, services: Services, found: Found) -> str:
    count, window = found.table.num_rows, view.span_of(view.window)
    if not count:
        last = services.status().table("logs").last_ns
        name = "logs_none" if last is not None else "nothing_ever"
        return view.say(name, window=window, last=view.clock(last, seconds=True))
    said = view.say("logs_found", count=count, window=window)
    if not found.truncated:
        return said
    total = quantity(found.matched) if found.matched is not None else view.say("many")
    return view.join([said, view.say("partial", shown=count, total=total)])


def _worse(view: View, changed: Sequence[Row]) -> tuple[Verdict, str]:
    """The worst verdict of those changes, and a sentence where it is bad."""
    bad = [row for row in changed if row.change is not None and row.change.verdict is not Verdict.OK]
    if not bad or bad[0].change is None:
        return Verdict.OK, ""
    first = bad[0]
    said = view.say("logpages.changed_worse", count=len(bad), service=first.service, template=short(first.template))
    return bad[0].change.verdict, said


def _lines(view: View, found: Found) -> Component:
    count = found.table.num_rows
    if not count:
        return card(view.say("log_lines"), nothing(view.say("logs_none_hint")))
    table = log_table(view, "logs", found.table, height=min(HEIGHT_PX, 38 + 34 * count))
    return card(view.say("log_lines"), table, note=view.say("logs_newest_first"), class_name="flush")


def _fits(row: Row, where: LogFilter) -> bool:
    """Whether the form asks for the template; its words are looked for in what all its lines share."""
    return (
        where.service in {None, row.service}
        and row.severity_number >= (where.severity_min or 0)
        and (where.contains or "") in row.template
    )


def _changed(view: View, survey: Survey, rows: Sequence[Row], changed: Sequence[Row]) -> Component:
    served = {row.service for row in rows}
    unknown = [name for name in survey.without_history if name in served]
    notes = [view.say("logpages.changed_note", window=view.span_of(survey.baseline))]
    if unknown:
        notes.append(view.say("logpages.no_history", services=view.say("comma").join(unknown[:UNKNOWN_MAX])))
    if survey.capped:
        notes.append(view.say("templates.capped"))
    if changed:
        table = changed_table(view, changed)
    else:
        table = nothing(view.say("logpages.changed_unknown" if served == set(unknown) else "logpages.changed_none"))
    return card(view.say("logpages.changed_title"), table, note=view.join(notes), class_name="flush" if changed else "")


def _kinds(view: View, rows: Sequence[Row]) -> list[Component]:
    if not rows:
        return []
    note = view.say("logpages.kinds_note", count=len(rows))
    if len(rows) > KINDS_MAX:
        note = view.join([note, view.say("logpages.kinds_first", shown=KINDS_MAX)])
    return [card(view.say("logpages.kinds_title"), kinds_table(view, rows), note=note, class_name="flush")]


def _form(view: View, services: Services) -> Component:
    address = view.address
    names = [("", view.say("any")), *((name, name) for name in services.services(view.window))]
    severities = [("", view.say("any")), *((name, view.say(f"severity_{name.lower()}")) for name in SEVERITIES)]
    fields = [
        choice("service", view.say("column_service"), names, address.get("service")),
        choice("severity", view.say("severity_from"), severities, address.get("severity")),
        field("contains", view.say("contains"), address.get("contains"), wide=True),
        html.Button(view.say("search"), type="submit", className="button"),
    ]
    return html.Form(fields, action="/logs", className="filters")


PAGE = Page(name="logs", path="/logs", title="title_logs", render=render, nav=(5, "file-text"))
