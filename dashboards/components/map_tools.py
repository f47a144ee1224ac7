"""Above and below the map: search, filters, levels, comparison and the slider through time. All of it is the URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.messages import quantity
from causeway.window import Window
from dashboards.components.basics import SHAPES, aria
from dashboards.components.forms import choice
from dashboards.topology.asked import COMPARISONS, GROUPINGS, HOPS_MAX, KINDS, LEVELS, PARAMETERS, TYPES, Asked
from dashboards.topology.moments import Moments
from dashboards.view import View

# Names that the search box offers; more than this make the page heavy and the list no better.
NAMES_MAX = 400


def search_form(view: View, asked: Asked, names: Sequence[str]) -> Component:
    """Type a name: the map goes there."""
    return html.Form(
        [
            dcc.Input(
                id="map-find",
                name="find",
                value=view.address.get("find"),
                placeholder=view.say("map.find"),
                list="map-names",
                autoComplete="off",
                maxLength=200,
            ),
            html.Label(view.say("map.find"), htmlFor="map-find", className="unseen"),
            html.Datalist([html.Option(value=name) for name in names[:NAMES_MAX]], id="map-names"),
            *_carried(view, without=("find",)),
            html.Button(view.say("map.find_go"), type="submit", className="button plain"),
            *([_near(view, asked.find)] if asked.find and asked.find != asked.focus else []),
        ],
        action="/map",
        className="map-search",
        role="search",
    )


def _near(view: View, found: str) -> Component:
    return html.A(view.say("map.near", name=found), href=view.href("/map", focus=found, find=found), className="pill")


def filter_form(view: View, asked: Asked, namespaces: Sequence[str]) -> Component:
    """What is drawn; every choice counts at once."""
    verdicts = [
        ("off", f"{SHAPES[Verdict.WARNING]}{SHAPES[Verdict.CRITICAL]} {view.say('map.verdict_off')}"),
        ("critical", f"{SHAPES[Verdict.CRITICAL]} {view.say('verdict_critical')}"),
        ("unknown", f"{SHAPES[Verdict.UNKNOWN]} {view.say('verdict_unknown')}"),
        ("ok", f"{SHAPES[Verdict.OK]} {view.say('verdict_ok')}"),
    ]
    rates = [(str(number), view.say("map.calls_least", rate=quantity(float(number), "/min"))) for number in RATES]
    calls = f"{asked.calls_min:g}" if asked.calls_min else ""
    fields = [
        _chosen(view, "type", [(kind, view.say(f"map.{kind}s")) for kind in TYPES], asked.type),
        _chosen(view, "verdict", verdicts, asked.verdict),
        _chosen(view, "kind", [(kind, view.say(f"map.kind_{kind}")) for kind in KINDS], asked.kind),
        _chosen(view, "calls", rates, calls),
        *([_chosen(view, "ns", [(name, name) for name in namespaces], asked.namespace)] if namespaces else []),
        _chosen(view, "noise", [("hide", view.say("map.noise_hide"))], "hide" if asked.quiet else "", "map.noise_show"),
        _chosen(
            view,
            "group",
            [(name, view.say(f"map.group_by_{name}")) for name in GROUPINGS],
            asked.group,
            "map.group_by_itself",
        ),
    ]
    own = ("type", "verdict", "kind", "calls", "ns", "noise", "group", "all")
    cleared = [html.A(view.say("map.clear"), href=_cleared(view, own), className="pill")] if asked.filtered else []
    return html.Form([*fields, *_carried(view, without=own), *cleared], action="/map", className="filters map-filters")


RATES = (1, 10, 100, 1000, 10000)


def _chosen(view: View, name: str, options: Sequence[tuple[str, str]], value: str, empty: str = "any") -> Component:
    listed = [("", view.say(empty)), *options]
    return choice(name, view.say(f"map.filter_{name}"), listed, value)


def _cleared(view: View, names: Sequence[str]) -> str:
    changes: dict[str, Any] = dict.fromkeys(name for name in names if name not in {"group", "all"})
    return view.href(**changes)


def _carried(view: View, *, without: Sequence[str]) -> list[Any]:
    """Hidden fields for the parameters of the map that this form does not set."""
    return [
        dcc.Input(type="hidden", name=name, value=view.address.get(name), id=f"{without[0]}-{name}")
        for name in PARAMETERS
        if name not in without and view.address.get(name)
    ]


def pills(view: View, asked: Asked, *, total: str, opened: Sequence[tuple[str, str]]) -> Component:
    """How far around the service in focus, how finely it is drawn, what is opened, and what to compare with.

    opened: (key, label) of the groups that are drawn box by box.
    """
    parts: list[Any] = []
    if asked.focus:
        steps = [
            _pill(view.say("map.hops", hops=k), view.href(hops=k), asked.hops == k) for k in range(1, HOPS_MAX + 1)
        ]
        levels = [
            _pill(
                view.say(f"map.level_{level}"),
                view.href(level=None if level == "service" else level),
                asked.level == level,
            )
            for level in LEVELS
        ]
        whole = view.href(focus=None, hops=None, level=None, find=None)
        parts += [
            _group(view, "map.around", steps),
            _group(view, "map.level", levels),
            html.A(view.say("map.everything", count=total), href=whole, className="pill"),
            html.A(view.say("impactpages.to_blast"), href=view.href(f"/impact/{asked.focus}"), className="pill"),
        ]
    closing = [
        html.A(
            f"{label} ×",
            href=view.href(open=",".join(other for other, _ in opened if other != key)),
            className="pill chosen",
            title=view.say("map.close", name=label),
        )
        for key, label in opened
    ]
    parts += [_group(view, "map.opened", closing)] if closing else []
    comparisons = [
        _pill(view.say("map.compare_none"), view.href(compare=None), not asked.compare),
        *(_pill(view.say(f"map.compare_{one}"), view.href(compare=one), asked.compare == one) for one in COMPARISONS),
    ]
    parts.append(_group(view, "map.compare", comparisons))
    return html.Div(parts, className="pills map-tools")


def _group(view: View, title: str, links: Sequence[Component]) -> Component:
    name = view.say(title)
    return html.Div(
        [html.Span(name, className="pills-title"), *links], className="pills", role="group", **aria(label=name)
    )


def _pill(words: str, href: str, chosen: bool) -> Component:
    current = aria(current="true") if chosen else {}
    return html.A(words, href=href, className="pill chosen" if chosen else "pill", **current)


def time_slider(view: View, moments: Moments, part: Window | None) -> Component:
    """Through the window, moment by moment; the boxes stay where they are. `map.js` turns its value into `at`."""
    last = moments.count - 1
    data: dict[str, Any] = {
        "data-start": str(moments.start_ns // 1_000_000),
        "data-step": str(moments.step_ns // 1_000_000),
    }
    place = last if part is None else (part.start_ns - moments.start_ns) // moments.step_ns
    said = view.say("map.whole_window", window=view.span_of(view.window)) if part is None else _part(view, part)
    return html.Div(
        [
            _pill(view.say("map.whole"), view.href(at=None), part is None),
            html.Label(view.say("map.time"), htmlFor="map-at", className="unseen"),
            dcc.Input(
                id="map-at",
                type="range",
                min=0,
                max=last,
                step=1,
                value=place,
                className="map-range" if part is not None else "map-range idle",
            ),
            html.Output(said, htmlFor="map-at", id="map-at-said", className="small"),
            html.Span(hidden=True, id="map-moments", **data),
        ],
        className="map-time",
    )


def _part(view: View, part: Window) -> str:
    start, end = view.clock(part.start_ns, seconds=True), view.clock(part.end_ns, seconds=True)
    return view.say("map.moment", start=start, end=end)
