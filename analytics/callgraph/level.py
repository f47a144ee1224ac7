"""How finely a call graph is drawn, and what its nodes are called."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

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


def node_ids(service: pa.ChunkedArray, part: pa.ChunkedArray) -> pa.ChunkedArray:
    """(n,) `service › part`; the service alone where the part is not known, as of a peer that sends no spans."""
    names = pc.fill_null(service.cast(pa.string()), "")
    parts = pc.fill_null(part.cast(pa.string()), "")
    return pc.if_else(pc.equal(parts, ""), names, pc.binary_join_element_wise(names, parts, WITHIN))
