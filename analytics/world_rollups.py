"""From additive rollup rows to matrices and frames: sums and latency quantiles of many groups at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics.world import CallSeries, Timeline
from causeway.latency import BUCKET_MAX, bucket_middle_ms

# Up to here codes are counted in a table rather than sorted (32 MB).
DENSE_CODES_MAX = 4_000_000
QUANTILES = {"latency_ms_p50": 0.5, "latency_ms_p95": 0.95, "latency_ms_p99": 0.99}


@dataclass(frozen=True, slots=True)
class Rollup:
    """Rollup rows with key and slot as numbers: `keys[key[i]]` names row i, slot[i] is its place in time.

    columns: (n,) by column name, of every number and flag of the rows; flags are bool, numbers float64.
    """

    keys: pd.MultiIndex
    key: np.ndarray
    slot: np.ndarray
    bucket: np.ndarray
    columns: dict[str, np.ndarray]

    def where(self, chosen: np.ndarray) -> Rollup:
        """Some of the rows ((n,) bool), under the same keys."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return Rollup(self.keys, self.key[chosen], self.slot[chosen], self.bucket[chosen], columns)


def rollup(table: pa.Table, names: Sequence[str], timeline: Timeline) -> Rollup:
    """The rows keyed by the named columns; keys ascending. Rows outside the timeline's slots are left out."""
    start = table.column("slot_ns").to_numpy()
    slot = np.searchsorted(timeline.times_ns, start, side="right") - 1
    inside = (slot >= 0) & (start < timeline.times_ns[np.maximum(slot, 0)] + timeline.step_ns)
    if not inside.all():
        table, slot = table.filter(pa.array(inside)), slot[inside]
    keys, key = key_codes(table, names)
    columns = {
        field.name: _values(table.column(field.name))
        for field in table.schema
        if not pa.types.is_string(field.type) and field.name not in {"slot_ns", "latency_bucket"}
    }
    bucket = np.clip(table.column("latency_bucket").to_numpy(), 0, BUCKET_MAX).astype(np.int64)
    return Rollup(keys=keys, key=key, slot=slot.astype(np.int64), bucket=bucket, columns=columns)


