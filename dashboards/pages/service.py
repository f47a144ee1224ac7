"""Service: its requests over time, operations, instances, neighbours, logs and traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.stores.contract import SpanFilter
from causeway.wire import sentence
from dashboards.components.anomalies import unusual_series
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.changes import change_list, chart_changes, what_changed
from dashboards.components.red_charts import red_charts
from dashboards.components.service_parts import instances_table, neighbours_table, operations_table, templates_table
from dashboards.components.states import no_spans
from dashboards.components.trace_table import trace_table
from dashboards.judged import Judged, judged
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

TRACES_SHOWN = 8


def render(view: View, services: Services, values: Mapping[str, str]) -> Component:
    """The page of the service called in the path."""
    name = values["name"]
    world = services.world(view.window)
    if (name,) not in world.services.keys:
        return no_spans(view, services, title=name, service=name)
    health = judged(services.patrol(view.window))
    changes = what_changed(view, world, service=name)
    return page_body(
        [
            heading(name, note=_links(view, name)),
            _answer(view, health, name),
            html.Div(red_charts(view, services, name, chart_changes(changes), health), className="charts"),
            card(
                view.say("anomalies.card"),
                unusual_series(view, services, name),
                note=view.say("anomalies.card_note"),
            ),
            html.Div(
                [
                    card(view.say("callers"), neighbours_table(view, services, name, callers=True), class_name="flush"),
                    card(
                        view.say("callees"), neighbours_table(view, services, name, callers=False), class_name="flush"
                    ),
                ],
                className="two",
            ),
            card(
                view.say("operations"),
                operations_table(view, world, name),
                note=view.say("operations_note"),
                class_name="flush",
            ),
            card(
                view.say("instances"),
                instances_table(view, world, name),
                note=view.say("instances_note"),
                class_name="flush",
            ),
            html.Div(
                [
                    card(
                        view.say("log_templates"),
                        templates_table(view, world, name),
                        note=_logs_link(view, name),
                        class_name="flush",
                    ),
                    card(
                        view.say("what_changed"),
                        html.Div(change_list(view, changes), id="live-changes"),
                        note=view.span_of(view.window),
                    ),
                ],
                className="two",
            ),
            _traces(view, services, name),
        ]
    )


def _links(view: View, name: str) -> list[Any]:
    return [
        html.A(view.say("on_the_map"), href=view.href("/map", focus=name)),
        " · ",
        html.A(view.say("impactpages.to_blast"), href=view.href(f"/impact/{name}")),
        " · ",
        html.A(view.say("journeys.to_paths"), href=view.href("/paths", entry=name)),
        " · ",
        html.A(view.say("title_traces"), href=view.href("/traces", service=name)),
        " · ",
        html.A(view.say("title_logs"), href=view.href("/logs", service=name)),
    ]


def _logs_link(view: View, name: str) -> Component:
    return html.A(view.say("all_lines"), href=view.href("/logs", service=name))


def _answer(view: View, health: Judged, name: str) -> Component:
    found = health.by_entity.get(name, ())
    bad = sorted((one for one in found if one.verdict.rank >= Verdict.WARNING.rank), key=lambda one: -one.verdict.rank)
    if bad:
        words = view.join(sentence(one.reason, view.language) for one in bad[:3])
        return answer(view, bad[0].verdict, words)
    if health.verdict(name) is Verdict.UNKNOWN:
        return answer(view, Verdict.UNKNOWN, view.say("service_unknown"))
    unjudged = sum(1 for one in found if one.verdict is Verdict.UNKNOWN)
    said = view.say(
        "service_quiet_unknown" if unjudged else "service_quiet",
        service=name,
        checks=len(found) - unjudged,
        unknown=unjudged,
    )
    return answer(view, Verdict.OK, said)


def _traces(view: View, services: Services, name: str) -> Component:
    failed = services.traces(view.window, SpanFilter(service=name, status="ERROR"), limit=TRACES_SHOWN)
    slow = services.traces(view.window, SpanFilter(service=name), limit=TRACES_SHOWN, slowest_first=True)
    return html.Div(
        [
            card(
                view.say("traces_failed"),
                trace_table(view, "traces-failed", failed.table, narrow=True),
                note=html.A(view.say("search_more"), href=view.href("/traces", service=name, status="ERROR")),
                class_name="flush",
            ),
            card(
                view.say("traces_slow"),
                trace_table(view, "traces-slow", slow.table, narrow=True),
                note=html.A(view.say("search_more"), href=view.href("/traces", service=name, order="slowest")),
                class_name="flush",
            ),
        ],
        className="two",
    )


PAGE = Page(name="service", path="/service/{name}", title="title_service", render=render, parent="services")
