"""A page: one file in `dashboards/pages/` that defines `PAGE`. They are found by scan; order lies in `nav`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from dash.development.base_component import Component

from causeway.errors import ConfigError
from dashboards import pages
from dashboards.services import Services
from dashboards.view import View

Render = Callable[[View, Services, Mapping[str, str]], Component]


@dataclass(frozen=True, slots=True)
class Page:
    """A place of the application.

    path: `/service/{name}`; what stands in braces is handed to `render`. title: a sentence of `pages.toml`.
    nav: (order, icon) where the page is in the navigation. parent: the page whose entry is lit on this one.
    """

    name: str
    path: str
    title: str
    render: Render
    nav: tuple[int, str] | None = None
    parent: str = ""

    def match(self, path: str) -> Mapping[str, str] | None:
        """The values of the braces if the path is this page's."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


@cache
def all_pages() -> tuple[Page, ...]:
    """Every page, those of the navigation first, in its order. Raises ConfigError for a doubled path."""
    modules = [
        importlib.import_module(f"{pages.__name__}.{info.name}") for info in pkgutil.iter_modules(pages.__path__)
    ]
    found = [module.PAGE for module in modules if hasattr(module, "PAGE")]
    if len({page.path for page in found}) < len(found):
        raise ConfigError("two dashboard pages have the same path")
    return tuple(sorted(found, key=lambda page: (page.nav or (99, ""), page.name)))


def page_at(path: str) -> tuple[Page, Mapping[str, str]] | None:
    """The page at that path and the values in it."""
    path = path.rstrip("/") or "/"
    for page in all_pages():
        values = page.match(path)
        if values is not None:
            return page, values
    return None
