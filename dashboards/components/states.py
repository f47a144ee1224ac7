"""Empty and broken states, in words: what was looked for, where, when it was last seen, what to do."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from causeway.findings import Verdict
from causeway.window import HOUR_NS, Window
from dashboards.components.basics import answer, heading, icon, mark, page_body
from dashboards.services import Services
from dashboards.view import View


def broken(view: View, reason: str) -> Component:
    """The backend cannot be read; says which, and that it is tried again."""
    return _notice(
        view,
        title=view.say("broken_title"),
        verdict=Verdict.CRITICAL,
        words=[html.P(reason, className="mono"), html.P(view.say("broken_retry"))],
    )


def cannot(view: View, reason: str) -> Component:
    """The question cannot be answered as asked."""
    back = html.A(view.say("back_to_hour"), href=view.href(range="1h", from_=None, to=None), className="button")
    return _notice(view, title=view.say("cannot_title"), verdict=Verdict.UNKNOWN, words=[html.P(reason), back])


def crashed(view: View) -> Component:
    """Our own mistake; the log has the details."""
    return _notice(
        view, title=view.say("crashed_title"), verdict=Verdict.UNKNOWN, words=[html.P(view.say("crashed_words"))]
    )


def no_such_page(view: View) -> Component:
    """Nothing lives at this address."""
    return _notice(
        view,
        title=view.say("title_nowhere"),
        verdict=Verdict.UNKNOWN,
        words=[
            html.P(view.say("nowhere_words", path=view.address.path)),
            html.A(view.say("title_overview"), href=view.href("/"), className="button"),
        ],
    )


def no_spans(view: View, services: Services, *, title: str, service: str | None = None) -> Component:
    """A whole page without data: what was looked for, and when there last was some."""
    table = services.status().table("spans")
    words: list[Component] = []
    if table.last_ns is None:
        sentence = view.say("nothing_ever")
        words += [html.P(view.say("nothing_ever_how")), html.Pre(view.say("nothing_ever_code"), className="code")]
    else:
        values = {"window": view.span_of(view.window), "last": view.clock(table.last_ns, seconds=True)}
        sentence = (
            view.say("nothing_service", service=service, **values) if service else view.say("nothing_window", **values)
        )
        end_ns = table.last_ns + 1
        there = view.address.to_window(Window(end_ns - HOUR_NS, end_ns))
        words.append(html.A(view.say("show_last_hour"), href=there, className="button"))
    return page_body([heading(title), answer(view, Verdict.UNKNOWN, sentence), *words])


def waiting(view: View, *, title: str, sentence: str) -> Component:
    """A page whose answer is still being worked out; the next refresh brings it."""
    bones = [html.Div(className="bone bone-chart") for _ in range(2)]
    return page_body([heading(title), answer(view, Verdict.UNKNOWN, sentence), html.Div(bones, className="skeleton")])


def nothing(sentence: str) -> Component:
    """A part of a page without content."""
    return html.Div([icon("info"), html.Span(sentence)], className="nothing")


def _notice(view: View, *, title: str, verdict: Verdict, words: list[Component]) -> Component:
    return page_body([html.Div([html.H1([mark(view, verdict, word=False), " ", title]), *words], className="notice")])
