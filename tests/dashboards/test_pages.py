"""Rules that hold on every page, whatever the data, in both languages and themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from dash.development.base_component import Component

from causeway.messages import LANGUAGES
from dashboards.show import Shown, show
from tests.dashboards.fakes import BrokenServices, EmptyServices, ShopServices

PATHS = (
    "/",
    "/map",
    "/services",
    "/service/payment",
    "/service/unheard-of",
    "/traces",
    "/trace/00000000000000000000000000000006",
    "/trace/ff",
    "/trace/not-hex",
    "/paths",
    "/impact",
    "/impact/payment",
    "/impact/unheard-of",
    "/whatif",
    "/logs",
    "/incidents",
    "/incident/2",
    "/incident/99",
    "/incident/x",
    "/patrol",
    "/search",
    "/nowhere",
)


def words(tree: Any) -> Iterator[str]:
    """All text of a page, as a reader would meet it."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Component):
        props = tree.to_plotly_json()["props"]
        yield from words(props.get("children"))
        yield from (str(props[name]) for name in ("title", "placeholder", "aria-label") if props.get(name))
        for row in props.get("rowData") or []:
            yield from (value for value in row.values() if isinstance(value, str))
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from words(item)


def page_text(shown: Shown) -> str:
    """The text of the page part of what is shown."""
    return " ".join(words(shown.updates["page"]["children"]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_speaks_plainly(shop: ShopServices, path: str, language: str) -> None:
    """A page has one h1 and text, and no `None`, `nan`, placeholder or catalogue name shows through."""
    shown = show(shop, path=path, search=f"?range=15m&q=pay&lang={language}", preferences={"theme": "dark"})
    text = page_text(shown)
    assert len(text) > 10
    assert not re.search(
        r"\bNone\b(?! of)|\bnan\b|\{\w+\}|"
        r"\b(pages|patrol|rootcause|diagnosis|journeys|traces|impact|impactpages|logpages)\.[a-z_]+",
        text,
    )
    sent = orjson.dumps(
        shown.updates["page"], default=lambda one: one.to_plotly_json(), option=orjson.OPT_SERIALIZE_NUMPY
    )
    assert sent.count(b'"H1"') == 1


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_store_is_said_never_ok(empty: EmptyServices, path: str) -> None:
    """Without data no page fails, and none claims that all is well."""
    text = page_text(show(empty, path=path, search="?range=15m"))
    assert "within their usual range" not in text
    assert "This page failed" not in text


@pytest.mark.parametrize("path", ["/", "/map", "/service/payment", "/traces", "/logs", "/incidents", "/patrol"])
def test_a_broken_store_is_named_and_comes_back(broken: BrokenServices, path: str) -> None:
    """The page says which store cannot be read, and shows data as soon as it can, without a reload."""
    first = show(broken, path=path, search="?range=15m")
    if path == "/patrol":
        return  # kept runs may be readable while the telemetry is not
    assert "/srv/causeway/data" in page_text(first)
    broken.mended = True
    second = show(broken, path=path, search="?range=15m", sent=first.sent)
    assert "/srv/causeway/data" not in page_text(second)


@pytest.mark.parametrize("path", ["/", "/map", "/service/payment", "/incident/2", "/patrol"])
def test_a_refresh_without_news_sends_nothing(shop: ShopServices, path: str) -> None:
    """Within a slot nothing is sent again: no flicker, no lost scroll, no idle work for the browser."""
    first = show(shop, path=path, search="?range=15m")
    assert show(shop, path=path, search="?range=15m", sent=first.sent).updates == {}


def test_another_range_keeps_the_charts_mounted(shop: ShopServices) -> None:
    """Changing the range of a service sends new figures and rows, not a new page."""
    first = show(shop, path="/service/payment", search="?range=15m")
    second = show(shop, path="/service/payment", search="?range=1h", sent=first.sent)
    assert "page" not in second.updates
    assert "figure" in second.updates["chart-errors"]


def test_the_theme_reaches_the_charts(shop: ShopServices) -> None:
    """Dark charts have light text."""
    first = show(shop, path="/service/payment", search="?range=15m", preferences={"theme": "light"})
    second = show(shop, path="/service/payment", search="?range=15m", preferences={"theme": "dark"}, sent=first.sent)
    assert second.updates["chart-errors"]["figure"].layout.font.color == "#dbe1ea"


def test_the_overview_leads_with_the_incident(shop: ShopServices) -> None:
    """The first sentence names who suffers and what is at fault."""
    text = page_text(show(shop, path="/", search="?range=15m"))
    sentence = text[: text.index("Requests")]
    assert "frontend" in sentence
    assert "payment" in sentence


def test_the_incident_names_the_cause_with_evidence(shop: ShopServices) -> None:
    """The service at fault is first among the possible causes, with evidence for it."""
    text = page_text(show(shop, path="/incident/2", search=""))
    assert text.index("1.") < text.index("payment", text.index("Possible causes")) < text.index("What speaks for it")


def test_a_bad_range_is_explained(shop: ShopServices) -> None:
    """A range that cannot be read is said, with a way back."""
    text = page_text(show(shop, path="/", search="?from=whenever"))
    assert "whenever" in text
    assert "Show the last hour" in text


def test_searching_a_trace_finds_it(shop: ShopServices) -> None:
    """A trace id in the search box leads to its trace."""
    shown = show(shop, path="/search", search="?range=15m&q=00000000000000000000000000000006")
    assert "Open trace" in page_text(shown)


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", "{pages}", "%s%n", "..%2f..", "a" * 3000])
def test_hostile_words_are_only_words(shop: ShopServices, attack: str) -> None:
    """Whatever is typed is shown as text or refused, never run and never a crash."""
    for path in (f"/service/{attack}", "/search", "/traces", "/logs"):
        shown = show(shop, path=path, search=f"?range=15m&q={attack}&operation={attack}&contains={attack}")
        assert shown.updates["page"]["children"] is not None
