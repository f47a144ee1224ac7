"""ExportMetricsServiceRequests to the tables series, samples, histograms, exemplars and resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from causeway.records import METRIC_TYPES, TEMPORALITIES
from collectors.decoded import Decoded
from collectors.otlp.fingerprints import attribute_sums, combine, text_hashes
from collectors.otlp.gather import binaries, dictionary, words_by_code
from collectors.otlp.ids import ID_GOOD, id_states
from collectors.otlp.layouts import (
    FLAG_NO_VALUE,
    METRIC_EXPONENTIAL,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_SUM,
    METRIC_SUMMARY,
    METRICS,
    NUMBER_INT,
)
from collectors.otlp.resources import Remembered
from collectors.otlp.rows import (
    Envelope,
    Rejects,
    attribute_map,
    keep_children,
    offsets_of,
    outcomes,
    shown,
    table_of,
    text_at,
)
from collectors.otlp.walker import Walked, Walker

REASONS = (
    "name: the metric has none",
    "time_unix_nano: missing or out of range",
    "value: neither as_double nor as_int",
    "bucket_counts: must be one more than explicit_bounds",
)
_METRIC, _POINT = METRICS.columns["metrics"], METRICS.columns["points"]
_EXEMPLAR = METRICS.columns["exemplars"]
_TYPE_CODES = np.zeros(16, dtype=np.int64)
for _code, _number in enumerate((METRIC_GAUGE, METRIC_SUM, METRIC_HISTOGRAM, METRIC_EXPONENTIAL, METRIC_SUMMARY)):
    _TYPE_CODES[_number] = _code


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of all kinds with what several tables need. Arrays are by point."""

    rows: np.ndarray
    keep: np.ndarray
    metrics: np.ndarray  # the metric row of each
    types: np.ndarray  # METRIC_GAUGE ...
    no_value: np.ndarray
    resource_rows: np.ndarray
    series_ids: np.ndarray

    def ns(self, name: str, chosen: np.ndarray) -> np.ndarray:
        return self.rows[chosen, _POINT[name]]


class MetricDecoder:
    """Decodes metric requests; it remembers resources and sizes, which changes nothing but its speed."""

    def __init__(self) -> None:
        self._walker = Walker(METRICS)
        self._remembered = Remembered()

    def decode(self, payloads: Sequence[bytes]) -> Decoded:
        """Points of all requests in order. Raises BadRequest for a malformed resource, scope or nested value."""
        walked = self._walker.walk(payloads)
        envelope = Envelope(walked, self._remembered)
        codes = _reject_codes(walked)
        points = _points(walked, envelope, codes == 0)
        kept = np.flatnonzero(points.keep)
        tables = {
            "series": _series(walked, envelope, points, kept),
            "samples": _samples(points),
            "histograms": _histograms(walked, points),
            "exemplars": _exemplars(walked, points),
            "resources": envelope.resources_seen(points.resource_rows[kept], points.ns("time", kept)),
        }
        return Decoded(tables, outcomes(walked, _rejects(walked, envelope, points, codes)))


def _reject_codes(walked: Walked) -> np.ndarray:
    """Per point 0, or the place of the first reason that holds, counted from one."""
    points, metrics = walked.tables["points"], walked.tables["metrics"]
    of_metric = points[:, 0]
    types = metrics[of_metric, _METRIC["type"]]
    no_value = (points[:, _POINT["flags"]] & FLAG_NO_VALUE) != 0
    scalar = (types == METRIC_GAUGE) | (types == METRIC_SUM)
    counts = np.bincount(walked.tables["counts"][:, 0], minlength=len(points))
    bounds = np.bincount(walked.tables["bounds"][:, 0], minlength=len(points))
    uneven = (counts != bounds + 1) & ~((counts == 0) & (bounds == 0))
    codes = np.zeros(len(points), dtype=np.int64)
    codes[(types == METRIC_HISTOGRAM) & uneven] = 4
    codes[scalar & (points[:, _POINT["number_type"]] == 0) & ~no_value] = 3
    codes[points[:, _POINT["time"]] <= 0] = 2
    codes[metrics[of_metric, _METRIC["name"] + 1] == 0] = 1
    return codes


def _points(walked: Walked, envelope: Envelope, keep: np.ndarray) -> _Points:
    points, metrics = walked.tables["points"], walked.tables["metrics"]
    of_metric = points[:, 0]
    types = metrics[:, _METRIC["type"]]
    metric_resources = envelope.resource_rows(metrics)
    hashes = combine(
        np.stack(
            [
                text_hashes(walked.buffer, metrics, _METRIC["name"]),
                text_hashes(walked.buffer, metrics, _METRIC["unit"]),
                types,
                metrics[:, _METRIC["temporality"]],
                metrics[:, _METRIC["monotonic"]] != 0,
                envelope.resource_ids[metric_resources],
                envelope.scope_hashes[metrics[:, 0]],
            ]
        )
    )
    sums = attribute_sums(walked.buffer, walked.tables["attributes"], len(points))
    return _Points(
        rows=points,
        keep=keep,
        metrics=of_metric,
        types=types[of_metric],
        no_value=(points[:, _POINT["flags"]] & FLAG_NO_VALUE) != 0,
        resource_rows=metric_resources[of_metric],
        series_ids=combine(np.stack([hashes[of_metric], sums])),
    )


