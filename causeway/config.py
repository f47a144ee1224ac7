"""Settings as frozen dataclasses, parsed once at the edge from TOML tables. An unknown key is an error."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from causeway.errors import ConfigError

T = TypeVar("T")


def load_toml(path: Path) -> dict[str, Any]:
    """The file's tables. Raises ConfigError when it is missing or not TOML, with the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(kind: type[T], table: Mapping[str, Any], *, where: str) -> T:
    """A `kind` (a dataclass) from a table; nested dataclasses from sub-tables.

    Raises ConfigError naming `where.key` for an unknown key, a missing key or a value of the wrong type.
    """
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(fields))}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], where=f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: missing key {name!r}")
    try:
        return typing.cast("T", kind(**values))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, *, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _first_that_fits(arguments, value, where=where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        _expect(isinstance(value, Mapping), where, "a table", value)
        return parse(hint, value, where=where)
    if origin is tuple:
        _expect(isinstance(value, list | tuple), where, "a list", value)
        return tuple(_value(arguments[0], item, where=f"{where}[{i}]") for i, item in enumerate(value))
    if origin in {dict, Mapping} or hint in {dict, Mapping}:
        _expect(isinstance(value, Mapping), where, "a table", value)
        return dict(value)
    if hint is Path:
        _expect(isinstance(value, str | Path), where, "a path", value)
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is not Any:
        plain = typing.cast("type", hint)
        fits = isinstance(value, plain) and (plain is bool or not isinstance(value, bool))
        _expect(fits, where, plain.__name__, value)
    return value


def _first_that_fits(kinds: tuple[Any, ...], value: Any, *, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    failure: ConfigError | None = None
    for kind in kinds:
        if kind is not type(None):
            try:
                return _value(kind, value, where=where)
            except ConfigError as error:
                failure = error
    raise failure or ConfigError(f"{where}: {value!r} does not fit")


def _expect(fits: bool, where: str, wanted: str, value: Any) -> None:
    if not fits:
        raise ConfigError(f"{where}: expected {wanted}, got {value!r}")
