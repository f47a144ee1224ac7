"""Fields of the GET forms: labelled, plain, and part of the URL once sent."""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component


def field(name: str, label: str, value: str, *, placeholder: str = "", wide: bool = False) -> Component:
    """A line of text."""
    box = dcc.Input(
        id=f"field-{name}", name=name, value=value, placeholder=placeholder, autoComplete="off", maxLength=300
    )
    return html.Label([html.Span(label), box], className="wide" if wide else "")


def choice(name: str, label: str, options: Sequence[tuple[str, str]], value: str) -> Component:
    """One of a few; a value that is not among them stays selectable."""
    known = [*options, *([(value, value)] if value and value not in {key for key, _ in options} else [])]
    listed = [html.Option(text, value=key, selected=key == value) for key, text in known]
    return html.Label([html.Span(label), html.Select(listed, id=f"field-{name}", name=name)])
