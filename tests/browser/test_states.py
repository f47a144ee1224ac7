"""What a person sees when there is little to see, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.serving import serving
from tests.dashboards.fakes import BrokenServices, EmptyServices


def test_a_broken_store_comes_back_without_a_reload(browser: Browser) -> None:
    """The page says what is broken and shows data once it is mended."""
    services = BrokenServices()
    with serving(services) as url:
        page = browser.new_page()
        page.goto(f"{url}/?range=15m&lang=en")
        expect(page.locator("h1")).to_contain_text("The store cannot be read")
        services.mended = True
        page.evaluate("window.dash_clientside.set_props('tick', {n_intervals: 1})")
        expect(page.locator("h1")).to_have_text("Overview", timeout=20_000)
        page.close()


def test_an_empty_store_says_how_to_send_data(browser: Browser) -> None:
    """A newcomer reads where to send telemetry."""
    with serving(EmptyServices()) as url:
        page = browser.new_page()
        page.goto(f"{url}/?lang=en")
        expect(page.locator("#page")).to_contain_text("OTEL_EXPORTER_OTLP_ENDPOINT")
        page.close()


@pytest.mark.parametrize("width", [390, 1366, 2560])
@pytest.mark.parametrize("path", ["/", "/incident/2"])
def test_nothing_sticks_out_sideways(browser: Browser, shop_url: str, path: str, width: int) -> None:
    """From a phone to a wall screen no page scrolls sideways."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{shop_url}{path}?range=15m&lang=zh-CN")
    page.wait_for_selector("#page h1")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
