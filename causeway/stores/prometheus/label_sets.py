"""The label sets of what is being written, each made and encoded once, by series and part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from causeway.stores.prometheus.histogram_rows import BUCKET, Part
from causeway.stores.prometheus.labelling import Labelled, Labels, labelled, target_labels
from causeway.stores.prometheus.remote_write import label_set
from causeway.stores.prometheus.settings import PrometheusSettings

SERIES_REMEMBERED = 200_000


@dataclass(slots=True)
class Series:
    """A series that was seen: its labels, its resource, and its encoded label sets by (ending, bound)."""

    labelled: Labelled
    resource_id: int | None
    definition: str
    encoded: dict[tuple[str, float | None], bytes] = field(default_factory=dict)

    def label_set(self, ending: str, bound: float | None) -> bytes:
        found = self.encoded.get((ending, bound))
        if found is None:
            more = {} if bound is None else {"le" if ending == BUCKET else "quantile": bound_text(bound)}
            found = self.encoded[ending, bound] = label_set(self.labelled.named(ending, **more))
        return found


class LabelSets:
    """Series and resources of the batches so far; the oldest are forgotten together when there are too many."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._series: dict[int, Series] = {}
        self._resources: dict[int, tuple[Mapping[str, str], Labels]] = {}

    def learn(self, series: Iterable[pa.Table], resources: Iterable[pa.Table]) -> None:
        """Take up rows of `records.RESOURCES` and `records.SERIES`; known ids are passed over."""
        if len(self._series) > SERIES_REMEMBERED:
            self._series.clear()
            self._resources.clear()
        extra, labels_max = self._settings.labels, self._settings.labels_max
        for row in _unknown(resources, "resource_id", self._resources):
            labels = target_labels(row, extra=extra, labels_max=labels_max)
            self._resources[row["resource_id"]] = dict(row["attributes"] or ()), labels
        for row in _unknown(series, "series_id", self._series):
            resource = self._resources.get(row["resource_id"], (None, {}))[0]
            made = labelled(row, resource, extra=extra, labels_max=labels_max)
            self._series[row["series_id"]] = Series(made, row["resource_id"], made.shape.definition())

    def series(self, series_id: int) -> Series | None:
        return self._series.get(series_id)

    def target(self, resource_id: int | None) -> Labels | None:
        """The labels of a resource's `target_info`."""
        return self._resources[resource_id][1] if resource_id in self._resources else None

    def of(self, series_ids: np.ndarray, part: Part | None = None) -> tuple[np.ndarray, list[bytes]]:
        """(n,) place of each row's label set, and the sets; -1 where the series is unknown. part: of a histogram."""
        if part is None or part.bounds is None:
            unique, places = np.unique(series_ids, return_inverse=True)
            keys: list[tuple[int, float | None]] = [(each, None) for each in unique.tolist()]
        else:
            both = np.stack([series_ids, part.bounds.view(np.int64)])
            unique, places = np.unique(both, axis=1, return_inverse=True)
            bounds = np.ascontiguousarray(unique[1]).view(np.float64).tolist()
            keys = list(zip(unique[0].tolist(), bounds, strict=True))
        ending = "" if part is None else part.ending
        found = [self._series.get(series_id) for series_id, _ in keys]
        sets = [each.label_set(ending, key[1]) if each else b"" for each, key in zip(found, keys, strict=True)]
        known = np.array([each is not None for each in found], bool)
        return np.where(known[places], places, -1), sets


def bound_text(bound: float) -> str:
    """A bucket's bound as Prometheus writes it: `0.005`, `10`, `+Inf`."""
    if np.isinf(bound):
        return "+Inf" if bound > 0 else "-Inf"
    return np.format_float_positional(bound, trim="-")


def _unknown(tables: Iterable[pa.Table], key: str, known: Mapping[int, Any]) -> Iterable[Mapping[str, Any]]:
    for table in tables:
        ids = table[key].to_numpy()
        firsts = np.unique(ids, return_index=True)[1]
        rows = [row for row in firsts.tolist() if int(ids[row]) not in known]
        if rows:
            yield from table.take(pa.array(rows)).to_pylist()
