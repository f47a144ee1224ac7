"""A chart in its card, and the small line beside a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from dashboards.components.basics import Content, aria, mark, verdict_class
from dashboards.view import View

# No button that sends a chart to somebody's cloud, no logo, no scroll trap.
CONFIG: Any = {
    "displaylogo": False,
    "showSendToCloud": False,
    "displayModeBar": False,
    "scrollZoom": False,
    "responsive": True,
    "doubleClick": False,
}


def graph(key: str, figure: go.Figure, *, label: str, over_time: bool = True) -> Component:
    """A plotly figure under a stable id; `label` is what a screen reader says."""
    drawn = dcc.Graph(id=key, figure=figure, config=CONFIG, responsive=True, style={"height": figure.layout.height})
    return html.Div(drawn, className="chart-time" if over_time else "chart", role="img", **aria(label=label))


def chart_card(key: str, title: str, figure: go.Figure, *, note: Content = None, now: Content = None) -> Component:
    """A chart with its title, what it is compared with, and the number of the whole window."""
    head: list[Component] = [html.H2(title)]
    if note is not None:
        head.append(html.Span(note, className="card-note"))
    if now is not None:
        head.append(html.Span(now, className="now"))
    return html.Section(
        [
            html.Div(html.Div(head, className="chart-title"), id=f"live-{key}-title"),
            html.Div(graph(key, figure, label=title), className="chart-body"),
        ],
        className="card",
    )


def spark_svg(values: Sequence[float | None], verdict: Verdict, *, width: int = 96, height: int = 30) -> Component:
    """A small line from zero as an image; drawn by the browser from a data address."""
    seen = [value for value in values if value is not None]
    top = max(seen, default=0.0)
    if len(values) < 2 or top <= 0:
        return html.Span()
    points = [
        f"{i * width / (len(values) - 1):.1f},{height - 2 - value / top * (height - 4):.1f}"
        for i, value in enumerate(values)
        if value is not None
    ]
    polygon = " ".join([f"0,{height}", *points, f"{width},{height}"])
    return html.Div(
        className=f"spark-shape {verdict_class(verdict)}",
        style={
            "width": width,
            "height": height,
            "clipPath": f"polygon({', '.join(_px(pair) for pair in polygon.split())})",
        },
        **aria(hidden="true"),
    )


def _px(pair: str) -> str:
    x, y = pair.split(",")
    return f"{x}px {y}px"


def number_card(
    view: View,
    title: str,
    value: float | None,
    unit: str,
    *,
    usual: float | None,
    verdict: Verdict = Verdict.OK,
    values: Sequence[float | None] = (),
    href: str = "",
    note: str = "",
) -> Component:
    """A number beside what is usual for it. `verdict` is what an inspection said of it, never decided here."""
    compared = note or (
        view.say("usually", value=quantity(usual, unit))
        if usual is not None and usual == usual
        else view.say("usual_unknown")
    )
    content = [
        html.Div(
            [mark(view, verdict, word=False), title] if verdict is not Verdict.OK else title, className="figure-title"
        ),
        html.Div(quantity(value, unit), className=f"figure-value {verdict_class(verdict) if verdict.rank > 1 else ''}"),
        spark_svg(values, verdict),
        html.Div(compared, className="figure-usual"),
    ]
    if href:
        return html.A(content, href=href, className="card figure-card")
    return html.Div(content, className="card figure-card")
