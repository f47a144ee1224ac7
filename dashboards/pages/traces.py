"""Traces: search by service, operation, duration and status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.errors import ConfigError
from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.stores.contract import Page as Found
from causeway.stores.contract import SpanFilter
from causeway.window import parse_duration
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.forms import choice, field
from dashboards.components.trace_table import trace_table
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

LIMIT = 100


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page."""
    where = filter_of(view)
    slowest = view.address.get("order") == "slowest"
    found = services.traces(view.window, where, limit=LIMIT, slowest_first=slowest)
    note = view.say("traces_slowest_first" if slowest else "traces_newest_first")
    return page_body(
        [
            heading(view.say("title_traces"), note=html.A(view.say("journeys.to_paths"), href=view.href("/paths"))),
            answer(view, _verdict(found), _sentence(view, services, found)),
            card(view.say("filters"), html.Div(_form(view, services), id="live-filters")),
            card(view.say("title_traces"), trace_table(view, "traces", found.table), note=note, class_name="flush"),
        ]
    )


def filter_of(view: View) -> SpanFilter:
    """The filter in the address. Raises ConfigError for a duration or attribute that cannot be read."""
    attribute = view.address.get("attribute")
    attributes: dict[str, str] = {}
    if attribute:
        name, sign, value = attribute.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"not an attribute: {attribute!r} (try http.route=/cart)")
        attributes = {name.strip(): value.strip()}
    least, most = view.address.get("min"), view.address.get("max")
    return SpanFilter(
        service=view.address.get("service") or None,
        operation=view.address.get("operation") or None,
        status=view.address.get("status") or None,
        duration_min_ns=parse_duration(least) if least else None,
        duration_max_ns=parse_duration(most) if most else None,
        attributes=attributes,
    )


def _verdict(found: Found) -> Verdict:
    return Verdict.OK if found.table.num_rows else Verdict.UNKNOWN


def _sentence(view: View, services: Services, found: Found) -> str:
    count, window = found.table.num_rows, view.span_of(view.window)
    if not count:
        last = services.status().table("spans").last_ns
        if last is None:
            return view.say("nothing_ever")
        return view.say("traces_none_where", window=window, last=view.clock(last, seconds=True))
    failed = sum(1 for errors in found.table.column("errors").to_pylist() if errors)
    slowest = max(found.table.column("duration_ns").to_pylist()) / 1e6
    said = view.say("traces_found", count=count, failed=failed, slowest=slowest, window=window)
    if found.truncated:
        total = quantity(found.matched) if found.matched is not None else view.say("many")
        said = view.join([said, view.say("partial", shown=count, total=total)])
    return said


def _form(view: View, services: Services) -> Component:
    known = services.services(view.window)
    address = view.address
    options: list[tuple[str, str]] = [("", view.say("any")), *((name, name) for name in known)]
    status = [("", view.say("any")), ("ERROR", view.say("failed_only")), ("OK", view.say("status_ok"))]
    order = [("", view.say("order_newest")), ("slowest", view.say("order_slowest"))]
    fields: list[Any] = [
        choice("service", view.say("column_service"), options, address.get("service")),
        field("operation", view.say("column_operation"), address.get("operation"), wide=True),
        field("min", view.say("duration_min"), address.get("min"), placeholder="250ms"),
        field("max", view.say("duration_max"), address.get("max"), placeholder="5s"),
        choice("status", view.say("column_status"), status, address.get("status")),
        choice("order", view.say("order"), order, address.get("order")),
        field("attribute", view.say("attribute"), address.get("attribute"), placeholder="http.route=/cart", wide=True),
        html.Button(view.say("search"), type="submit", className="button"),
    ]
    return html.Form(fields, action="/traces", className="filters")


PAGE = Page(name="traces", path="/traces", title="title_traces", render=render, nav=(3, "timeline"))
