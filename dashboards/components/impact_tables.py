"""Services by impact and by risk, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from analytics.impact.risk import Risk, telling
from analytics.impact.scores import ImpactPart, ServiceImpact
from causeway.messages import catalogue, quantity
from causeway.wire import sentence
from dashboards.components.basics import aria
from dashboards.components.tables import Column, Row, grid, number
from dashboards.judged import Judged
from dashboards.view import View

HEIGHT_PX = 640
REASONS_MAX = 3


def part_word(view: View, name: str) -> str:
    """What a part of the score is called; its name where this page has no word for it."""
    key = f"impactpages.part_{name}"
    return view.say(key) if key in catalogue(view.language) else name


def part_colours(view: View, impacts: Sequence[ServiceImpact]) -> Mapping[str, str]:
    """A colour for each part of the score, in the order of the parts."""
    names = dict.fromkeys(part.name for one in impacts[:1] for part in one.parts)
    return {name: view.theme.lines[place % len(view.theme.lines)] for place, name in enumerate(names)}


def part_legend(view: View, impacts: Sequence[ServiceImpact]) -> Component:
    """Which colour is which part, and how much it weighs."""
    colours = part_colours(view, impacts)
    spans = [
        html.Span(
            [
                html.Span(className="dot", style={"background": colours[part.name]}, **aria(hidden="true")),
                view.say("impactpages.part_legend", part=part_word(view, part.name), weight=part.weight),
            ],
            className="swatch",
        )
        for one in impacts[:1]
        for part in one.parts
    ]
    return html.Div(spans, className="legend")


def part_bars(view: View, parts: Sequence[ImpactPart], colours: Mapping[str, str]) -> list[Mapping[str, object]]:
    """The parts of one score as a stacked bar of 100 points."""
    return [
        {
            "width": part.contribution / 100,
            "colour": colours.get(part.name, view.theme.dimmed),
            "title": part_title(view, part),
        }
        for part in parts
        if part.contribution > 0
    ]


def part_title(view: View, part: ImpactPart) -> str:
    """`entry requests that touch it: 62 %, 25 points`."""
    word = part_word(view, part.name)
    if part.value is None:
        return view.say("impactpages.part_unknown", part=word)
    return view.say("impactpages.part_title", part=word, value=part.value, points=part.contribution)


def impact_columns(view: View, *, history: bool, risk: bool) -> Sequence[Column]:
    """The columns of `impact_rows`."""
    columns = [
        Column("name", view.say("column_service"), "name", flex=6),
        Column("impact", view.say("impactpages.column_impact"), "stack", flex=4),
        Column("entry", view.say("impactpages.column_entry"), "bar", flex=2),
        Column("callers", view.say("impactpages.column_fan_in"), "number", width=124),
        Column("callees", view.say("impactpages.column_fan_out"), "number", width=124),
        Column("cut", view.say("impactpages.column_cut"), "number", width=124),
        Column("spread", view.say("impactpages.column_spread"), "text", flex=4),
    ]
    if history:
        columns.append(Column("spark", view.say("impactpages.column_history"), "spark", width=128))
    if risk:
        columns.append(Column("risk", view.say("impactpages.column_risk"), "number", width=84))
    return columns


def impact_rows(
    view: View,
    impacts: Sequence[ServiceImpact],
    health: Judged,
    *,
    history: Mapping[str, Sequence[float | None]],
    risks: Mapping[str, float],
    spread: Mapping[str, str],
) -> list[Row]:
    """One row per node of the call graph, the most important first."""
    colours = part_colours(view, impacts)
    return [
        {
            "key": one.service,
            "name": one.service,
            "href": view.href(f"/impact/{one.service}"),
            "verdict": health.verdict(one.service).value if one.type == "service" else None,
            "verdict_word": view.say(f"verdict_{health.verdict(one.service).value.lower()}"),
            "note": "" if one.type == "service" else view.say(f"graph.type_{one.type}"),
            "impact": one.impact / 100,
            "impact_text": quantity(one.impact),
            "impact_parts": part_bars(view, one.parts, colours),
            "entry": one.entry_share,
            "entry_text": quantity(one.entry_share, "%"),
            "callers": one.fan_in.transitive,
            "callers_text": _fan(one.fan_in.direct, one.fan_in.transitive),
            "callees": one.fan_out.transitive,
            "callees_text": _fan(one.fan_out.direct, one.fan_out.transitive),
            **number("cut", one.cut_off, "%"),
            "spread": spread.get(one.service, ""),
            "spark": list(history.get(one.service, ())),
            **number("risk", risks.get(one.service), ""),
        }
        for one in impacts
    ]


def _fan(direct: int, transitive: int) -> str:
    return f"{direct} ({transitive})" if transitive else "0"


def impact_table(view: View, rows: Sequence[Row], *, history: bool, risk: bool) -> Component:
    """The ranking."""
    columns = impact_columns(view, history=history, risk=risk)
    height = min(HEIGHT_PX, 38 + 34 * max(1, len(rows)))
    return grid("impact-services", view, columns, rows, label=view.say("impactpages.ranking"), height=height)


def risk_table(view: View, risks: Sequence[Risk]) -> Component:
    """Services by risk, with the reasons in words."""
    most = max((one.risk for one in risks), default=0.0) or 1.0
    rows: list[Row] = [
        {
            "key": one.service,
            "name": one.service,
            "href": view.href(f"/impact/{one.service}"),
            "risk": one.risk / most,
            "risk_text": quantity(one.risk),
            **number("likelihood", one.likelihood, "%"),
            **number("impact", one.impact, ""),
            "why": risk_reason(view, one),
        }
        for one in risks
    ]
    columns = (
        Column("name", view.say("column_service"), "name", flex=2),
        Column("risk", view.say("impactpages.column_risk"), "bar", flex=2),
        Column("likelihood", view.say("impactpages.column_likelihood"), "number", width=112),
        Column("impact", view.say("impactpages.column_impact"), "number", width=112),
        Column("why", view.say("impactpages.column_why"), "prose", flex=8),
    )
    return grid("impact-risks", view, columns, rows, label=view.say("impactpages.risk_table"), height=HEIGHT_PX)


def risk_reason(view: View, one: Risk, *, reasons_max: int = REASONS_MAX) -> str:
    """What raises the likelihood, the strongest first, and what is not known."""
    words = [sentence(part.reason, view.language) for part in telling(one)[:reasons_max]]
    if not words:
        words = [sentence(one.summary, view.language)]
    if one.unknown:
        names = view.say("comma").join(_likelihood_word(view, name) for name in one.unknown)
        words.append(view.say("impactpages.risk_unknown", parts=names))
    return view.join(words)


def _likelihood_word(view: View, name: str) -> str:
    key = f"impactpages.likelihood_{name}"
    return view.say(key) if key in catalogue(view.language) else name
