"""The smallest parts: icons, verdict marks, sentences, cards, links."""

from __future__ import annotations

import zlib
from typing import Any

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from dashboards.view import View

Content = Component | str | list[Any] | None
# Four verdicts, each by colour and shape and word.
SHAPES = {Verdict.OK: "○", Verdict.WARNING: "▲", Verdict.CRITICAL: "■", Verdict.UNKNOWN: "◌"}


def aria(**names: str) -> dict[str, Any]:
    """What a screen reader is told: `aria(label="…", hidden="true")`."""
    return {f"aria-{name}": value for name, value in names.items()}


def icon(name: str) -> Component:
    """A line icon from `assets/icons`, drawn in the colour of the text."""
    return html.Span(className=f"icon icon-{name}", **aria(hidden="true"))


def verdict_class(verdict: Verdict) -> str:
    """The CSS class that carries a verdict's colour."""
    return f"verdict-{verdict.value.lower()}"


def mark(view: View, verdict: Verdict, *, word: bool = True) -> Component:
    """The verdict's shape, and its word unless the word stands elsewhere (then for screen readers only)."""
    said = view.say(f"verdict_{verdict.value.lower()}")
    return html.Span(
        [
            html.Span(SHAPES[verdict], className="shape", **aria(hidden="true")),
            html.Span(said, className="" if word else "unseen"),
        ],
        className=f"verdict {verdict_class(verdict)}",
        title=said,
    )


def answer(view: View, verdict: Verdict, sentence: Content, *, href: str = "", key: str = "answer") -> Component:
    """The first thing on every page: one sentence made from findings, with its verdict."""
    body: list[Any] = [mark(view, verdict, word=False), html.Span(sentence, className="answer-text")]
    if href:
        body.append(html.A(view.say("details"), href=href, className="answer-link"))
    return html.Div(html.Div(body, className=f"answer {verdict_class(verdict)}"), id=f"live-{key}", role="status")


def card(title: str, content: Content, *, note: Content = None, class_name: str = "", key: str = "") -> Component:
    """A titled part of a page. `key` tells it from others; by default its title does."""
    head: list[Any] = [html.H2(title, className="card-title")]
    if note is not None:
        head.append(html.Span(note, className="card-note"))
    name = key or f"{zlib.crc32(title.encode()):08x}"
    return html.Section(
        [
            html.Div(html.Div(head, className="card-head"), id=f"live-head-{name}"),
            html.Div(content, className="card-body"),
        ],
        className=f"card {class_name}".strip(),
    )


def heading(text: str, *, note: Content = None) -> Component:
    """The page's h1."""
    parts: list[Any] = [html.H1(text)]
    if note is not None:
        parts.append(html.Div(note, className="heading-note"))
    return html.Div(parts, className="heading", id="live-heading")


def page_body(parts: list[Any]) -> Component:
    """All parts of a page, one below the other."""
    return html.Div(parts, className="page-body")
