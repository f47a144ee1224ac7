"""Where a journal's drain puts samples: a Prometheus-compatible server, by remote write."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from causeway import logs
from causeway.records import TABLES
from causeway.stores.prometheus.client import Client, Refused
from causeway.stores.prometheus.histogram_rows import parts
from causeway.stores.prometheus.label_sets import LabelSets, Series
from causeway.stores.prometheus.labelling import METRIC_INFO, TARGET_INFO
from causeway.stores.prometheus.names import unit_words
from causeway.stores.prometheus.remote_write import MS_NS, label_set, metadata_request, points, request
from causeway.stores.prometheus.sender import Sender, Sent
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.window import HOUR_NS, SECOND_NS

log = logs.get("prometheus")

READS = ("samples", "histograms", "exemplars", "series", "resources")
UNKNOWN_SERIES = "series never described"
EXEMPLAR = "exemplar"
SAME_MILLISECOND = "another sample in the same millisecond"
_METADATA_TYPES = {"histogram": "histogram", "exponential_histogram": "histogram", "summary": "summary"}


@dataclass(slots=True)
class SinkCounts:
    """Since the start. left_out: samples, or points of histograms, by the cause; refused: by the server's words."""

    written: int = 0
    requests: int = 0
    splits: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Rows:
    """Samples of all kinds under one numbering of label sets."""

    places: list[np.ndarray] = field(default_factory=list)
    times: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    sets: list[bytes] = field(default_factory=list)

    def add(self, places: np.ndarray, times_ns: np.ndarray, values: np.ndarray, sets: list[bytes]) -> int:
        """Take the rows with a label set; returns how many have none."""
        known = places >= 0
        self.places.append(places[known] + len(self.sets))
        self.times.append(times_ns[known])
        self.values.append(values[known])
        self.sets += sets
        return len(places) - int(known.sum())