def _rejects(walked: Walked, envelope: Envelope, points: _Points, codes: np.ndarray) -> Rejects:
    def example(row: int) -> str:
        name = text_at(walked, walked.tables["metrics"][points.metrics[row]], _METRIC["name"])
        return f"metric {shown(name)} of service {shown(envelope.resources[points.resource_rows[row]].service)}"

    payloads = envelope.payload_of_resource[points.resource_rows]
    return Rejects("data point", codes, payloads, REASONS, example)


def _series(walked: Walked, envelope: Envelope, points: _Points, kept: np.ndarray) -> pa.Table:
    """One row per distinct series, by series_id, with its first time in the batch."""
    ids, firsts, inverse = np.unique(points.series_ids[kept], return_index=True, return_inverse=True)
    first_ns = np.full(len(ids), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first_ns, inverse, points.ns("time", kept))
    chosen = kept[firsts]
    metrics = walked.tables["metrics"][points.metrics[chosen]]
    resource_rows = points.resource_rows[chosen]
    temporalities = metrics[:, _METRIC["temporality"]]
    known = (temporalities >= 0) & (temporalities < len(TEMPORALITIES))
    return table_of(
        "series",
        {
            "series_id": pa.array(ids),
            "name": dictionary(walked.buffer, metrics, _METRIC["name"]),
            "unit": dictionary(walked.buffer, metrics, _METRIC["unit"]),
            "type": words_by_code(_TYPE_CODES[metrics[:, _METRIC["type"]]], METRIC_TYPES),
            "temporality": words_by_code(np.where(known, temporalities, 0), TEMPORALITIES),
            "monotonic": pa.array(metrics[:, _METRIC["monotonic"]] != 0),
            "service": envelope.words(resource_rows, "service"),
            "instance": envelope.words(resource_rows, "instance"),
            "resource_id": pa.array(envelope.resource_ids[resource_rows]),
            "description": dictionary(walked.buffer, metrics, _METRIC["description"]),
            "attributes": _point_attributes(walked, len(points.rows), chosen),
            "first_ns": pa.array(first_ns),
        },
        len(ids),
    )


def _point_attributes(walked: Walked, points: int, chosen: np.ndarray) -> pa.Array:
    """The attributes of the chosen points, in their order."""
    rows = walked.tables["attributes"]
    offsets = offsets_of(rows, points).astype(np.int64)
    counts = offsets[chosen + 1] - offsets[chosen]
    parents = np.repeat(np.arange(len(chosen)), counts)
    within = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    picked = rows[np.repeat(offsets[chosen], counts) + within]
    picked[:, 0] = parents
    return attribute_map(walked, METRICS, "attributes", picked, len(chosen))


def _optional_ns(times: np.ndarray) -> pa.Array:
    return pa.array(times, pa.int64(), mask=times <= 0)


def _numbers(rows: np.ndarray, column: int, type_column: int) -> np.ndarray:
    """as_double or as_int as float64."""
    raw = np.ascontiguousarray(rows[:, column])
    return np.where(rows[:, type_column] == NUMBER_INT, raw.astype(np.float64), raw.view(np.float64))


def _samples(points: _Points) -> pa.Table:
    chosen = np.flatnonzero(points.keep & ((points.types == METRIC_GAUGE) | (points.types == METRIC_SUM)))
    numbers = _numbers(points.rows[chosen], _POINT["number"], _POINT["number_type"])
    numbers[points.no_value[chosen]] = np.nan
    columns = {
        "series_id": pa.array(points.series_ids[chosen]),
        "time_ns": pa.array(points.ns("time", chosen)),
        "start_ns": _optional_ns(points.ns("start", chosen)),
        "value": pa.array(numbers),
    }
    return table_of("samples", columns, len(chosen))


