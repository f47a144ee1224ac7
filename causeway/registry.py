"""Plug-ins by entry point, ours and others' alike. A duplicate name is an error."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from causeway.errors import ConfigError


def names(group: str) -> tuple[str, ...]:
    """The names registered in `causeway.<group>`, sorted. Raises ConfigError if one is there twice."""
    return tuple(sorted(_points(group)))


def load(group: str, name: str) -> Any:
    """The object registered under that name. Raises ConfigError with the known names, or with what is missing."""
    points = _points(group)
    if name not in points:
        raise ConfigError(f"no {group} called {name!r}; known: {', '.join(sorted(points)) or 'none'}")
    try:
        return points[name].load()
    except ImportError as error:
        point = points[name]
        raise ConfigError(f"{group} {name!r} ({point.value}) cannot be loaded: {error}") from error


def _points(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"causeway.{group}"):
        if point.name in found and found[point.name].value != point.value:
            values = f"{found[point.name].value} and {point.value}"
            raise ConfigError(f"two {group} are called {point.name!r}: {values}; remove one package")
        found[point.name] = point
    return found
