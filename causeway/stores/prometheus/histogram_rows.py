"""Histogram and summary points as classic series and back: `_bucket`, `_sum`, `_count`, and our own `_min`, `_max`."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from causeway import records

SCALARS = ("sum", "count", "min", "max")
BUCKET, QUANTILE = "_bucket", ""


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of classic series. rows: (n,) of the histogram table; bounds: (n,) or None; values: (n,)."""

    ending: str
    rows: np.ndarray
    bounds: np.ndarray | None
    values: np.ndarray


def parts(table: pa.Table, is_summary: np.ndarray) -> list[Part]:
    """The samples of `records.HISTOGRAMS` rows without exponential ones. A NaN in `sum` means no recorded value.

    Such a point becomes NaN in all its scalar series; it has no buckets.
    """
    found = []
    nothing = np.isnan(_doubles(table["sum"])) & table["count"].is_null().to_numpy()
    silent = nothing & table["sum"].is_valid().to_numpy()
    for name in SCALARS:
        column = table[name].combine_chunks() if isinstance(table[name], pa.ChunkedArray) else table[name]
        present = column.is_valid().to_numpy(zero_copy_only=False) | (silent & (name == "count"))
        rows = np.flatnonzero(present)
        if len(rows):
            found.append(Part(f"_{name}", rows, None, _doubles(column)[rows]))
    rows, bounds, values = _buckets(table, ~is_summary & ~silent, cumulative=True)
    if len(rows):
        found.append(Part(BUCKET, rows, bounds, values))
    rows, bounds, values = _buckets(table, is_summary & ~silent, cumulative=False)
    if len(rows):
        found.append(Part(QUANTILE, rows, bounds, values))
    return found


def _buckets(table: pa.Table, chosen: np.ndarray, *, cumulative: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, bound, value) of every bucket; the last bound of a histogram is infinite."""
    places = np.flatnonzero(chosen)
    part = table.select(["bounds", "counts"]).take(pa.array(places)).combine_chunks()
    bounds, counts = (part[name].combine_chunks() for name in ("bounds", "counts"))
    sizes = pc.fill_null(pc.list_value_length(counts), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = _flat(counts)
    if cumulative:
        values = _running(values, sizes)
        bounds_flat = np.full(len(values), np.inf)
        last = np.cumsum(sizes) - 1
        inner = np.ones(len(values), bool)
        inner[last[sizes > 0]] = False
        bounds_flat[inner] = _flat(bounds)
    else:
        bounds_flat = _flat(bounds)
    return np.repeat(places, sizes), bounds_flat, values


def _flat(lists: pa.Array) -> np.ndarray:
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], pa.list_(pa.float64()))
    return lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64)


def _doubles(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """float64 with NaN for null."""
    doubles = pc.fill_null(pc.cast(column, pa.float64()), float("nan"))
    return doubles.to_numpy() if isinstance(doubles, pa.ChunkedArray) else doubles.to_numpy(zero_copy_only=False)


@njit(cache=True, nogil=True)
def _running(values, sizes):
    out = np.empty_like(values)
    at = 0
    for size in sizes:
        total = 0.0
        for place in range(at, at + size):
            total += values[place]
            out[place] = total
        at += size
    return out


def table_of(
    series_ids: np.ndarray,
    times_ns: np.ndarray,
    scalars: dict[str, np.ndarray],
    lists: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_summary: np.ndarray,
) -> pa.Table:
    """`records.HISTOGRAMS` from points (n,) by (series, time).

    scalars: by name (n,), NaN where there is none. lists: (m,) point ascending, (m,) bound ascending within it, (m,)
    value, cumulative for histograms.
    """
    points, bounds, values = lists
    count = len(series_ids)
    of_summary = is_summary[points]
    values = np.where(of_summary, values, _steps(points, values))
    inner = of_summary | np.isfinite(bounds)
    columns: dict[str, pa.Array] = {
        "series_id": pa.array(series_ids),
        "time_ns": pa.array(times_ns),
        "count": _whole(scalars["count"]),
        "sum": pa.array(scalars["sum"], mask=np.isnan(scalars["sum"])),
        "min": pa.array(scalars["min"], mask=np.isnan(scalars["min"])),
        "max": pa.array(scalars["max"], mask=np.isnan(scalars["max"])),
        "bounds": _lists(points[inner], bounds[inner], count),
        "counts": _lists(points, values, count),
    }
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in records.HISTOGRAMS
    ]
    return pa.Table.from_arrays(arrays, schema=records.HISTOGRAMS)


def _steps(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    before = np.zeros(len(values))
    if len(values):
        same = points[1:] == points[:-1]
        before[1:] = np.where(same, values[:-1], 0.0)
    return values - before


def _whole(values: np.ndarray) -> pa.Array:
    missing = ~np.isfinite(values)
    return pa.array(np.where(missing, 0, values).astype(np.int64), mask=missing)


def _lists(points: np.ndarray, values: np.ndarray, count: int) -> pa.Array:
    offsets = np.searchsorted(points, np.arange(count + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.float64()))
