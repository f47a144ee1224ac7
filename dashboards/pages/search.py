"""Search: a trace id, services whose name fits, or log lines with the words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.stores.contract import LogFilter
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.log_table import log_table
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LINES_MAX = 100
SERVICES_MAX = 40


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page for `?q=`."""
    asked = view.address.get("q")
    trace_found = (
        re.fullmatch(r"[0-9a-fA-F]{32}", asked) is not None and services.trace(bytes.fromhex(asked)).num_rows > 0
    )
    names = [name for name in services.services(view.window) if asked and asked.lower() in name.lower()]
    lines = services.logs(view.window, LogFilter(contains=asked), limit=LINES_MAX) if asked else None
    found = len(names) + trace_found + (lines.table.num_rows if lines else 0)
    said = view.say(
        "search_answer" if found else "search_nothing",
        words=asked,
        services=len(names),
        lines=lines.table.num_rows if lines else 0,
        window=view.span_of(view.window),
    )
    parts: list[Any] = [heading(view.say("search")), answer(view, Verdict.OK if found else Verdict.UNKNOWN, said)]
    if trace_found:
        parts.append(
            html.A(view.say("open_trace", id=asked), href=view.href(f"/trace/{asked.lower()}"), className="button")
        )
    if names:
        links = [html.A(name, href=view.href(f"/service/{name}"), className="pill") for name in names[:SERVICES_MAX]]
        parts.append(card(view.say("title_services"), html.Div(links, className="pills")))
    if lines is not None and lines.table.num_rows:
        parts.append(card(view.say("log_lines"), log_table(view, "logs", lines.table), class_name="flush"))
    return page_body(parts)


PAGE = Page(name="search", path="/search", title="search", render=render)
