"""Layouts by name: one module each, with a function `layout()` that gives the Layout. Other modules here help them."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from causeway.errors import ConfigError
from causeway.stores.elasticsearch.layouts.layout import Layout


def names() -> list[str]:
    """Every layout there is, by name."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if hasattr(_module(name), "layout"))


def layout_named(name: str) -> Layout:
    """A new instance. Raises ConfigError for a name that no module has."""
    known = names()
    if name not in known:
        raise ConfigError(f"no layout {name!r}; there are {', '.join(known)}")
    found: Layout = _module(name).layout()
    return found


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
