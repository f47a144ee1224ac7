"""Attribute values as text, as `causeway.records` says: one rule for every way in."""

from __future__ import annotations

import base64
import math

import orjson
import pyarrow as pa
import pyarrow.compute as pc

Plain = str | bool | int | float | bytes | list["Plain"] | dict[str, "Plain"] | None


def double_texts(numbers: pa.Array) -> pa.Array:
    """Doubles in their shortest exact decimal form; NaN, Infinity, -Infinity as in OTLP/JSON."""
    found = pc.cast(numbers, pa.string())
    finite = pc.is_finite(numbers)
    if pc.all(finite).as_py() is not False:
        return found
    words = pc.if_else(pc.is_nan(numbers), "NaN", pc.if_else(pc.greater(numbers, 0.0), "Infinity", "-Infinity"))
    return pc.if_else(finite, found, words)


def double_text(value: float) -> str:
    """One double as `double_texts` writes it."""
    return str(double_texts(pa.array([value], pa.float64()))[0].as_py())


def text_of(value: Plain) -> str:
    """A value as attribute text (see `causeway.records`)."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, int):
        return str(value)
    return orjson.dumps(_jsonable(value)).decode("utf-8")


def _jsonable(value: Plain) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    return value
