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


def parts(table: pa.Table, types: np.ndarray) -> list[Part]:
    """The samples of `records.HISTOGRAMS` rows, whose series have these types. A NaN in `sum` means no recorded value.

    Such a point becomes NaN in all its scalar series; it has no buckets. An exponential histogram gets the bounds of
    those of its buckets that hold something.
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
    explicit = _buckets(table, (types == "histogram") & ~silent, cumulative=True)
    quantiles = _buckets(table, (types == "summary") & ~silent, cumulative=False)
    exponential = _exponential_buckets(table, (types == "exponential_histogram") & ~silent)
    for ending, (rows, bounds, values) in ((BUCKET, explicit), (QUANTILE, quantiles), (BUCKET, exponential)):
        if len(rows):
            found.append(Part(ending, rows, bounds, values))
    return found


def _exponential_buckets(table: pa.Table, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, bound, count up to it) of the buckets that hold something, and of the infinite one; by row and bound.

    Bucket i of scale s holds values up to 2 ** ((i + 1) / 2 ** s); of the negative ones, up to -2 ** (i / 2 ** s).
    """
    places = np.flatnonzero(chosen)
    if not len(places):
        return places, np.empty(0), np.empty(0)
    part = table.take(pa.array(places)).combine_chunks()
    scale = np.exp2(-_doubles(part["scale"]))
    zero = np.nan_to_num(_doubles(part["zero_threshold"]))
    positive = _side(part, "positive", scale, 1.0)
    negative = _side(part, "negative", scale, -1.0)
    every = np.arange(len(places))
    rows = np.concatenate([negative[0], every, positive[0], every])
    bounds = np.concatenate([negative[1], zero, positive[1], np.full(len(places), np.inf)])
    counts = np.concatenate(
        [negative[2], np.nan_to_num(_doubles(part["zero_count"])), positive[2], np.zeros(len(places))]
    )
    order = np.lexsort((bounds, rows))
    rows, bounds, counts = rows[order], bounds[order], counts[order]
    return places[rows], bounds, _running(counts, np.bincount(rows, minlength=len(places)))


def _side(part: pa.Table, side: str, scale: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, bound, count) of the positive or negative buckets that hold something."""
    lists = part[f"{side}_counts"].combine_chunks()
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    index = np.nan_to_num(_doubles(part[f"{side}_offset"]))[rows] + within + (sign > 0)
    counts = _flat(lists)
    some = counts > 0
    return rows[some], sign * np.exp2(index[some] * scale[rows[some]]), counts[some]


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