def _values(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        return pc.fill_null(column, False).to_numpy()
    return pc.fill_null(column, 0).to_numpy().astype(np.float64)


def regrouped(rows: Rollup, names: Sequence[str]) -> Rollup:
    """The same rows keyed by fewer of their key columns; only keys with a row, ascending."""
    present = np.flatnonzero(np.bincount(rows.key, minlength=len(rows.keys)))
    fewer = rows.keys[present].droplevel([name for name in rows.keys.names if name not in names])
    distinct = pd.MultiIndex.from_tuples(sorted(set(_tuples(fewer))), names=list(names))
    place = np.zeros(len(rows.keys), dtype=np.int64)
    place[present] = distinct.get_indexer(pd.MultiIndex.from_tuples(_tuples(fewer), names=list(names)))
    return Rollup(distinct, place[rows.key], rows.slot, rows.bucket, rows.columns)


def _tuples(keys: pd.Index) -> list[tuple[str, ...]]:
    return [key if isinstance(key, tuple) else (key,) for key in keys]


def key_codes(table: pa.Table, names: Sequence[str]) -> tuple[pd.MultiIndex, np.ndarray]:
    """The distinct combinations of text columns, ascending, and (n,) int64 which of them each row is."""
    levels, combined = [], np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        values, codes = text_codes(table.column(name))
        levels.append(values)
        combined = combined * max(len(values), 1) + codes
    present, key = _distinct(combined, int(np.prod([max(len(values), 1) for values in levels])))
    codes_by_level = []
    rest = present
    for values in reversed(levels):
        codes_by_level.append(rest % max(len(values), 1))
        rest = rest // max(len(values), 1)
    arrays = [values[codes] for values, codes in zip(levels, reversed(codes_by_level), strict=True)]
    return pd.MultiIndex.from_arrays(arrays, names=list(names)), key.astype(np.int64)


def _distinct(codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct codes below `size`, ascending, and which of them each code is."""
    if size > DENSE_CODES_MAX:
        return np.unique(codes, return_inverse=True)
    present = np.flatnonzero(np.bincount(codes, minlength=size))
    place = np.zeros(size, dtype=np.int64)
    place[present] = np.arange(len(present))
    return present, place[codes]


def text_codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct texts, ascending (null is ""), and (n,) int64 which of them each row is."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = encoded.dictionary.to_numpy(zero_copy_only=False).astype(object)
    order = np.argsort(values, kind="stable") if len(values) else np.zeros(0, dtype=np.int64)
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values))
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return values[order], place[codes] if len(values) else codes


def group_sums(group: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    """(groups,) float64 sums, never below zero: corrections add up to zero or more."""
    return np.maximum(np.bincount(group, weights=values, minlength=groups), 0.0)


def group_quantiles_ms(
    group: np.ndarray, bucket: np.ndarray, count: np.ndarray, groups: int, quantiles: Sequence[float]
) -> np.ndarray:
    """(k, groups) milliseconds at each quantile of each group's bucketed distribution; NaN where empty.

    group, bucket, count: (n,) in any order, pairs may repeat and hold corrections. O(n log n).
    """
    result = np.full((len(quantiles), groups), np.nan)
    if not len(group):
        return result
    cell, place = np.unique(group * (BUCKET_MAX + 1) + bucket, return_inverse=True)
    counts = np.maximum(np.round(np.bincount(place, weights=count)), 0.0)
    cell_group, cell_bucket = cell // (BUCKET_MAX + 1), cell % (BUCKET_MAX + 1)
    cumulative = np.cumsum(counts)
    totals = np.bincount(cell_group, weights=counts, minlength=groups)
    before = np.cumsum(totals) - totals
    some = totals > 0
    middle = bucket_middle_ms(cell_bucket)
    for row, quantile in enumerate(quantiles):
        # The running sum grows over all groups, so that one search answers for each of them.
        target = before[some] + quantile * totals[some]
        result[row, some] = middle[np.searchsorted(cumulative, target, side="left")]
    return result


def call_series(rows: Rollup, timeline: Timeline, *, own: str | None = None) -> CallSeries:
    """Matrices (keys, slots) of the rows. `own` is `self_ms` or `gap_ms`: which mean besides to give."""
    shape = (len(rows.keys), len(timeline))
    cells = shape[0] * shape[1]
    group = rows.key * shape[1] + rows.slot
    calls = group_sums(group, rows.columns["calls"], cells)
    errors = np.minimum(group_sums(group, rows.columns["errors"], cells), calls)
    median, high = group_quantiles_ms(group, rows.bucket, rows.columns["calls"], cells, (0.5, 0.99))
    extra = _own_mean(rows, group, calls, own).reshape(shape).astype(np.float32) if own else None
    return CallSeries(
        keys=rows.keys,
        calls=_matrix(calls, shape),
        errors=_matrix(errors, shape),
        latency_ms_mean=_matrix(_ratio(group_sums(group, rows.columns["duration_ns_sum"], cells), calls), shape),
        latency_ms_p50=_matrix(median, shape),
        latency_ms_p99=_matrix(high, shape),
        self_ms=extra if own == "self_ms" else None,
        gap_ms=extra if own == "gap_ms" else None,
    )


def call_frame(rows: Rollup, chosen: np.ndarray) -> pd.DataFrame:
    """Indexed by key: calls, errors, error_ratio, mean latency and its quantiles over the chosen rows.

    chosen: (n,) bool. A key without a call among them has zeros and NaN. Edges also get gap_ms_mean,
    lag_calls, lag_ms_mean and estimated_calls (weighted by sampling).
    """
    size = len(rows.keys)
    key = rows.key[chosen]
    calls = group_sums(key, rows.columns["calls"][chosen], size)
    errors = np.minimum(group_sums(key, rows.columns["errors"][chosen], size), calls)
    frame = pd.DataFrame({"calls": calls.astype(np.int64), "errors": errors.astype(np.int64)}, index=rows.keys)
    frame["error_ratio"] = np.divide(errors, calls, out=np.full(size, np.nan), where=calls > 0)
    frame["latency_ms_mean"] = _ratio(group_sums(key, rows.columns["duration_ns_sum"][chosen], size), calls)
    found = group_quantiles_ms(key, rows.bucket[chosen], rows.columns["calls"][chosen], size, tuple(QUANTILES.values()))
    for name, values in zip(QUANTILES, found, strict=True):
        frame[name] = values
    if "gap_ns_sum" in rows.columns:
        gap = np.bincount(key, weights=rows.columns["gap_ns_sum"][chosen], minlength=size)
        frame["gap_ms_mean"] = _ratio(gap, group_sums(key, rows.columns["gap_calls"][chosen], size))
    if "lag_ns_sum" in rows.columns:
        lag = group_sums(key, rows.columns["lag_ns_sum"][chosen], size)
        frame["lag_calls"] = group_sums(key, rows.columns["lag_calls"][chosen], size).astype(np.int64)
        frame["lag_ms_mean"] = _ratio(lag, frame["lag_calls"].to_numpy(dtype=np.float64))
    if "estimated_milli" in rows.columns:
        estimated = group_sums(key, rows.columns["estimated_milli"][chosen], size) / 1000
        frame["estimated_calls"] = np.where(estimated > 0, estimated, calls)  # older rows do not say
    return frame


def _own_mean(rows: Rollup, group: np.ndarray, calls: np.ndarray, own: str) -> np.ndarray:
    if own == "self_ms":
        return _ratio(group_sums(group, rows.columns["self_ns_sum"], len(calls)), calls)
    gap = np.bincount(group, weights=rows.columns["gap_ns_sum"], minlength=len(calls))
    return _ratio(gap, group_sums(group, rows.columns["gap_calls"], len(calls)))


def _ratio(sum_ns: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Mean milliseconds; NaN where nothing was counted."""
    return np.divide(sum_ns, count * 1e6, out=np.full(len(count), np.nan), where=count > 0)


def _matrix(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return values.reshape(shape).astype(np.float32)
