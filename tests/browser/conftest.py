"""A real browser and the dashboards over the synthetic shop; every page is watched for errors and strange hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

from tests.browser.serving import serving
from tests.dashboards.fakes import ShopServices
from tests.servers.chromium import chromium

# The machine may be busy, and the charts' script is large.
expect.set_options(timeout=20_000)

# Cytoscape says this of the wheel sensitivity that its wrapper always sets.
QUIET = ("custom wheel sensitivity",)


@dataclass
class Watched:
    """A page, and what went wrong on it so far."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go there and wait for the page itself."""
        self.page.goto(self.url + path)
        return self.settled()

    def settled(self) -> Page:
        """Wait until the skeleton is gone."""
        self.page.wait_for_selector("#page h1")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Closed with the module: while it is open no other test may run an event loop."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def shop_url() -> Iterator[str]:
    """The dashboards over a shop with a bad release of payment."""
    with serving(ShopServices(faults=["release"])) as url:
        yield url


@pytest.fixture
def watched(browser: Browser, shop_url: str) -> Iterator[Watched]:
    """A fresh visitor; afterwards no console error, failed request or foreign host is forgiven."""
    context = browser.new_context(viewport={"width": 1366, "height": 860}, timezone_id="Asia/Shanghai", locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    seen = Watched(page, shop_url)

    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(words in message.text for words in QUIET):
            seen.trouble.append(f"{message.type}: {message.text}")

    def request(asked: Request) -> None:
        if not asked.url.startswith((shop_url, "data:", "blob:")):
            seen.outside.append(asked.url)

    def response(answer: Response) -> None:
        if answer.status >= 400:
            seen.trouble.append(f"{answer.status} {answer.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: seen.trouble.append(str(error)))
    page.on("request", request)
    page.on("response", response)
    yield seen
    context.close()
    assert seen.outside == []
    assert seen.trouble == []
