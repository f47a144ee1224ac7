"""Blast radius: who is hit when a service fails, how surely, and what users lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.impact.blast import BlastRadius
from analytics.impact.model import Method
from analytics.impact.scores import ServiceImpact
from analytics.impact.target import Target, TargetKind
from analytics.impact.transmission import Transmission
from causeway.findings import Verdict
from causeway.wire import sentence
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.blast_map import blast_map, travelled
from dashboards.components.blast_tables import (
    journeys_table,
    starved_table,
    transmissions_table,
    trust_words,
    victims_table,
)
from dashboards.components.charts import number_card
from dashboards.components.coverage import coverage_line
from dashboards.components.impact_tables import part_title
from dashboards.components.states import no_spans, nothing, waiting
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

# A service that loses less of its requests than this is not counted as hit.
HIT_MIN = 0.1


def render(view: View, services: Services, values: Mapping[str, str]) -> Component:
    """The page of the service called in the path."""
    name = values["name"]
    window = view.steady_window
    if all(one.service != name for one in services.impact(view.window)):
        return no_spans(view, services, title=name, service=name)
    found = services.blast_radius(window, Target(TargetKind.SERVICE, name))
    model = services.impact_model(window)
    if found is None or model is None:
        return waiting(view, title=name, sentence=view.say("impactpages.reading", window=view.span_of(window)))
    impacts = services.measured_impact(window) or services.impact(view.window)
    impact = next((one for one in impacts if one.service == name), None)
    if impact is None:
        return no_spans(view, services, title=name, service=name)
    edges = travelled(found, model.transmissions)
    parts: list[Any] = [
        heading(f"{name} · {view.say('impactpages.title_blast')}", note=_links(view, name, impact)),
        answer(view, Verdict.OK, sentence(found.summary, view.language)),
        html.Div(html.Div(_cards(view, found, impact), className="cards"), id="live-blast-cards"),
        _map(view, found, edges),
        html.Div(
            [
                card(
                    view.say("impactpages.journeys"),
                    journeys_table(view, found.journeys),
                    note=view.say("impactpages.journeys_note"),
                    class_name="flush",
                ),
                card(
                    view.say("impactpages.victims"),
                    victims_table(view, "blast-victims", found.victims, narrow=True),
                    note=view.say("impactpages.victims_note", target=name),
                    class_name="flush",
                ),
            ],
            className="two",
        ),
        card(
            view.say("impactpages.transmissions"),
            transmissions_table(view, edges, found.sample.prior),
            note=view.say("impactpages.transmissions_note"),
            class_name="flush",
        ),
    ]
    if found.starved:
        parts.append(
            card(
                view.say("impactpages.starved"),
                starved_table(view, found.starved),
                note=view.say("impactpages.starved_note"),
                class_name="flush",
            )
        )
    parts.append(
        html.Div(
            [
                card(
                    view.say("impactpages.trust"),
                    [
                        trust_words(view, found.sample, found.window, found.unknown),
                        html.Div(coverage_line(view, services.graph(view.window).coverage), id="live-coverage"),
                    ],
                    key="trust",
                ),
                _score(view, impact),
            ],
            className="two",
        )
    )
    return page_body(parts)


def _links(view: View, name: str, impact: ServiceImpact) -> list[Any]:
    links = [
        html.A(view.say("impactpages.to_whatif_remove"), href=view.href("/whatif", do="remove", target=name)),
        html.A(view.say("impactpages.to_whatif_slow"), href=view.href("/whatif", do="slow", target=name, by="200ms")),
        html.A(view.say("on_the_map"), href=view.href("/map", focus=name)),
    ]
    if impact.type == "service":
        links.insert(0, html.A(view.say("impactpages.to_service"), href=view.href(f"/service/{name}")))
    return [part for link in links for part in (" · ", link)][1:]


def _cards(view: View, found: BlastRadius, impact: ServiceImpact) -> list[Component]:
    hit = [one for one in found.victims if one.probability >= HIT_MIN and one.type == "service"]
    source = (
        view.say("impactpages.card_note_measured", requests=f"{found.sample.requests:,}")
        if found.method is Method.TRACES
        else view.say("impactpages.card_note_graph")
    )
    plain: Mapping[str, Any] = {"usual": None}
    return [
        number_card(view, view.say("impactpages.card_failing"), found.failing, "%", note=source, **plain),
        number_card(view, view.say("impactpages.card_touched"), found.touched, "%", note=source, **plain),
        number_card(
            view,
            view.say("impactpages.card_hit"),
            float(len(hit)),
            "",
            note=view.say("impactpages.card_hit_note"),
            **plain,
        ),
        number_card(
            view,
            view.say("impactpages.card_impact"),
            float(round(impact.impact)),
            "",
            note=view.say("impactpages.card_impact_note"),
            href=view.href("/impact"),
            **plain,
        ),
    ]


def _map(view: View, found: BlastRadius, edges: Sequence[Transmission]) -> Component:
    title = view.say("impactpages.map")
    if not found.victims:
        return card(title, nothing(view.say("impactpages.map_alone")), class_name="flush", key="blast-map")
    return card(
        title,
        blast_map(view, "blast-map", found, edges),
        note=view.say("impactpages.map_note"),
        class_name="flush",
        key="blast-map",
    )


def _score(view: View, impact: ServiceImpact) -> Component:
    lines = [html.P(sentence(impact.summary, view.language))]
    lines += [html.P(part_title(view, part), className="dim") for part in impact.parts]
    return card(view.say("impactpages.score_parts"), html.Div(lines, id="live-score"), key="score")


PAGE = Page(name="blast", path="/impact/{name}", title="impactpages.title_blast", render=render, parent="impact")
