"""How far the call graph behind a page is to be trusted: sampled, orphaned, skewed."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from analytics.callgraph.coverage import Coverage, coverage_message, coverage_notes, coverage_parts
from dashboards.view import View


def coverage_long(view: View, coverage: Coverage) -> Component:
    """Everything that the graph lacks or estimates, in sentences."""
    said = [view.say(one) for one in (coverage_message(coverage), *coverage_notes(coverage))]
    return html.P(view.join(said), className="map-coverage")


def coverage_line(view: View, coverage: Coverage) -> Component:
    """The same in one line: only what is worth a word."""
    parts = view.say("comma").join(view.say(part) for part in coverage_parts(coverage))
    return html.P(view.say("coverage_line", parts=parts), className="map-coverage")
