"""The system's Chromium under Playwright; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.servers import require

# --no-sandbox: CI runs as root, where Chromium's sandbox refuses to start. All pages are our own.
_FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser for as long as the block lasts; skipped, or failed, where Chromium is missing."""
    program = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), headless=True, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()