def _histograms(walked: Walked, points: _Points) -> pa.Table:
    """Histogram, exponential histogram and summary points as they came; no recorded value: count null, sum NaN."""
    is_chosen = points.keep & (
        (points.types == METRIC_HISTOGRAM) | (points.types == METRIC_EXPONENTIAL) | (points.types == METRIC_SUMMARY)
    )
    chosen = np.flatnonzero(is_chosen)
    rows, types, missing = points.rows[chosen], points.types[chosen], points.no_value[chosen]
    exponential = types == METRIC_EXPONENTIAL
    columns = {
        "series_id": pa.array(points.series_ids[chosen]),
        "time_ns": pa.array(points.ns("time", chosen)),
        "start_ns": _optional_ns(points.ns("start", chosen)),
        "count": pa.array(rows[:, _POINT["count"]], mask=missing),
        "sum": _optional_double(rows, "sum", (rows[:, _POINT["has_sum"]] != 0) | (types == METRIC_SUMMARY), missing),
        "min": _optional_double(rows, "min", rows[:, _POINT["has_min"]] != 0),
        "max": _optional_double(rows, "max", rows[:, _POINT["has_max"]] != 0),
        **_buckets(walked, is_chosen, types),
        "scale": _only(rows, "scale", exponential, pa.int32()),
        "zero_count": _only(rows, "zero_count", exponential, pa.int64()),
        "zero_threshold": _optional_double(rows, "zero_threshold", exponential),
        "positive_offset": _only(rows, "positive_offset", exponential, pa.int32()),
        "negative_offset": _only(rows, "negative_offset", exponential, pa.int32()),
    }
    return table_of("histograms", columns, len(chosen))


def _only(rows: np.ndarray, name: str, where: np.ndarray, dtype: pa.DataType) -> pa.Array:
    numbers = rows[:, _POINT[name]].astype(dtype.to_pandas_dtype())
    return pa.array(numbers, dtype, mask=~where)


def _optional_double(
    rows: np.ndarray, name: str, where: np.ndarray, not_a_number: np.ndarray | None = None
) -> pa.Array:
    numbers = np.ascontiguousarray(rows[:, _POINT[name]]).view(np.float64).copy()
    if not_a_number is not None:
        numbers[not_a_number] = np.nan
        where = where | not_a_number
    return pa.array(numbers, pa.float64(), mask=~where)


def _buckets(walked: Walked, is_chosen: np.ndarray, types: np.ndarray) -> dict[str, pa.Array]:
    """The list columns; null where the kind of point has no such list."""
    tables, count = walked.tables, len(types)
    exponential = types == METRIC_EXPONENTIAL

    def children(name: str) -> np.ndarray:
        return keep_children(tables[name], is_chosen)

    quantiles = children("quantiles")
    doubles = METRICS.columns["quantiles"]
    bounds = _merged(children("bounds"), quantiles, doubles["quantile"])
    counts = children("counts")
    counts[:, 1] = counts[:, 1].astype(np.float64).view(np.int64)
    return {
        "bounds": _lists(bounds, count, ~exponential, np.float64),
        "counts": _lists(_merged(counts, quantiles, doubles["number"]), count, ~exponential, np.float64),
        "positive_counts": _lists(children("positive_counts"), count, exponential, np.int64),
        "negative_counts": _lists(children("negative_counts"), count, exponential, np.int64),
    }


def _merged(buckets: np.ndarray, quantiles: np.ndarray, column: int) -> np.ndarray:
    """(parent, number) rows of histograms and summaries together, by parent."""
    if not len(quantiles):
        return buckets
    both = np.concatenate([buckets, quantiles[:, [0, column]]])
    return both[np.argsort(both[:, 0], kind="stable")]


def _lists(rows: np.ndarray, count: int, where: np.ndarray, dtype: type[np.float64] | type[np.int64]) -> pa.Array:
    offsets = pa.array(offsets_of(rows, count))
    numbers = pa.array(np.ascontiguousarray(rows[:, 1]).view(dtype))
    return pa.ListArray.from_arrays(offsets, numbers, mask=pa.array(~where))


def _exemplars(walked: Walked, points: _Points) -> pa.Table:
    """Exemplars of the points that are kept; one without a time has that of its point."""
    rows = walked.tables["exemplars"]
    keep = points.keep[rows[:, 0]]
    details = keep_children(walked.tables["exemplar_attributes"], keep)
    rows = rows[keep]
    of_point = rows[:, 0]
    times = rows[:, _EXEMPLAR["time"]]
    buffer = walked.buffer
    columns = {
        "series_id": pa.array(points.series_ids[of_point]),
        "time_ns": pa.array(np.where(times > 0, times, points.rows[of_point, _POINT["time"]])),
        "value": pa.array(_numbers(rows, _EXEMPLAR["number"], _EXEMPLAR["number_type"])),
        "trace_id": _ids(buffer, rows, "trace_id", 16),
        "span_id": _ids(buffer, rows, "span_id", 8),
        "attributes": attribute_map(walked, METRICS, "exemplar_attributes", details, len(rows)),
    }
    return table_of("exemplars", columns, len(rows))


def _ids(buffer: np.ndarray, rows: np.ndarray, name: str, size: int) -> pa.Array:
    column = _EXEMPLAR[name]
    return binaries(buffer, rows, column, valid=id_states(buffer, rows, column, size) == ID_GOOD)
