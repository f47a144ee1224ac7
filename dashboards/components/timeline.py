"""One strip that shows what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.window import SECOND_NS
from dashboards.components.basics import SHAPES, aria, verdict_class
from dashboards.view import View


@dataclass(frozen=True, slots=True)
class Moment:
    """Something at an instant; `verdict` None for a change that somebody made."""

    time_ns: int
    words: str
    verdict: Verdict | None


def timeline(view: View, moments: Sequence[Moment]) -> Component:
    """The moments in order, with the time between neighbours."""
    rows = []
    earlier: int | None = None
    for moment in moments:
        shape = "◇" if moment.verdict is None else SHAPES[moment.verdict]
        colour = "" if moment.verdict is None else verdict_class(moment.verdict)
        after = "" if earlier is None else f"+{quantity((moment.time_ns - earlier) / SECOND_NS, 's')}"
        earlier = moment.time_ns
        rows.append(
            html.Li(
                [
                    html.Span(view.clock(moment.time_ns, seconds=True), className="when"),
                    html.Span(shape, className=f"shape {colour}", **aria(hidden="true")),
                    html.Span(moment.words, className="words"),
                    html.Span(after, className="dim small"),
                ]
            )
        )
    return html.Ol(rows, className="timeline")
