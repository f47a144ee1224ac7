"""Logs: lines of the window, by service, severity and word."""

from __future__ import annotations

from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.stores.contract import LogFilter
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.forms import choice, field
from dashboards.components.log_table import log_table
from dashboards.components.states import nothing
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LIMIT = 500
HEIGHT_PX = 560
# OTLP severity numbers by the name that stands in the address.
SEVERITIES = {"INFO": 9, "WARN": 13, "ERROR": 17}


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page."""
    address = view.address
    where = LogFilter(
        service=address.get("service") or None,
        severity_min=SEVERITIES.get(address.get("severity")),
        contains=address.get("contains") or None,
    )
    found = services.logs(view.window, where, limit=LIMIT)
    count = found.table.num_rows
    if count:
        said = view.say("logs_found", count=count, window=view.span_of(view.window))
        if found.truncated:
            total = quantity(found.matched) if found.matched is not None else view.say("many")
            said = view.join([said, view.say("partial", shown=count, total=total)])
        table: Component = log_table(view, "logs", found.table, height=min(HEIGHT_PX, 38 + 34 * count))
    else:
        last = services.status().table("logs").last_ns
        said = view.say(
            "logs_none" if last is not None else "nothing_ever",
            window=view.span_of(view.window),
            last=view.clock(last, seconds=True),
        )
        table = nothing(view.say("logs_none_hint"))
    return page_body(
        [
            heading(view.say("title_logs")),
            answer(view, Verdict.OK if count else Verdict.UNKNOWN, said),
            card(view.say("filters"), html.Div(_form(view, services), id="live-filters")),
            card(view.say("log_lines"), table, note=view.say("logs_newest_first"), class_name="flush" if count else ""),
        ]
    )


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
