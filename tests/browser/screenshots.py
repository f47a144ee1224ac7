"""Pictures of every page: `python -m tests.browser.screenshots --url http://127.0.0.1:8050 --out DIR`.

Without --url the synthetic shop is served for the occasion. Not a test: somebody must look at what it makes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.serving import serving
from tests.dashboards.fakes import BrokenServices, EmptyServices, ShopServices
from tests.servers.chromium import chromium

PAGES = {
    "overview": "/",
    "map": "/map",
    "services": "/services",
    "service": "/service/payment",
    "traces": "/traces",
    "trace": "/trace/00000000000000000000000000000006",
    "logs": "/logs",
    "incidents": "/incidents",
    "incident": "/incident/2",
    "patrol": "/patrol",
    "search": "/search?q=pay",
    "paths": "/paths",
    "impact": "/impact",
    "blast": "/impact/payment",
    "whatif": "/whatif",
}
WIDTHS = {"": (1366, 860), "wide": (2560, 1300), "phone": (390, 844)}
SETTLE_MS = 900
TABLES_DRAWN = (
    "() => [...document.querySelectorAll('#page div[role=region]')]"
    ".every(table => table.querySelector('.ag-row, .ag-overlay-no-rows-center'))"
)


def main() -> None:
    """Take the pictures that the options ask for."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, _address(options) as url:
        for theme in options.themes.split(","):
            for language in options.languages.split(","):
                for size in options.sizes.split(","):
                    _round(browser, url, options, theme=theme, language=language, size=size)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running server; the synthetic shop if not given")
    parser.add_argument("--out", type=Path, default=Path("/tmp/dashboards/shots"))
    parser.add_argument("--world", default="release", help="a fault of the shop, quiet, many, empty or broken")
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--languages", default="en,zh-CN")
    parser.add_argument("--sizes", default="")
    parser.add_argument("--range", default="15m")
    parser.add_argument("--fold", action="store_true", help="only what is seen without scrolling")
    return parser.parse_args()


@contextmanager
def _address(options: argparse.Namespace) -> Iterator[str]:
    if options.url:
        yield options.url
        return
    made = {
        "quiet": lambda: ShopServices(),
        "many": lambda: ShopServices(faults=["errors"], services=500, rate=1.0),
        "empty": EmptyServices,
        "broken": BrokenServices,
    }
    services = made[options.world]() if options.world in made else ShopServices(faults=[options.world])
    with serving(services) as url:
        yield url


def _round(browser: Browser, url: str, options: argparse.Namespace, *, theme: str, language: str, size: str) -> None:
    width, height = WIDTHS[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, timezone_id="Asia/Shanghai"
    )
    page = context.new_page()
    for name in options.pages.split(","):
        address = PAGES[name]
        joined = "&" if "?" in address else "?"
        page.goto(f"{url}{address}{joined}range={options.range}&lang={language}")
        _settle(page)
        file = options.out / f"{options.world}-{name}-{theme}-{language}{'-' + size if size else ''}.png"
        page.screenshot(path=str(file), full_page=not options.fold)
        sys.stdout.write(f"{file}\n")
    context.close()


def _settle(page: Page) -> None:
    page.wait_for_selector("h1", timeout=300_000)
    page.wait_for_selector("#page:not(:has(.skeleton))", state="attached", timeout=60_000)
    page.wait_for_function(TABLES_DRAWN)
    page.wait_for_timeout(SETTLE_MS)


if __name__ == "__main__":
    main()
