"""All candidates beside each other: how much evidence each has, and how far the first is ahead."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from analytics.show_diagnosis import lead
from causeway.findings import Diagnosis, Hypothesis
from causeway.messages import catalogue, quantity
from dashboards.components.basics import card
from dashboards.view import View

SHOWN_MAX = 20


def candidates(view: View, diagnosis: Diagnosis) -> Component | None:
    """A bar for each hypothesis, as long as its score; None where there is none to compare."""
    shown = diagnosis.hypotheses[:SHOWN_MAX]
    if not shown:
        return None
    most = max((one.score for one in shown), default=0.0)
    parts: list[Component] = [html.Ol([_bar(view, one, most) for one in shown], className="candidates")]
    left = len(diagnosis.hypotheses) - len(shown)
    if left > 0:
        parts.append(html.Div(view.say("and_more", count=left), className="dim"))
    note = view.say(lead(diagnosis)) if diagnosis.margin is not None else None
    return card(view.say("candidates"), parts, note=note, key="candidates")


def family_words(view: View, family: str) -> str:
    """The family's name; itself where a plug-in brought one that we have no word for."""
    key = f"rootcause.family_{family}"
    return view.say(key) if key in catalogue(view.language) else family


def _bar(view: View, one: Hypothesis, most: float) -> Component:
    # A diagnosis that was stored before scores were kept has confidences only.
    share = one.score / most if most > 0 else one.confidence
    said = quantity(one.score) if most > 0 else quantity(one.confidence, "ratio")
    return html.Li(
        [
            html.Span(f"{one.rank}.", className="rank"),
            html.Span(one.entity, className="name"),
            html.Span(family_words(view, one.family), className="dim small"),
            html.Span(html.Span(style={"width": f"{min(max(share, 0.0), 1.0) * 100:.0f}%"}), className="meter wide"),
            html.Span(said, className="number", title=view.say("score_means")),
        ],
        className="first" if one.rank == 1 else "",
    )
