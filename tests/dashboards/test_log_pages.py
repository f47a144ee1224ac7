"""The logs page: what changed in the messages, and one message with its lines and traces."""

from __future__ import annotations

import re

import pytest

from causeway.messages import LANGUAGES
from dashboards.show import show
from tests.dashboards.fakes import EmptyServices, ShopServices
from tests.dashboards.test_pages import page_text

RANGE = "?range=15m"


def _changed(shop: ShopServices, service: str):
    rows = shop.log_templates(shop.shop.window).rows
    return next(row for row in rows if row.service == service and row.change is not None)


def test_what_changed_comes_first(shop: ShopServices) -> None:
    """The page says which messages changed for the worse, above the lines; the text of each stands in the table."""
    text = page_text(show(shop, path="/logs", search=RANGE))
    row = _changed(shop, "payment")
    assert "changed for the worse" in text
    assert text.index("What changed in the messages") < text.index("Log lines") < text.index("Kinds of messages")
    assert " ".join(row.template.split()) in text[text.index("What changed") : text.index("Log lines")]


def test_filters_hold_for_messages_too(shop: ShopServices) -> None:
    """With a service and a severity in the address no other message is listed."""
    text = page_text(show(shop, path="/logs", search=f"{RANGE}&service=payment&severity=ERROR"))
    listed = text[text.index("What changed in the messages") :]
    assert "IllegalStateException in Charge" in listed
    assert "done for request" not in listed


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_leads_to_its_lines(shop: ShopServices, language: str) -> None:
    """The page of one message has its text, id, counts and lines, in both languages."""
    row = _changed(shop, "payment")
    search = f"{RANGE}&service=payment&template={row.template_id}&lang={language}"
    text = page_text(show(shop, path="/logs", search=search))
    assert row.template in text and str(row.template_id) in text
    assert len(re.findall(r"IllegalStateException in Charge: cannot read record \d+", text)) == min(row.lines, 200)
    assert not re.search(r"\bNone\b(?! of)|\bnan\b|\{\w+\}|logpages\.", text)


@pytest.mark.parametrize("template", ["5", "x", "99999999999999999999"])
@pytest.mark.parametrize("empty_store", [False, True])
def test_an_unknown_message_is_said(shop: ShopServices, empty: EmptyServices, template: str, empty_store: bool) -> None:
    """An id of nothing is no crash and no empty page."""
    services = empty if empty_store else shop
    text = page_text(show(services, path="/logs", search=f"{RANGE}&template={template}"))
    assert f"No message with the id {template}" in text and "All messages" in text


def test_patrol_leads_to_the_message(shop: ShopServices) -> None:
    """A finding about a message opens its lines, in the window it was judged for."""
    shown = show(shop, path="/patrol", search=f"{RANGE}&run=2")
    rows = [row for row in _rows(shown.updates["page"]["children"], "findings") if "template=" in (row["href"] or "")]
    assert rows
    window = shop.shop.window
    assert all(f"from={window.start_ns}&to={window.end_ns}" in row["href"] for row in rows)
    path, _, search = rows[0]["href"].partition("?")
    assert "No message with the id" not in page_text(show(shop, path=path, search=f"?{search}"))


def _rows(tree, key: str) -> list[dict]:
    """The rows of the table with that key."""
    if isinstance(tree, list | tuple):
        return [row for item in tree for row in _rows(item, key)]
    if not hasattr(tree, "to_plotly_json"):
        return []
    props = tree.to_plotly_json()["props"]
    if props.get("id") == key and "rowData" in props:
        return props["rowData"]
    return _rows(props.get("children"), key)
