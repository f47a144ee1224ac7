"""What if something failed or became slower: the consequences for every journey. The URL holds the question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from analytics.impact.model import ImpactModel
from analytics.impact.target import BETWEEN, parse_target
from analytics.impact.whatif import Change, ChangeKind, WhatIf, slowed
from causeway.errors import ConfigError
from causeway.findings import Verdict
from causeway.wire import sentence
from dashboards.components.basics import answer, card, heading, page_body
from dashboards.components.blast_tables import effects_table, shifts_table, trust_words, victims_table
from dashboards.components.forms import choice, field
from dashboards.components.states import no_spans, waiting
from dashboards.page import Page
from dashboards.services import Services
from dashboards.view import View

# Names that the target field proposes, and examples below it.
PROPOSED_MAX = 500
EXAMPLES_MAX = 3
BY_DEFAULT = "200ms"


def render(view: View, services: Services, _values: Mapping[str, str]) -> Component:
    """The page. `?do=remove|slow&target=TARGET&by=200ms` is the question; targets as in `causeway whatif`."""
    title = view.say("impactpages.title_whatif")
    if not services.services(view.window):
        return no_spans(view, services, title=title)
    window = view.steady_window
    model = services.impact_model(window)
    reading = view.say("impactpages.reading", window=view.span_of(window))
    if model is None:
        return waiting(view, title=title, sentence=reading)
    form = card(
        view.say("impactpages.question"), html.Div(_form(view, model), id="live-whatif-form"), key="whatif-form"
    )
    try:
        change = change_of(view)
        found = None if change is None else services.what_if(window, change)
    except ConfigError as error:
        return page_body([heading(title), answer(view, Verdict.UNKNOWN, str(error)), form])
    if change is None:
        asked = answer(view, Verdict.OK, view.say("impactpages.whatif_ask"))
        return page_body([heading(title), asked, form, _examples(view, model)])
    if found is None:
        return waiting(view, title=title, sentence=reading)
    said = answer(view, Verdict.OK, sentence(found.summary, view.language))
    return page_body([heading(title), said, form, *_consequences(view, found)])


def change_of(view: View) -> Change | None:
    """The change in the address, None without a target. Raises ConfigError for one that cannot be read."""
    written = view.address.get("target")
    if not written:
        return None
    target = parse_target(written)
    if view.address.get("do") != ChangeKind.SLOW.value:
        return Change(ChangeKind.REMOVE, target)
    by = view.address.get("by") or BY_DEFAULT
    try:
        return slowed(target, by)
    except ConfigError as error:
        raise ConfigError(view.say("impactpages.whatif_by", text=by)) from error


def _form(view: View, model: ImpactModel) -> Component:
    do = "slow" if view.address.get("do") == "slow" else "remove"
    kinds = [(kind, view.say(f"impactpages.do_{kind}")) for kind in ("remove", "slow")]
    target = html.Label(
        [
            html.Span(view.say("impactpages.target")),
            dcc.Input(
                id="field-target",
                name="target",
                value=view.address.get("target"),
                placeholder=view.say("impactpages.target_hint"),
                list="proposed-targets",
                autoComplete="off",
                maxLength=300,
            ),
        ],
        className="wide",
    )
    fields: list[Any] = [
        choice("do", view.say("impactpages.do"), kinds, do),
        target,
        html.Datalist([html.Option(value=name) for name in _proposed(model)], id="proposed-targets"),
    ]
    if do == "slow":
        by = view.address.get("by") or BY_DEFAULT
        fields.append(field("by", view.say("impactpages.by"), by, placeholder=view.say("impactpages.by_hint")))
    fields.append(html.Button(view.say("impactpages.think"), type="submit", className="button"))
    return html.Form(fields, action="/whatif", className="filters")


def _proposed(model: ImpactModel) -> list[str]:
    hosts = sorted({f"host:{one.host}" for one in model.placements if one.host})
    zones = sorted({f"zone:{one.zone}" for one in model.placements if one.zone})
    edges = [f"{one.caller}{BETWEEN}{one.callee}" for one in model.transmissions]
    return [*zones, *hosts, *model.flow.names, *edges][:PROPOSED_MAX]


def _examples(view: View, model: ImpactModel) -> Component:
    """Questions to begin with: about the busiest of what entry operations call."""
    busiest = sorted(model.transmissions, key=lambda one: (-one.touched, one.callee))
    names = list(dict.fromkeys(one.callee for one in busiest))[:EXAMPLES_MAX]
    questions: tuple[tuple[str, str | None], ...] = (("remove", None), ("slow", BY_DEFAULT))
    items = [
        html.A(
            view.say(f"impactpages.example_{do}", target=name),
            href=view.href("/whatif", do=do, target=name, by=by),
            className="pill",
        )
        for name in names
        for do, by in questions
    ]
    return card(view.say("impactpages.examples"), html.Div(items, className="pills"), key="examples")


def _consequences(view: View, found: WhatIf) -> list[Component]:
    slowed = found.change.kind is ChangeKind.SLOW
    parts = [
        card(
            view.say("impactpages.whatif_journeys"),
            effects_table(view, found.journeys, slowed=slowed),
            note=view.say("impactpages.journeys_note"),
            class_name="flush",
            key="effects",
        )
    ]
    if not slowed:
        parts.append(
            card(
                view.say("impactpages.victims"),
                victims_table(view, "whatif-victims", found.victims),
                note=view.say("impactpages.victims_note", target=found.change.target.text),
                class_name="flush",
                key="victims",
            )
        )
    if found.shifts:
        parts.append(
            card(
                view.say("impactpages.shifts"),
                shifts_table(view, found.shifts),
                note=view.say("impactpages.shifts_note"),
                class_name="flush",
            )
        )
    words = trust_words(view, found.sample, found.window, found.assumptions)
    parts.append(card(view.say("impactpages.assumptions"), words, key="trust"))
    return parts


PAGE = Page(name="whatif", path="/whatif", title="impactpages.title_whatif", render=render, parent="impact")