class PrometheusSink:
    """Writes `samples` and `histograms`, with `series` and `resources` as labels. For one thread.

    What the server does not keep is counted in `counts` and logged once a reason: samples that it refuses, exemplars,
    samples of unknown series. Exponential histograms become classic ones. The start times of sums are not written.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        """Connects when first used. Raises ConfigError for secrets that cannot be read."""
        self._settings = settings
        self._client = Client(settings)
        self._sender = Sender(self._client, settings)
        self._sets = LabelSets(settings)
        self._described: dict[str, int] = {}
        self._targets: dict[int, int] = {}
        self._told: set[str] = set()
        self.counts = SinkCounts()

    @property
    def retries(self) -> int:
        """Requests that were sent again since the start."""
        return self._client.retries

    def close(self) -> None:
        self._sender.close()
        self._client.close()

    def flush(self, batches: Sequence[Mapping[str, pa.Table]], *, log_position: int) -> int:  # noqa: ARG002
        """Store the samples of these batches; the number of samples taken. Sending again changes nothing.

        Raises StoreError when the server cannot take them now; the same batches are then to be flushed again.
        """
        tables = {name: [batch[name] for batch in batches if name in batch] for name in READS}
        self._sets.learn(tables["series"], tables["resources"])
        rows, left_out = _Rows(), Counter[str]()
        seen: dict[int, int] = {}
        for table in tables["samples"]:
            self._add_samples(table, rows, left_out, seen)
        for table in tables["histograms"]:
            self._add_histograms(table, rows, left_out, seen)
        left_out[EXEMPLAR] += sum(table.num_rows for table in tables["exemplars"])
        sent = self._send(rows, left_out)
        self._describe(seen)
        self._sender.forget()
        self._count(sent, left_out)
        return sent.accepted

    def _add_samples(self, table: pa.Table, rows: _Rows, left_out: Counter[str], seen: dict[int, int]) -> None:
        if not table.num_rows:
            return
        ids, times = table["series_id"].to_numpy(), table["time_ns"].to_numpy()
        values = table["value"].to_numpy()
        places, sets = self._sets.of(ids)
        left_out[UNKNOWN_SERIES] += rows.add(places, times, values, sets)
        _note(seen, ids, times)

    def _add_histograms(self, table: pa.Table, rows: _Rows, left_out: Counter[str], seen: dict[int, int]) -> None:
        table = table.select(TABLES["histograms"][0].names)
        ids = table["series_id"].to_numpy()
        unique, places = np.unique(ids, return_inverse=True)
        known = [self._sets.series(each) for each in unique.tolist()]
        types = np.array([each.labelled.shape.type if each else "" for each in known], dtype=object)[places]
        left_out[UNKNOWN_SERIES] += int((types == "").sum())
        known_type = types != ""
        table, types = table.filter(pa.array(known_type)), types[known_type]
        if not table.num_rows:
            return
        ids, times = table["series_id"].to_numpy(), table["time_ns"].to_numpy()
        for part in parts(table, types):
            places, sets = self._sets.of(ids[part.rows], part)
            rows.add(places, times[part.rows], part.values, sets)
        _note(seen, ids, times)

    def _send(self, rows: _Rows, left_out: Counter[str]) -> Sent:
        if not rows.places:
            return Sent()
        made, lost = points(
            np.concatenate(rows.places), np.concatenate(rows.times), np.concatenate(rows.values), rows.sets
        )
        left_out[SAME_MILLISECOND] += lost
        return self._sender.send(made)

    def _describe(self, seen: Mapping[int, int]) -> None:
        """Write the info series of what was seen, each with the time of a sample, and metadata of what is new."""
        infos: list[tuple[bytes, int]] = []
        families: dict[str, tuple[str, str, str, str]] = {}
        done: dict[str, int] = {}
        targets: dict[int, int] = {}
        for series_id, time_ns in seen.items():
            series = self._sets.series(series_id)
            if series is None:
                continue
            shape = series.labelled.shape
            definition = series.definition
            if definition not in done and abs(time_ns - self._described.get(definition, -HOUR_NS)) >= HOUR_NS:
                infos.append((label_set(shape.labels() | dict(self._settings.labels)), time_ns))
                if definition not in self._described:
                    families[shape.prometheus] = _family(series)
                done[definition] = time_ns
            if series.resource_id is not None:
                self._target(series.resource_id, time_ns, infos, targets)
        self._write_infos(infos)
        if families:
            self._write_quietly(metadata_request([*families.values(), *_OWN_FAMILIES]))
        self._described |= done
        self._targets |= targets

    def _target(self, resource_id: int, time_ns: int, infos: list[tuple[bytes, int]], targets: dict[int, int]) -> None:
        every_ns = int(self._settings.metadata_every_s * SECOND_NS)
        if resource_id in targets or abs(time_ns - self._targets.get(resource_id, -every_ns)) < every_ns:
            return
        labels = self._sets.target(resource_id)
        if labels is not None:
            infos.append((label_set(labels), time_ns))
            targets[resource_id] = time_ns

    def _write_infos(self, infos: list[tuple[bytes, int]]) -> None:
        at_once = 1000
        for first in range(0, len(infos), at_once):
            some = infos[first : first + at_once]
            times = np.array([time_ns for _, time_ns in some])
            made, _ = points(np.arange(len(some)), times, np.ones(len(some)), [each for each, _ in some])
            self._write_quietly(request(made, np.arange(len(made))), made_of=some)

    def _write_quietly(self, message: bytes, made_of: Sequence[tuple[bytes, int]] = ()) -> None:
        """Info series that are refused are there already, newer; those beside them go again one by one."""
        try:
            self._client.write(message)
        except Refused:
            if len(made_of) > 1:
                for one in made_of:
                    self._write_infos([one])

    def _count(self, sent: Sent, left_out: Counter[str]) -> None:
        self.counts.written += sent.accepted
        self.counts.requests += sent.requests
        self.counts.splits += sent.splits
        self.counts.refused += sent.refused
        self.counts.left_out += left_out
        for reason, count in itertools.chain(sent.refused.items(), left_out.items()):
            if count and reason not in self._told:
                self._told.add(reason)
                log.warning("samples.left_out", reason=reason, count=count, server=self._settings.location())


_OWN_FAMILIES = (
    (METRIC_INFO, "gauge", "What Causeway knows of the series of a metric", ""),
    (TARGET_INFO, "gauge", "Resource attributes, by job and instance", ""),
)


def _family(series: Series) -> tuple[str, str, str, str]:
    shape = series.labelled.shape
    counter = shape.type == "sum" and shape.monotonic and shape.temporality != "DELTA"
    type_ = "counter" if counter else _METADATA_TYPES.get(shape.type, "gauge")
    return shape.prometheus, type_, shape.description or "", unit_words(shape.unit or "")


def _note(seen: dict[int, int], ids: np.ndarray, times_ns: np.ndarray) -> None:
    """The latest time of each series, to the millisecond."""
    order = np.lexsort((times_ns, ids))
    last = np.append(ids[order][1:] != ids[order][:-1], True)
    for series_id, time_ns in zip(ids[order][last].tolist(), times_ns[order][last].tolist(), strict=True):
        seen[series_id] = max(seen.get(series_id, 0), time_ns // MS_NS * MS_NS)
