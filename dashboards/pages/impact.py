"""Impact: what would hurt most, and what is most at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.impact.model import Method
from analytics.impact.placement import Redundancy
from analytics.impact.risk import Risk
from analytics.impact.scores import ServiceImpact
from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.charts import graph
from dashboards.components.coverage import coverage_line
from dashboards.components.impact_tables import impact_rows, impact_table, part_legend, risk_reason, risk_table
from dashboards.components.states import no_spans, nothing
from dashboards.figures.risk import risk_figure
from dashboards.judged import judged
from dashboards.page import Page
from dashboards.scored import shown_impact
from dashboards.services import Services
from dashboards.view import View


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page. `?tab=risk` shows likelihood against impact instead of the ranking."""
    title = view.say("impactpages.title")
    impacts = shown_impact(view, services)
    if not impacts:
        return no_spans(view, services, title=title)
    risks = services.risks(view.window, impacts)
    at_risk = view.address.get("tab") == "risk"
    parts: list[Any] = [
        heading(title),
        answer(view, Verdict.OK, _sentence(view, impacts, risks)),
        _tabs(view, at_risk=at_risk, known=bool(risks)),
    ]
    parts += _risk(view, risks) if at_risk else [_ranking(view, services, impacts, risks)]
    return page_body(parts)


def _sentence(view: View, impacts: Sequence[ServiceImpact], risks: Sequence[Risk]) -> str:
    first = impacts[0]
    kind = "shape" if first.entry_share is None else "share"
    said = [
        view.say(
            f"impactpages.answer_{kind}",
            service=first.service,
            impact=quantity(round(first.impact)),
            share=first.entry_share,
        )
    ]
    if first.failing:
        said.append(view.say("impactpages.answer_failing", failing=first.failing))
    if risks and risks[0].risk > 0:
        said.append(
            view.say(
                "impactpages.answer_risk", service=risks[0].service, reason=risk_reason(view, risks[0], reasons_max=1)
            )
        )
    return view.join(said)


def _tabs(view: View, *, at_risk: bool, known: bool) -> Component:
    tabs = [
        html.A(
            view.say(f"impactpages.tab_{name}"),
            href=view.href(tab=name if name == "risk" else None),
            className="pill" + (" chosen" if chosen else ""),
        )
        for name, chosen in (("ranking", not at_risk), ("risk", at_risk))
        if name != "risk" or known or at_risk
    ]
    tabs.append(html.A(view.say("impactpages.tab_whatif"), href=view.href("/whatif"), className="pill"))
    return html.Div(html.Div(tabs, className="pills"), id="live-tabs")


def _ranking(view: View, services: Services, impacts: Sequence[ServiceImpact], risks: Sequence[Risk]) -> Component:
    history = services.impact_history(view.window).impacts
    rows = impact_rows(
        view,
        impacts,
        judged(services.patrol(view.window)),
        history=history,
        risks={one.service: one.risk for one in risks},
        spread={one.service: spread_words(view, one.redundancy) for one in impacts if one.type == "service"},
    )
    known = "measured" if any(one.method is Method.TRACES for one in impacts) else "estimated"
    body = [
        html.Div(part_legend(view, impacts), id="live-parts"),
        impact_table(view, rows, history=bool(history), risk=bool(risks)),
        html.Div(
            [
                html.Div(view.say(f"impactpages.{known}"), className="legend"),
                coverage_line(view, services.graph(view.window).coverage),
            ],
            id="live-known",
        ),
    ]
    return card(view.say("impactpages.ranking"), body, note=view.say("impactpages.ranking_note"), class_name="flush")


def spread_words(view: View, known: Redundancy) -> str:
    """`instances: 3 · nodes: 2`; what is not known is left out, and that nothing is known is said."""
    counts = (("instances", known.instances), ("hosts", known.hosts), ("zones", known.zones))
    words = [view.say(f"impactpages.spread_{name}", count=str(count)) for name, count in counts if count is not None]
    return " · ".join(words) or view.say("impactpages.spread_unknown")


def _risk(view: View, risks: Sequence[Risk]) -> list[Component]:
    if not risks:
        return [card(view.say("impactpages.risk"), nothing(view.say("impactpages.risk_none")))]
    drawn = graph("risk-chart", risk_figure(view, risks), label=view.say("impactpages.risk"), over_time=False)
    return [
        card(view.say("impactpages.risk"), drawn, note=view.say("impactpages.risk_note")),
        card(
            view.say("impactpages.risk_table"),
            risk_table(view, risks),
            note=view.say("impactpages.risk_table_note"),
            class_name="flush",
        ),
    ]


PAGE = Page(name="impact", path="/impact", title="impactpages.title", render=render, nav=(2, "target"))
