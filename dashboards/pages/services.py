"""Services: every service of the window, worst first."""

from __future__ import annotations

from collections.abc import Mapping

from dash.development.base_component import Component

from causeway.findings import Verdict
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.service_table import service_columns, service_rows
from dashboards.components.states import no_spans
from dashboards.components.tables import grid
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

HEIGHT_PX = 680


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page."""
    title = view.say("title_services")
    world = services.world(view.window)
    if world.services.calls.size == 0:
        return no_spans(view, services, title=title)
    rows = service_rows(view, services, view.window)
    counts = {verdict: sum(1 for row in rows if row["verdict"] == verdict.value) for verdict in Verdict}
    worst = max((Verdict(row["verdict"]) for row in rows), key=lambda verdict: verdict.rank)
    said = view.say(
        "services_answer",
        count=len(rows),
        critical=counts[Verdict.CRITICAL],
        warning=counts[Verdict.WARNING],
        unknown=counts[Verdict.UNKNOWN],
        window=view.span_of(view.window),
    )
    height = min(HEIGHT_PX, 38 + 34 * len(rows))
    table = grid("services-all", view, service_columns(view), rows, label=title, height=height)
    return page_body(
        [
            heading(title),
            answer(view, worst, said),
            card(view.say("services_worst_first"), table, note=view.say("usual_note"), class_name="flush"),
        ]
    )


PAGE = Page(name="services", path="/services", title="title_services", render=render, nav=(2, "server-2"))
