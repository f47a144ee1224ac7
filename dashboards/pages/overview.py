"""Overview: whether something is wrong, for whom, since when, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from causeway.findings import Incident, Verdict
from causeway.wire import sentence
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.changes import change_list, what_changed
from dashboards.components.charts import number_card
from dashboards.components.incidents import cause_words, incident_href, incident_list
from dashboards.components.service_table import service_columns, service_rows
from dashboards.components.states import no_spans
from dashboards.components.tables import grid
from dashboards.judged import Judged, judged
from dashboards.page import Page
from dashboards.readings import per_minute, since_first, spark, usual
from dashboards.services import Services
from dashboards.view import View


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page."""
    world = services.world(view.window)
    title = view.say("title_overview")
    if world.services.calls.size == 0 or not world.seen.get("spans", (0, 0))[1]:
        return no_spans(view, services, title=title)
    incidents = services.incidents(open_only=True)
    health = judged(services.patrol(view.window))
    rows = service_rows(view, services, view.window)
    wrong = card(view.say("wrong_now"), html.Div(incident_list(view, incidents), id="live-wrong"))
    changed = card(
        view.say("what_changed"),
        html.Div(change_list(view, what_changed(view, world)), id="live-changes"),
        note=view.span_of(view.window),
    )
    table = card(
        view.say("services_worst_first"),
        grid("services", view, service_columns(view), rows, label=view.say("title_services")),
        note=view.say("usual_note"),
        class_name="flush",
    )
    return page_body(
        [
            heading(title),
            _answer(view, services, incidents, health),
            html.Div(_cards(view, services, health, len(incidents)), className="cards", id="live-cards"),
            html.Div([wrong, changed], className="two"),
            table,
        ]
    )


def _answer(view: View, services: Services, incidents: list[Incident], health: Judged) -> Component:
    world = services.world(view.window)
    if incidents:
        worst = max(incidents, key=lambda one: (one.verdict.rank, one.impact or 0.0))
        words = view.join([sentence(worst.summary, view.language), cause_words(view, worst.diagnosis)])
        return answer(view, worst.verdict, words, href=incident_href(view, worst))
    names = [name for (name,) in world.services.keys]
    bad = [finding for name in names if (finding := health.worst(name)) is not None]
    if bad:
        first = max(bad, key=lambda one: (one.verdict.rank, one.impact or 0.0))
        parts = [
            html.Span(first.entity, className="value"),
            view.say("colon"),
            sentence(first.reason, view.language),
            " ",
            view.say("others_too", count=len(bad) - 1) if len(bad) > 1 else "",
        ]
        return answer(view, first.verdict, parts, href=view.href(f"/service/{first.entity}"))
    unknown = sum(1 for name in names if health.verdict(name) is Verdict.UNKNOWN)
    said = view.say("all_quiet_unknown" if unknown else "all_quiet", count=len(names), unknown=unknown)
    return answer(view, Verdict.OK, said)


def _cards(view: View, services: Services, health: Judged, incidents: int) -> list[Component]:
    now, before = services.red(view.window)
    world = services.world(view.window)
    entries = sorted({service for service, _ in world.entries.keys})
    failing = _worst(health, entries, ("error_ratio", "availability"))
    slow = _worst(health, entries, ("latency",))
    drop = _worst(health, entries, ("traffic_drop",))
    names = [name for (name,) in world.services.keys]
    off = sum(1 for name in names if health.verdict(name).rank >= Verdict.WARNING.rank)
    return [
        number_card(
            view,
            view.say("card_requests"),
            per_minute(now.whole_rate_per_s),
            "/min",
            usual=_scaled(usual(since_first(before.rate_per_s, before.calls)).middle, 60.0),
            verdict=drop,
            values=spark(now.rate_per_s),
        ),
        number_card(
            view,
            view.say("card_errors"),
            now.whole_error_ratio,
            "ratio",
            usual=before.whole_error_ratio,
            verdict=failing,
            values=spark(now.error_ratio),
            href=view.href("/traces", status="ERROR"),
        ),
        number_card(
            view,
            view.say("card_p99"),
            now.whole_ms[2],
            "ms",
            usual=before.whole_ms[2],
            verdict=slow,
            values=spark(now.latency_ms_p99),
            href=view.href("/traces", order="slowest"),
        ),
        number_card(
            view,
            view.say("card_attention"),
            float(off),
            "",
            usual=None,
            note=view.say("card_attention_note", count=len(names), incidents=incidents),
            href=view.href("/map"),
        ),
    ]


def _worst(health: Judged, names: list[str], inspections: tuple[str, ...]) -> Verdict:
    found = [health.off(name, inspection) for name in names for inspection in inspections]
    bad = [verdict for verdict in found if verdict.rank >= Verdict.WARNING.rank]
    return max(bad, key=lambda verdict: verdict.rank, default=Verdict.OK)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


PAGE = Page(name="overview", path="/", title="title_overview", render=render, nav=(0, "layout-dashboard"))
