"""The recorded changes around the onset: believed to have done it, possible, or cleared, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.findings import ChangeSuspect, Diagnosis, Evidence, Message
from causeway.messages import catalogue
from dashboards.components.basics import aria, card
from dashboards.components.states import nothing
from dashboards.view import View

# Each by shape and word as well as by colour.
SHAPES = {"believed": "■", "possible": "◇", "cleared": "○"}


def change_verdicts(view: View, diagnosis: Diagnosis) -> Component | None:
    """All changes with their standing; None where no change is recorded, or nothing is wrong."""
    changes = (*diagnosis.changes, *diagnosis.considered)
    if not changes:
        return None
    parts: list[Any] = []
    if all(one.standing == "cleared" for one in changes):
        parts.append(nothing(view.say("diagnosis.no_change_explains")))
    parts.append(html.Ul([_row(view, one) for one in changes], className="rows changes"))
    return card(view.say("changes_judged"), parts, key="changes")


def outside_signs(view: View, diagnosis: Diagnosis) -> Component | None:
    """What points to a cause that nobody here changed."""
    if not diagnosis.outside_signs:
        return None
    rows = [
        html.Li(
            [html.Span("◆", className="dim", **aria(hidden="true")), html.Span(_words(view, one), className="words")]
        )
        for one in diagnosis.outside_signs
    ]
    return card(view.say("outside"), html.Ul(rows, className="rows"), note=view.say("outside_note"), key="outside")


def missing_signals(view: View, coverage: Sequence[Message]) -> Component | None:
    """What could not be looked at; an answer is only as good as what it saw."""
    if not coverage:
        return None
    rows = [
        html.Li([html.Span("◌", className="dim", **aria(hidden="true")), html.Span(view.tell(one), className="words")])
        for one in coverage
    ]
    return card(view.say("diagnosis.heading_coverage"), html.Ul(rows, className="rows"), key="coverage")


def _words(view: View, one: Evidence) -> str:
    words = view.tell(one.reason)
    return words if one.entity in words else f"{one.entity}{view.say('colon')}{words}"


def _row(view: View, one: ChangeSuspect) -> Component:
    key = f"pages.kind_{one.kind}"
    kind = view.say(key) if key in catalogue(view.language) else one.kind
    standing = one.standing if one.standing in SHAPES else "possible"
    return html.Li(
        [
            html.Span(
                [
                    html.Span(SHAPES[standing], **aria(hidden="true")),
                    html.Span(view.say(f"diagnosis.mark_{standing}"), className="small"),
                ],
                className=f"standing {standing}",
            ),
            html.Span(view.tell(one.reason), className="words"),
            html.Span([html.Span(kind, className="tag"), " ", html.Span(one.service, className="dim small")]),
        ]
    )
