"""Doubles as text, the same for columns and for single values."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


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
