"""How finely a call graph is drawn, and what its nodes are called."""

from __future__ import annotations

from enum import StrEnum

from causeway.errors import ConfigError

# Between a service and its operation, instance or version in the id of a node.
WITHIN = " › "


class Level(StrEnum):
    """What a node of the graph is: a service, or one operation, instance or version of it."""

    SERVICE = "service"
    OPERATION = "operation"
    INSTANCE = "instance"
    VERSION = "version"


def level_of(name: str) -> Level:
    """The level of that name. Raises ConfigError for another name."""
    try:
        return Level(name)
    except ValueError:
        raise ConfigError(f"no level {name!r}; known: {', '.join(Level)}") from None
