"""Critical paths: what the users of an entry operation wait for, and what makes slow requests slow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.traces.comparing import Comparison
from analytics.traces.paths import EntryPaths, PathCoverage
from causeway.findings import Verdict
from causeway.window import Window
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.forms import choice
from dashboards.components.path_tables import (
    differences_table,
    entries_table,
    groups_table,
    patterns_table,
    waits_table,
)
from dashboards.components.states import no_spans, nothing, waiting
from dashboards.journeys import Journey
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

# A select box of more entries is no help; the table below has them all.
CHOICES_MAX = 200


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page. `?entry=SERVICE OPERATION` chooses the entry, `?compare=SERVICE` compares its two versions."""
    title = view.say("journeys.title")
    if not services.services(view.window):
        return no_spans(view, services, title=title)
    window = view.steady_window
    found = services.journey(window, view.address.get("entry"), view.address.get("compare"))
    if found is None:
        return waiting(view, title=title, sentence=view.say("journeys.reading", window=view.span_of(window)))
    if not found.entries.entries:
        said = view.say("journeys.no_entries", window=view.span_of(found.entries.window))
        return page_body([heading(title), answer(view, Verdict.UNKNOWN, said)])
    parts: list[Any] = [heading(title), _answer(view, found), card(view.say("journeys.choose"), _form(view, found))]
    if found.chosen is not None:
        parts += _chosen(view, found, found.chosen)
    parts.append(
        card(
            view.say("journeys.patterns"),
            patterns_table(view, found.patterns),
            note=view.say("journeys.patterns_note"),
            class_name="flush",
        )
    )
    parts.append(
        card(
            view.say("journeys.entries"),
            entries_table(view, found.entries.entries),
            note=view.say("journeys.entries_note"),
            class_name="flush",
        )
    )
    return page_body(parts)


def _answer(view: View, found: Journey) -> Component:
    chosen = found.chosen
    if chosen is None or not chosen.operations:
        return answer(view, Verdict.UNKNOWN, view.say("journeys.unknown_entry", entry=found.entry))
    first = chosen.operations[0]
    bounds = {} if first.share_low is None else {"low": first.share_low, "high": first.share_high}
    said = view.say(
        "journeys.answer_bounds" if bounds else "journeys.answer",
        entry=found.entry,
        mean=chosen.mean_ms,
        p50=chosen.p50_ms,
        p95=chosen.p95_ms,
        share=first.share,
        operation=f"{first.service} {first.operation}",
        saves=first.saves_ms,
        **bounds,
    )
    return answer(view, Verdict.OK, said)


def _form(view: View, found: Journey) -> Component:
    names = [f"{one.service} {one.operation}" for one in found.entries.entries[:CHOICES_MAX]]
    versions = [(name, view.say("journeys.compare_versions", service=name)) for name in found.versioned]
    compare = view.address.get("compare") if view.address.get("compare") in found.versioned else ""
    fields = [choice("entry", view.say("column_operation"), [(name, name) for name in names], found.entry)]
    if versions:
        options = [("", view.say("journeys.compare_slow")), *versions]
        fields.append(choice("compare", view.say("journeys.compare"), options, compare))
    return html.Div(html.Form(fields, action="/paths", className="filters"), id="live-path-form")


def _chosen(view: View, found: Journey, chosen: EntryPaths) -> list[Component]:
    return [
        card(
            view.say("journeys.waits"),
            waits_table(view, chosen.operations),
            note=view.say("journeys.waits_note"),
            class_name="flush",
        ),
        _differences(view, found),
        card(
            view.say("journeys.shapes"),
            groups_table(view, found.groups),
            note=view.say("journeys.shapes_note"),
            class_name="flush",
        ),
        card(
            view.say("journeys.coverage"),
            html.Div(coverage_words(view, chosen.coverage, chosen.window), id="live-coverage"),
        ),
    ]


def _differences(view: View, found: Journey) -> Component:
    compared = found.compared
    slow = compared is None or compared.usual == "fast"
    title = view.say("journeys.differs" if slow else "journeys.differs_versions")
    note = view.say("journeys.slow_note" if slow else "journeys.versions_note")
    if compared is None:
        return card(title, nothing(view.say("journeys.too_few")), class_name="flush", key="differs")
    words = _slow_words(view, compared) if slow else _version_words(view, compared)
    links = [
        html.A(view.say(f"journeys.example_{name}"), href=view.href(f"/trace/{example}"))
        for name, example in zip(("fast", "slow") if slow else ("old", "new"), compared.examples, strict=True)
    ]
    said = html.Div([html.Span(words), *links], className="said")
    body = [html.Div(said, id="live-differs"), differences_table(view, compared)]
    return card(title, body, note=note, class_name="flush", key="differs")


def _slow_words(view: View, compared: Comparison) -> str:
    fast, slow = compared.mean_ms
    words = [view.say("journeys.slow", slow_count=f"{compared.requests[1]:,}", slow=slow, fast=fast, more=slow - fast)]
    if slow > fast and compared.differences:
        most = compared.differences[0]
        name = f"{most.service} {most.operation}"
        words.append(view.say("journeys.slow_most", share=most.more_ms / (slow - fast), operation=name))
    return view.join(words)


def _version_words(view: View, compared: Comparison) -> str:
    return view.say(
        "journeys.versions",
        old=compared.usual,
        new=compared.other,
        old_mean=compared.mean_ms[0],
        new_mean=compared.mean_ms[1],
        old_count=f"{compared.requests[0]:,}",
        new_count=f"{compared.requests[1]:,}",
    )


def coverage_words(view: View, coverage: PathCoverage, window: Window) -> list[Component]:
    """How many traces stand behind the numbers, and what is wrong with them, a paragraph each."""
    counts = {
        "traces": f"{coverage.traces:,}",
        "requests": f"{coverage.requests:,}",
        "spans": f"{coverage.spans:,}",
        "stored": f"{coverage.requests_stored:,}",
    }
    kind = "sampled" if coverage.sampled else "all"
    words = [view.say(f"journeys.coverage_{kind}", window=view.span_of(window), **counts)]
    if coverage.capped:
        words.append(view.say("journeys.coverage_capped"))
    if coverage.broken:
        words.append(view.say("journeys.coverage_broken", broken=f"{coverage.broken:,}"))
    if coverage.moved or coverage.cut:
        words.append(view.say("journeys.coverage_clock", moved=f"{coverage.moved:,}", cut=f"{coverage.cut:,}"))
    if coverage.not_waited:
        words.append(view.say("journeys.coverage_async", count=f"{coverage.not_waited:,}"))
    return [html.P(line) for line in words]


PAGE = Page(name="paths", path="/paths", title="journeys.title", render=render, nav=(4, "route"))
