"""Likelihood against impact: top right is where work pays off first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analytics.impact.risk import Risk
from causeway.messages import quantity
from dashboards.theme import style
from dashboards.view import View

# Lines of equal risk.
RISKS_SHOWN = (5, 20, 50)
NAMED_MAX = 8
# A name takes about this share of the width, and so many points of impact.
NAME_WIDTH = 0.12
NAME_HEIGHT = 6.0
HEIGHT_PX = 420


def risk_figure(view: View, risks: Sequence[Risk]) -> go.Figure:
    """A point per service; the worst few are named, the rest tell on hover. customdata: (address, words)."""
    figure = go.Figure()
    widest = max((one.likelihood for one in risks), default=0.0)
    right = min(1.0, max(0.1, widest * 1.12))
    across = np.linspace(right / 80, right, 80)
    for level in RISKS_SHOWN:
        height = level / across
        inside = height <= 100
        figure.add_trace(
            go.Scatter(
                x=across[inside].tolist(),
                y=height[inside].tolist(),
                mode="lines",
                line={"color": view.theme.border, "width": 1, "dash": "dot"},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    named = _named(risks, right)
    figure.add_trace(
        go.Scatter(
            x=[one.likelihood for one in risks],
            y=[one.impact for one in risks],
            mode="markers+text",
            marker={"size": 9, "color": view.theme.accent, "opacity": 0.75},
            text=[one.service if one.service in named else "" for one in risks],
            textposition="top center",
            textfont={"size": 11.5, "color": view.theme.text},
            customdata=[[view.href(f"/impact/{one.service}"), _words(view, one)] for one in risks],
            hovertemplate="%{customdata[1]}<extra></extra>",
            cliponaxis=False,
            showlegend=False,
        )
    )
    style(figure, view.theme, height=HEIGHT_PX, title="risk")
    figure.update_layout(hovermode="closest", dragmode=False, margin={"l": 12, "r": 16, "t": 24, "b": 12})
    titled = {"font": {"size": 12, "color": view.theme.dimmed}}
    figure.update_xaxes(
        range=[-right * 0.02, right],
        tickformat=".0%",
        title={"text": view.say("impactpages.axis_likelihood"), **titled},
        showspikes=False,
        fixedrange=True,
    )
    figure.update_yaxes(range=[-2, 104], title={"text": view.say("impactpages.axis_impact"), **titled})
    return figure


def _named(risks: Sequence[Risk], right: float) -> set[str]:
    """The worst few, without those whose name would lie on that of a worse one."""
    chosen: list[Risk] = []
    for one in risks:
        near = any(
            abs(one.likelihood - other.likelihood) < NAME_WIDTH * right and abs(one.impact - other.impact) < NAME_HEIGHT
            for other in chosen
        )
        if one.risk > 0 and not near and len(chosen) < NAMED_MAX:
            chosen.append(one)
    return {one.service for one in chosen}


def _words(view: View, one: Risk) -> str:
    return view.say(
        "impactpages.risk_point",
        service=one.service.replace("<", "&lt;"),
        risk=quantity(one.risk),
        likelihood=one.likelihood,
        impact=quantity(one.impact),
    )
