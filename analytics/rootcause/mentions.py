"""Dependencies that words tell: error lines and metric names of one service that name another.

`upstream inventory timed out` in a line of the cart says that the cart depends on the inventory, whether or not a trace
does. Only names long enough to be no common word are looked for, and only in lines of a warning or worse.
"""

from __future__ import annotations

import re

import numpy as np

from analytics.world import World

NAME_MIN = 5  # letters of a name below which it may be any word
_SEVERITY_MIN = 13  # OTLP: WARN
_TEXTS_MAX = 5_000


def mentions(world: World, names: list[str]) -> set[tuple[str, str]]:
    """(service, the entity it names) pairs. Cost: one regular expression over the distinct texts."""
    pattern = _pattern(names)
    found: set[tuple[str, str]] = set()
    for service, text in _texts(world):
        found.update((service, name) for name in pattern.findall(text) if name != service)
    return found


def names_another(services: np.ndarray, texts: np.ndarray, names: list[str]) -> np.ndarray:
    """(n,) bool: whether each text, said by that service, names an entity other than the service itself."""
    pattern = _pattern(names)
    said = zip(services, texts, strict=True)
    return np.array([any(name != service for name in pattern.findall(text)) for service, text in said], dtype=bool)


def _pattern(names: list[str]) -> re.Pattern[str]:
    wanted = sorted((name for name in names if len(name) >= NAME_MIN), key=len, reverse=True)
    return re.compile(r"(?<![\w-])(" + ("|".join(map(re.escape, wanted)) or "(?!)") + r")(?![\w-])")


def _texts(world: World) -> list[tuple[str, str]]:
    logs = world.logs.meta
    bad = logs[logs["severity_number"] >= _SEVERITY_MIN] if len(logs) else logs
    lines = list(zip(bad["service"].astype(str), bad["template"].astype(str), strict=True))[:_TEXTS_MAX]
    meta = world.metrics.meta
    metrics = {
        (str(service), str(name).replace("_", " ")) for service, name in zip(meta["service"], meta["name"], strict=True)
    }
    return [*lines, *sorted(metrics)]
