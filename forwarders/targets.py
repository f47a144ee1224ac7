"""The targets that a configuration names: `[[forward.KIND]]` tables, each with a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causeway import registry
from causeway.config import parse
from causeway.errors import ConfigError
from forwarders.contract import Common, Forwarder


@dataclass(frozen=True, slots=True)
class Target:
    """A configured way out: `name` is what the outbox knows it by."""

    name: str
    kind: str
    forwarder: Forwarder


def common(config: Mapping[str, Any]) -> Common:
    """The shared settings of `[forward]`. Raises ConfigError."""
    return parse(
        Common, {key: value for key, value in _forward(config).items() if not _is_kind(value)}, where="forward"
    )


def targets(config: Mapping[str, Any]) -> tuple[Target, ...]:
    """All targets, in the order of the file. Raises ConfigError for an unknown kind, key, or a name used twice."""
    shared = common(config)
    found: list[Target] = []
    for kind, tables in _forward(config).items():
        if not _is_kind(tables):
            continue
        kinds = tables if isinstance(tables, list) else [tables]
        for place, table in enumerate(kinds):
            where = f"forward.{kind}" + (f"[{place}]" if len(kinds) > 1 else "")
            name = table.get("name", kind)
            if not isinstance(name, str) or not name:
                raise ConfigError(f"{where}.name: expected a text, got {name!r}")
            if name in {target.name for target in found}:
                raise ConfigError(f"{where}: two targets are called {name!r}; give one another `name`")
            own = {key: value for key, value in table.items() if key != "name"}
            found.append(Target(name, kind, registry.load("forwarders", kind)(own, shared, where=where)))
    return tuple(found)


def _forward(config: Mapping[str, Any]) -> Mapping[str, Any]:
    table = config.get("forward", {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"forward: expected a table, got {table!r}")
    return table


def _is_kind(value: object) -> bool:
    tables = value if isinstance(value, list) else [value]
    return bool(tables) and all(isinstance(table, Mapping) for table in tables)
