"""Unusual series of one service: the events in which it takes part."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from analytics.anomalies.answer import with_entity
from analytics.anomalies.found import FoundEvent
from analytics.anomalies.words import summary
from dashboards.components.states import nothing
from dashboards.services import Services
from dashboards.view import View

SHOWN_MAX = 5


def unusual_series(view: View, services: Services, service: str) -> Component:
    """The strongest kept events of the window; that nothing was judged is said, not shown as calm."""
    found = services.kept_anomalies(view.window)
    if found is None or found.judged_until_ns is None:
        return nothing(view.say("anomalies.card_unknown"))
    events = with_entity(found, service).events
    if not events:
        return nothing(view.say("anomalies.card_none"))
    return html.Ul([_item(view, event, service) for event in events[:SHOWN_MAX]], className="rows")


def _item(view: View, event: FoundEvent, service: str) -> Component:
    words: list[Component | str] = [view.say(summary(event, view.language))]
    if event.lead != service:
        words += [" ", html.A(event.lead, href=view.href(f"/service/{event.lead}"))]
    when = html.Span(view.clock(event.start_ns), className="when")
    return html.Li([when, html.Span(words, className="words"), html.Span(f"{event.score:.1f}", className="tag")])
