"""Hypotheses as cards: confidence in words and number, the evidence for and against, the way to the users."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.rootcause.as_usual import looked_at, parted
from causeway.findings import Diagnosis, Evidence, Hypothesis, Symptom
from causeway.messages import catalogue, quantity
from causeway.window import Window
from dashboards.components.basics import aria, card
from dashboards.components.candidates import family_words
from dashboards.components.charts import graph
from dashboards.components.incidents import confidence_word, sentence_like
from dashboards.components.map_view import MapShown, map_edges, map_nodes
from dashboards.components.service_map import service_map
from dashboards.figures.evidence import evidence_figure
from dashboards.figures.spark import spark_address
from dashboards.judged import judged
from dashboards.services import Services
from dashboards.view import View

CHARTS_MAX = 6
LINES_MAX = 8
# Below this a probability says no more than "not by chance".
CHANCE_MIN = 0.001
# Nodes on the small map beside those of the path.
NEIGHBOURS_MAX = 14


def hypothesis_card(view: View, one: Hypothesis, *, onset_ns: int | None, charts: bool) -> Component:
    """A possible cause. `charts`: with the numbers behind the evidence drawn on one time axis."""
    share = max(0.0, min(1.0, one.confidence))
    head = html.Div(
        [
            html.Span(f"{one.rank}.", className="rank"),
            html.H2(_entity(view, one)),
            html.Span(_type(view, one), className="tag"),
            html.Span(view.say("family", family=family_words(view, one.family)), className="tag"),
            html.Span(
                [
                    html.Span(f"{view.say(confidence_word(share))} · {quantity(share, 'ratio')}"),
                    html.Span(html.Span(style={"width": f"{share * 100:.0f}%"}), className="meter"),
                ],
                className="confidence",
            ),
        ],
        className="hypothesis-head",
    )
    parts: list[Any] = [head, html.P(sentence_like(view.tell(one.summary), one.entity)), _path(view, one)]
    parts += _lines(view, one.evidence_for, against=False, onset_ns=None if charts else onset_ns, small=not charts)
    if charts:
        parts.append(_charts(view, one, onset_ns))
    parts += _against(view, one)
    first = " first" if one.rank == 1 else ""
    return html.Section([part for part in parts if part is not None], className=f"hypothesis{first}")


def _entity(view: View, one: Hypothesis) -> Component | str:
    if one.entity_type == "service":
        return html.A(one.entity, href=view.href(f"/service/{one.entity}"))
    return one.entity


def _type(view: View, one: Hypothesis) -> str:
    key = f"graph.type_{one.entity_type}"
    return view.say(key) if key in catalogue(view.language) else one.entity_type


def _path(view: View, one: Hypothesis) -> Component | None:
    if len(one.path) < 2:
        return None
    steps: list[Any] = [html.Span(view.say("path"), className="dim small")]
    for i, name in enumerate(one.path):
        if i:
            steps.append(html.Span("→", className="arrow", **aria(hidden="true")))
        steps.append(html.A(name, href=view.href(f"/service/{name}"), className="cause" if i == 0 else ""))
    return html.Div(steps, className="path")


def _lines(
    view: View, evidence: tuple[Evidence, ...], *, against: bool, onset_ns: int | None, small: bool
) -> list[Component]:
    if not evidence:
        return []
    title = html.Div(view.say("evidence_against" if against else "evidence_for"), className="evidence-title")
    shown = evidence[:LINES_MAX]
    lines = [evidence_line(view, one, against=against, picture=small, onset_ns=onset_ns) for one in shown]
    return [title, html.Ul(lines, className="evidence-list"), *_more(view, len(evidence) - len(shown))]


def _more(view: View, left: int) -> list[Component]:
    return [html.Div(view.say("and_more", count=left), className="dim small")] if left > 0 else []


def _against(view: View, one: Hypothesis) -> list[Component]:
    """What speaks against it; families that found nothing unusual in one line, and what nobody could look at."""
    against, usual = parted(one.evidence_against)
    lines = [evidence_line(view, evidence, against=True) for evidence in against[:LINES_MAX]]
    if usual:
        named = [
            view.say("diagnosis.as_usual_one", family=family_words(view, evidence.family), count=looked_at(evidence))
            for evidence in usual
        ]
        words = view.say("diagnosis.as_usual", families=view.say("comma").join(named))
        lines.append(_line("−", "against", words[:1].upper() + words[1:], ""))
    lines += [_line("◌", "against", view.tell(message), "") for message in one.unseen]
    if not against and not usual:
        lines.insert(0, _line("−", "against", view.say("nothing_against"), ""))
    title = html.Div(view.say("evidence_against"), className="evidence-title")
    return [title, html.Ul(lines, className="evidence-list"), *_more(view, len(against) - LINES_MAX)]


def _line(sign: str, side: str, body: Any, aside: Any) -> Component:
    return html.Li(
        [
            html.Span(sign, className=f"sign {side}"),
            html.Span(body),
            html.Span(aside, className="dim small aside"),
        ]
    )


def evidence_line(
    view: View,
    one: Evidence,
    *,
    against: bool,
    named: bool = False,
    picture: bool = False,
    onset_ns: int | None = None,
) -> Component:
    """One observation in words, with its sign and how unusual it is; `picture`: its series drawn small beside it."""
    words = view.tell(one.reason)
    body: list[Any] = [html.Span(one.entity, className="strong"), view.say("colon"), words] if named else [words]
    if one.link:
        body += [" ", html.A(view.say("records"), href=one.link)]
    rarity = view.say("p_value", p=_chance(one.p)) if one.p is not None else ""
    drawn = spark_address(one.chart, view.theme, onset_ns=onset_ns) if picture and one.chart is not None else None
    aside = [rarity] if drawn is None else [rarity, html.Img(src=drawn, alt=_drawn_words(view, one), className="spark")]
    return _line("−" if against else "+", "against" if against else "for", body, aside)


def _drawn_words(view: View, one: Evidence) -> str:
    return "" if one.chart is None else view.tell(one.chart.title)


def _chance(p: float) -> str:
    """A tail probability as people read it."""
    return f"< {quantity(CHANCE_MIN, 'ratio')}" if p < CHANCE_MIN else quantity(float(f"{p:.2g}"), "ratio")


def _charts(view: View, one: Hypothesis, onset_ns: int | None) -> Component | None:
    drawn = [evidence for evidence in one.evidence_for if evidence.chart is not None][:CHARTS_MAX]
    if not drawn:
        return None
    times = [
        time
        for evidence in drawn
        if evidence.chart
        for time in (evidence.chart.times_ns[:1] + evidence.chart.times_ns[-1:])
    ]
    window = Window(min(times), max(times) + 1)
    return html.Div(
        [_chart(view, f"evidence-{one.rank}-{i}", evidence, onset_ns, window) for i, evidence in enumerate(drawn)],
        className="evidence-charts",
    )


def _chart(view: View, key: str, evidence: Evidence, onset_ns: int | None, window: Window) -> Component:
    assert evidence.chart is not None
    title = view.tell(evidence.chart.title)
    named = title if evidence.entity in title else f"{evidence.entity} · {title}"
    figure = evidence_figure(view, evidence.chart, onset_ns=onset_ns, window=window)
    return html.Div([html.Div(named, className="caption"), graph(key, figure, label=named)], className="evidence-chart")


def _indicator(view: View, name: str) -> str:
    key = f"pages.indicator_{name}"
    return view.say(key) if key in catalogue(view.language) else name


def _place(one: Symptom) -> str:
    """The entry point, and which of its operations where that is known."""
    operation = None if one.chart is None else one.chart.title.values.get("operation")
    return f"{one.entity} {operation}" if operation else one.entity


def symptom_charts(view: View, diagnosis: Diagnosis) -> Component | None:
    """What users notice, against what is usual."""
    if not diagnosis.symptoms:
        return None
    lines = [
        html.Li(
            [
                html.Span(_indicator(view, one.indicator), className="tag"),
                html.Span(
                    view.say(
                        "symptom",
                        entity=_place(one),
                        value=quantity(one.value, one.unit),
                        usual=quantity(one.usual, one.unit),
                    ),
                    className="words",
                ),
                html.Span("", className="when"),
            ]
        )
        for one in diagnosis.symptoms[:LINES_MAX]
    ]
    charts = [
        html.Div(
            [
                html.Div(view.tell(one.chart.title), className="caption"),
                graph(f"symptom-{i}", evidence_figure(view, one.chart, onset_ns=diagnosis.onset_ns), label=one.entity),
            ],
            className="evidence-chart",
        )
        for i, one in enumerate(diagnosis.symptoms[:CHARTS_MAX])
        if one.chart is not None
    ]
    return card(view.say("symptoms"), [html.Ul(lines, className="rows"), html.Div(charts, className="evidence-charts")])


def path_map(view: View, services: Services, window: Window, one: Hypothesis) -> Component | None:
    """The way from the cause to the users on a small map."""
    if len(one.path) < 2:
        return None
    graph_ = services.graph(window)
    known = set(graph_.nodes["id"].astype(str))
    names = [name for name in one.path if name in known]
    if len(names) < 2:
        return None
    near = graph_.edges[graph_.edges["caller"].isin(names) | graph_.edges["callee"].isin(names)]
    beside = [
        name for name in dict.fromkeys([*near["caller"].astype(str), *near["callee"].astype(str)]) if name not in names
    ]
    shown = MapShown(frozenset([*names, *beside[:NEIGHBOURS_MAX]]))
    health = judged(services.patrol(window))
    impact = {score.service: score.impact for score in services.impact(window)}
    nodes = map_nodes(view, graph_, health, impact, shown, cause=one.entity)
    edges = map_edges(graph_, health, shown, path=one.path)
    drawn = service_map(view, "incident-map", nodes, edges, height="300px", label=view.say("propagation"))
    return card(view.say("propagation"), drawn, note=view.say("propagation_note"), class_name="flush")
