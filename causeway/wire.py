"""Findings as JSON and back, by type hints: what the API sends, what reports hold, what the state keeps.

* A `Message` field `reason` becomes `"reason"` (the sentence in the asked language) and `"reason_message"`
  (`{"id", "values"}`, which reading back uses). A message in a list or map is `{"text", "id", "values"}`.
* An instant `onset_ns` also appears as `"onset"` in RFC 3339.
* A window is `{"from", "to", "start_ns", "end_ns"}`.
* A record with a shape of its own has a method `to_json()`; that one is used.
* Enums are their values, tuples lists, missing numbers (None, NaN, infinities) null.
* Reading back ignores keys it does not know, so that newer writers can add some.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Mapping
from datetime import tzinfo
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from causeway.errors import BadRequest
from causeway.findings import Message
from causeway.messages import text
from causeway.window import Window, iso

T = TypeVar("T")


def to_json(obj: object, language: str = "en") -> Any:
    """Plain dicts, lists, strings and numbers that say what `obj` says; TypeError if none can."""
    if isinstance(obj, Message):
        return {"text": sentence(obj, language), **_message(obj)}
    if isinstance(obj, Window):
        return obj.as_json()
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        own = getattr(obj, "to_json", None)
        return own() if callable(own) else _record(obj, language)
    if isinstance(obj, Mapping):
        return {str(key): to_json(value, language) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [to_json(item, language) for item in obj]
    return _scalar(obj)


def from_json(kind: type[T], data: object) -> T:
    """The `kind` (a dataclass, or any type that our records hold) that `to_json` wrote.

    Raises BadRequest naming the place that is missing or of another shape.
    """
    return typing.cast("T", _read(kind, data, kind.__name__))


def sentence(message: Message, language: str, clock: tzinfo | None = None) -> str:
    """The message in words; its id where this version no longer knows it, for stored messages outlive us.

    clock: the reader's zone, for instants in it; UTC by default.
    """
    try:
        return text(message, language, clock)
    except KeyError:
        return message.id


def _record(obj: Any, language: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(obj):
        name, value = field.name, getattr(obj, field.name)
        if isinstance(value, Message):
            found[name] = sentence(value, language)
            found[f"{name}_message"] = _message(value)
            continue
        found[name] = to_json(value, language)
        if _is_instant(name) and (value is None or isinstance(value, int)):
            found[name.removesuffix("_ns")] = None if value is None else iso(value)
    return found


def _is_instant(name: str) -> bool:
    return name.endswith("_ns") and not name.endswith(("duration_ns", "step_ns"))


def _message(message: Message) -> dict[str, Any]:
    return {"id": message.id, "values": {name: _scalar(value) for name, value in message.values.items()}}


def _scalar(obj: object) -> Any:
    if isinstance(obj, Enum):
        return obj.value
    if obj is None or isinstance(obj, str | bool):
        return obj
    if isinstance(obj, numbers.Integral):
        return int(obj)
    if isinstance(obj, numbers.Real):
        return float(obj) if math.isfinite(obj) else None
    raise TypeError(f"{type(obj).__name__} has no JSON form")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read(hint: Any, data: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _read_union(arguments, data, where)
    if origin is tuple:
        _expect(isinstance(data, list), where, "a list", data)
        return tuple(_read(arguments[0], item, f"{where}[{place}]") for place, item in enumerate(data))
    if origin is not None and issubclass(origin, Mapping):
        _expect(isinstance(data, dict), where, "an object", data)
        return {key: _read(arguments[1], value, f"{where}.{key}") for key, value in data.items()}
    if hint is Window:
        _expect(isinstance(data, dict) and {"start_ns", "end_ns"} <= set(data), where, "a window", data)
        return Window(data["start_ns"], data["end_ns"])
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _read_record(hint, data, where)
    return _read_scalar(hint, data, where)


def _read_union(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None:
        _expect(type(None) in kinds, where, "a value", data)
        return None
    present = [kind for kind in kinds if kind is not type(None)]
    if len(present) == 1:
        return _read(present[0], data, where)
    _expect(isinstance(data, tuple(present)), where, "one of the allowed kinds", data)
    return data


def _read_record(kind: type, data: Any, where: str) -> Any:
    _expect(isinstance(data, dict), where, "an object", data)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        place = f"{where}.{field.name}"
        message = data.get(f"{field.name}_message")
        if message is not None:
            values[field.name] = _read(Message, message, place)
        elif field.name in data:
            values[field.name] = _read(_hints(kind)[field.name], data[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadRequest(f"{place} is missing")
    return kind(**values)


def _read_scalar(hint: Any, data: Any, where: str) -> Any:
    if hint is float:
        if data is None:
            return math.nan
        _expect(isinstance(data, int | float) and not isinstance(data, bool), where, "a number", data)
        return float(data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        _expect(data in {member.value for member in hint}, where, f"one of {hint.__name__}", data)
        return hint(data)
    if hint is Any:
        return data
    _expect(isinstance(data, hint) and (hint is bool or not isinstance(data, bool)), where, hint.__name__, data)
    return data


def _expect(fits: bool, where: str, wanted: str, data: Any) -> None:
    if not fits:
        raise BadRequest(f"{where}: expected {wanted}, got {str(data)[:80]!r}")
