"""The frame around every page: navigation, time range, search, theme and language, and the footer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from causeway.errors import CausewayError
from causeway.messages import quantity
from causeway.window import DAY_NS, SECOND_NS
from dashboards.address import RANGES
from dashboards.components.basics import aria, icon
from dashboards.page import Page, all_pages
from dashboards.services import Services
from dashboards.view import View

REFRESH_S = 12
# Data older than this in a live view is worth a colour.
STALE_S = 120


def layout() -> Component:
    """What is mounted once: the slots, the stores, the clock."""
    return html.Div(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="preferences"),
            dcc.Store(id="sent"),
            dcc.Store(id="meta"),
            dcc.Interval(id="tick", interval=REFRESH_S * 1000),
            html.Div(id="meta-sink", hidden=True),
            html.Div(
                [
                    html.Header(id="header", className="header", children=html.Div(className="header-inner")),
                    html.Nav(id="nav", className="nav"),
                    html.Main(id="page", className="page", children=skeleton()),
                    html.Footer(id="footer", className="footer"),
                ],
                className="frame",
            ),
        ]
    )


def skeleton() -> Component:
    """The shape of a page before its first answer."""
    return html.Div(
        [
            html.Div(className="bone bone-sentence"),
            html.Div([html.Div(className="bone bone-card") for _ in range(4)], className="cards"),
            html.Div(className="bone bone-chart"),
            html.Div(className="bone bone-chart"),
        ],
        className="skeleton",
        **aria(hidden="true"),
    )


def slots(view: View, page: Page | None, services: Services) -> Mapping[str, Component]:
    """The frame's parts for this view, by slot."""
    return {
        "header": _header(view, page),
        "nav": _navigation(view, page, services),
        "footer": _footer(view, services),
    }


def _header(view: View, page: Page | None) -> Component:
    title = view.say(page.title) if page else view.say("title_nowhere")
    return html.Div(
        [
            html.A(
                [html.Span(className="logo", **aria(hidden="true")), html.Span("Causeway", className="brand-name")],
                href=view.href("/"),
                className="brand",
            ),
            html.Span(title, className="crumb"),
            html.Div(className="spring"),
            _ranges(view),
            _search(view),
            html.Button(
                icon("moon"),
                id="theme-toggle",
                className="tool",
                title=view.say("theme_toggle"),
                **aria(label=view.say("theme_toggle")),
            ),
            html.A(
                view.say("other_language"),
                id="language-toggle",
                href=view.href(lang="en" if view.language == "zh-CN" else "zh-CN"),
                className="tool tool-word",
                lang="en" if view.language == "zh-CN" else "zh-CN",
                title=view.say("language_toggle"),
            ),
        ],
        className="header-inner",
    )


def _ranges(view: View) -> Component:
    links = [
        html.A(
            view.say(f"range_{name}"),
            href=view.href(range=name, from_=None, to=None),
            className="segment" + (" chosen" if view.address.preset == name else ""),
            **(aria(current="true") if view.address.preset == name else {}),
        )
        for name in RANGES
    ]
    return html.Div([*links, _custom_range(view)], className="segments", role="group", **aria(label=view.say("range")))


def _custom_range(view: View) -> Component:
    chosen = view.address.preset is None
    shown = view.span_of(view.window) if chosen else view.say("range_custom")
    hidden = [
        dcc.Input(type="hidden", name=key, value=value, id=f"range-{key}")
        for key, value in view.address.params.items()
        if key not in {"range", "from", "to"}
    ]
    form = html.Form(
        [
            _moment(view, "from", view.window.start_ns),
            _moment(view, "to", view.window.end_ns),
            *hidden,
            html.Button(view.say("apply"), type="submit", className="button"),
            html.Div(view.say("zone_note", zone=view.zone_name()), className="dim small"),
        ],
        action=view.address.path,
        className="popover",
    )
    return html.Details(
        [html.Summary(shown, className="segment" + (" chosen" if chosen else "")), form],
        className="custom-range",
    )


def _moment(view: View, name: str, time_ns: int) -> Component:
    return html.Label(
        [
            html.Span(view.say(f"range_{name}")),
            dcc.Input(
                type="datetime-local",  # type: ignore[arg-type]
                name=name,
                id=f"range-{name}-input",
                value=view.local(time_ns).strftime("%Y-%m-%dT%H:%M"),
            ),
        ]
    )


def _search(view: View) -> Component:
    return html.Form(
        [
            icon("search"),
            dcc.Input(
                name="q",
                id="search",
                type="search",
                placeholder=view.say("search_placeholder"),
                autoComplete="off",
                maxLength=200,
            ),
            html.Label(view.say("search"), htmlFor="search", className="unseen"),
            html.Kbd("/", **aria(hidden="true")),
        ],
        action="/search",
        className="search",
        role="search",
    )


def _navigation(view: View, page: Page | None, services: Services) -> Component:
    lit = (page.parent or page.name) if page else ""
    opened = _open_incidents(services)
    entries: list[Any] = []
    for entry in all_pages():
        if entry.nav is None:
            continue
        badge = [html.Span(str(opened), className="count")] if entry.name == "incidents" and opened else []
        current = aria(current="page") if entry.name == lit else {}
        entries.append(
            html.A(
                [icon(entry.nav[1]), html.Span(view.say(entry.title), className="nav-word"), *badge],
                href=view.href(entry.path),
                className="nav-link" + (" lit" if entry.name == lit else ""),
                **current,
            )
        )
    return html.Div(entries, className="nav-inner")


def _open_incidents(services: Services) -> int:
    try:
        return len(services.incidents(open_only=True, limit=100))
    except CausewayError:
        return 0  # the page itself says what is broken


def _footer(view: View, services: Services) -> Component:
    try:
        status = services.status()
    except CausewayError:
        return html.Div([html.Span(view.say("footer_unreadable"), className="bad")], className="footer-inner")
    last = max((table.last_ns for table in status.tables if table.last_ns is not None), default=None)
    first = min((table.first_ns for table in status.tables if table.first_ns is not None), default=None)
    size = sum(table.bytes for table in status.tables)
    if last is None or first is None:
        words = [html.Span(view.say("footer_empty"))]
    else:
        age_s = max(0.0, (view.now_ns - last) / SECOND_NS)
        until = view.say("footer_until", time=view.clock(last, seconds=True), age=quantity(age_s, "s"))
        days = max(1, round((last - first) / DAY_NS))
        words = [
            html.Span(until, className="stale" if view.live and age_s > STALE_S else ""),
            html.Span(view.say("footer_store", size=size, days=days)),
        ]
    problems = [html.Span(text, className="bad") for text in status.problems]
    zone = html.Span(view.say("zone_note", zone=view.zone_name()))
    window = html.Span(view.say("footer_window", window=view.span_of(view.window)))
    return html.Div([window, *words, zone, *problems], className="footer-inner")
