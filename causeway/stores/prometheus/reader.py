"""Samples, histograms and series out of a Prometheus-compatible server, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.errors import StoreError, UnsupportedQuery
from causeway.stores.contract import (
    Capabilities,
    SampleFilter,
    StoreStatus,
    TableStatus,
)
from causeway.stores.prometheus import exemplars, histogram_rows
from causeway.stores.prometheus.client import Build, Client, LimitReached
from causeway.stores.prometheus.interpret import Interpreter, Origin
from causeway.stores.prometheus.labelling import SERIES
from causeway.stores.prometheus.matrix import Matrix
from causeway.stores.prometheus.query import MS_NS, SampleQuery, any_of, exactly, in_groups, selector
from causeway.stores.prometheus.samples_only import SamplesOnly
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.window import Window

_VM_ROWS = re.compile(r'^vm_rows\{type="storage/[^"]*"\} (\S+)$', re.MULTILINE)
_VM_BYTES = re.compile(r'^vm_data_size_bytes\{type="[^"]*"\} (\S+)$', re.MULTILINE)
_VM_IGNORED = re.compile(r'^vm_rows_ignored_total\{reason="([^"]*)"\} (\S+)$', re.MULTILINE)
_SCALARS = ("sum", "count", "min", "max")


@dataclass(frozen=True, slots=True)
class _Found:
    """Samples of one kind with what they belong to: origin (n,) place in `origins`, times_ms (n,), values (n,)."""

    origins: list[Origin]
    origin: np.ndarray
    times_ms: np.ndarray
    values: np.ndarray


class PrometheusReader(SamplesOnly):
    """The part of `causeway.stores.contract.Reader` that is about samples; the rest raises UnsupportedQuery.

    Times are whole milliseconds there. Of samples that came twice one is given. Rows of "no recorded value" are given
    by servers that keep them (VictoriaMetrics) and left out by those that do not (Prometheus). `start_ns` and
    `first_ns` are not known.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        """Connects when first used. Raises ConfigError for secrets that cannot be read."""
        super().__init__(settings.location())
        self._settings = settings
        self._client = Client(settings)
        self._query = SampleQuery(
            self._client, points_per_query=settings.points_per_query, series_max=settings.series_max
        )
        self._interpreter = Interpreter(self._client, self._query, settings)
        self._build: Build | None = None

    def capabilities(self) -> Capabilities:
        return Capabilities(samples=True, sample_resolution_ns=MS_NS)

    def close(self) -> None:
        self._client.close()

    def build(self) -> Build:
        """Which server it is. Raises StoreError when it cannot be reached."""
        if self._build is None:
            self._build = self._client.build()
        return self._build

    def status(self) -> StoreStatus:
        """What the server says of itself; rows are unknown where it does not count them. Raises StoreError."""
        build = self.build()
        problems: list[str] = []
        if build.kind == "VictoriaMetrics":
            table = self._victoria_status(problems)
        else:
            table = self._prometheus_status(problems)
        kind = f"{build.kind} {build.version}".strip()
        return StoreStatus(kind, self._settings.location(), (table,), tuple(problems))

    def _victoria_status(self, problems: list[str]) -> TableStatus:
        text = self._client.text("/metrics") or ""
        rows = sum(int(float(found)) for found in _VM_ROWS.findall(text))
        size = sum(int(float(found)) for found in _VM_BYTES.findall(text))
        for reason, count in _VM_IGNORED.findall(text):
            if float(count):
                problems.append(f"VictoriaMetrics left out {int(float(count))} samples: {reason}")
        return TableStatus("samples", rows if text else None, size, 0, None, None)

    def _prometheus_status(self, problems: list[str]) -> TableStatus:
        try:
            head = self._client.ask("status/tsdb")["headStats"]
            flags = self._client.ask("status/config")["yaml"]
        except (StoreError, KeyError):
            return TableStatus("samples", None, 0, 0, None, None)
        if "out_of_order_time_window" not in flags:
            problems.append(
                "Prometheus refuses samples that come late or are sent again: set storage.tsdb.out_of_order_time_window"
            )
        first, last = head["minTime"] * MS_NS, head["maxTime"] * MS_NS
        there = first <= last
        return TableStatus("samples", None, 0, 0, first if there else None, last if there else None)

    # -- samples -------------------------------------------------------------------------------------------------

    def services(self, window: Window) -> list[str]:
        """Every service with a sample in the window."""
        labels = ["__name__", SERIES, *self._interpreter.owners.labels()]
        grouped = ", ".join(dict.fromkeys(label for label in labels if label != SERIES))
        found: set[str] = set()
        for chosen, by in self._service_queries(grouped):
            length = (window.end_ns - 1) // MS_NS - -(-window.start_ns // MS_NS)
            text = f"group by ({by}) (last_over_time({chosen}[{max(1, length + self._open_border())}ms]))"
            at = (window.end_ns - 1) // MS_NS
            answer = self._client.ask("query", [("query", text), ("time", f"{at // 1000}.{at % 1000:03d}")])
            for each in answer["result"]:
                metric = each["metric"]
                ours = chosen.startswith("{" + SERIES + "!")
                service = metric.get("service_name") if ours else self._foreign_service(metric)
                if service:
                    found.add(service)
        return sorted(found)

    def _service_queries(self, grouped: str) -> list[tuple[str, str]]:
        """(selector, labels to group by) of our series, and of those of others."""
        queries = [(selector([f'{SERIES}!=""', *self._matching()]), "service_name")]
        if self._settings.foreign:
            queries.append((selector([f'{SERIES}=""', '__name__!=""', *self._matching()]), grouped))
        return queries

    def _foreign_service(self, metric: dict[str, str]) -> str | None:
        return self._interpreter.owners.owner(metric.get("__name__", ""), metric)[0]

    def _open_border(self) -> int:
        """1 where a range of the server leaves out its earlier border, else 0."""
        build = self.build()
        return int(build.kind == "VictoriaMetrics" or not build.version.startswith(("1.", "2.")))

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        bases = self._bases(where)
        there = self._names(where, bases, None)
        rows: dict[int, dict[str, object]] = {}
        known = set(there)
        wanted = [name for name in there if not _is_redundant(name, known)]
        for group in in_groups(wanted):
            for sets in self._label_sets(group, bases):
                for origin in self._interpreter.origins(sets, there):
                    if origin is not None and self._fits(origin, where) and origin.series_id not in rows:
                        rows[origin.series_id] = self._interpreter.series_row(origin)
        ordered = [rows[series_id] for series_id in sorted(rows)]
        columns = {name: [row[name] for row in ordered] for name in records.SERIES.names}
        return pa.table(columns, schema=records.SERIES)

    def _label_sets(self, names: Sequence[str], bases: list[list[str]]) -> Iterable[list]:
        chosen = [selector([any_of("__name__", names), *base]) for base in bases]
        try:
            yield self._query.label_sets(chosen)
        except LimitReached:
            if len(names) == 1:
                raise
            yield from self._label_sets(names[: len(names) // 2], bases)
            yield from self._label_sets(names[len(names) // 2 :], bases)

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        """By (series_id, time_ns). Raises StoreError with the server's words, also when it answers in part only."""
        found = self._find(window, where, compound=False)
        ids = np.array([origin.series_id for origin in found.origins], dtype=np.int64)[found.origin]
        order = np.lexsort((found.values, found.times_ms, ids))
        ids, times, values = ids[order], found.times_ms[order], found.values[order]
        last = np.append((ids[1:] != ids[:-1]) | (times[1:] != times[:-1]), True)[: len(ids)]
        columns = [
            pa.array(ids[last]),
            pa.array(times[last] * MS_NS),
            pa.nulls(int(last.sum()), pa.int64()),
            pa.array(values[last]),
        ]
        return pa.Table.from_arrays(columns, schema=records.SAMPLES)

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        """Histograms and summaries as points, by (series_id, time_ns); exponential ones as classic."""
        found = self._find(window, where, compound=True)
        ids = np.array([origin.series_id for origin in found.origins], dtype=np.int64)[found.origin]
        part = np.array([origin.part for origin in found.origins], dtype=object)[found.origin]
        bound = np.array([origin.bound for origin in found.origins], dtype=np.float64)[found.origin]
        summary = np.array([origin.type == "summary" for origin in found.origins], dtype=bool)[found.origin]
        both = np.stack([ids, found.times_ms])
        keys, point = np.unique(both, axis=1, return_inverse=True)
        scalars = {}
        for name in _SCALARS:
            scalars[name] = np.full(keys.shape[1], np.nan)
            scalars[name][point[part == name]] = found.values[part == name]
        in_list = ((part == "bucket") | (part == "quantile")) & ~np.isnan(found.values)
        lists = _once(point[in_list], bound[in_list], found.values[in_list])
        is_summary = np.zeros(keys.shape[1], dtype=bool)
        is_summary[point] = summary
        infinite = np.isposinf(lists[1]) & np.isnan(scalars["count"][lists[0]])
        scalars["count"][lists[0][infinite]] = lists[2][infinite]
        return histogram_rows.table_of(keys[0], keys[1] * MS_NS, scalars, lists, is_summary)

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        """Those that the server kept, by (series_id, time_ns). Raises UnsupportedQuery for VictoriaMetrics."""
        if self.build().kind == "VictoriaMetrics":
            raise UnsupportedQuery(f"VictoriaMetrics at {self._settings.location()} keeps no exemplars")
        bases = self._bases(where)
        there = self._names(where, bases, window)
        answers = [
            exemplars.ask(self._client, selector([any_of("__name__", group), *base]), window)
            for group in in_groups(there)
            for base in bases
        ]
        found = [each for answer in answers for each in answer]
        origins = self._interpreter.origins([each["seriesLabels"] for each in found], there)
        chosen = [
            (origin.series_id, each["exemplars"])
            for origin, each in zip(origins, found, strict=True)
            if origin is not None and self._fits(origin, where)
        ]
        return exemplars.table(chosen, window)

    def _find(self, window: Window, where: SampleFilter | None, *, compound: bool) -> _Found:
        """All samples of scalar or of compound series that fit."""
        bases = self._bases(where)
        there = self._names(where, bases, window)
        names = self._interpreter.of_kind(there, compound=compound)
        origins: list[Origin] = []
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for group in in_groups(names):
            for base in bases:
                for matrix in self._query.samples(selector([any_of("__name__", group), *base]), window):
                    self._take(matrix, where, compound, there, origins, parts)
        if not parts:
            return _Found([], np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        return _Found(origins, *(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _take(
        self,
        matrix: Matrix,
        where: SampleFilter | None,
        compound: bool,
        there: Sequence[str],
        origins: list[Origin],
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    ) -> None:
        place = np.full(len(matrix.labels), -1)
        for number, origin in enumerate(self._interpreter.origins(matrix.labels, there)):
            if origin is not None and origin.compound == compound and self._fits(origin, where):
                place[number] = len(origins)
                origins.append(origin)
        owner = place[matrix.series] if len(matrix) else np.empty(0, np.int64)
        keep = owner >= 0
        parts.append((owner[keep], matrix.times_ms[keep], matrix.values[keep]))

    def _names(self, where: SampleFilter | None, bases: list[list[str]], window: Window | None) -> list[str]:
        """The names on the server that may be asked for."""
        chosen = [selector([*base, '__name__!=""']) for base in bases]
        if where is None or where.names is None:
            self._interpreter.refresh()
            return self._query.values_of("__name__", chosen, window)
        named = self._interpreter.prometheus_names(where.names, compound=None)
        found: dict[str, None] = {}
        for group in in_groups(named):
            narrowed = [selector([any_of("__name__", group), *base]) for base in bases]
            found |= dict.fromkeys(self._query.values_of("__name__", narrowed, window))
        return list(found)

    def _bases(self, where: SampleFilter | None) -> list[list[str]]:
        """Matchers beside the name; every series that fits has all of one of these lists."""
        common = self._matching()
        ours = [f'{SERIES}!=""', *common]
        foreign = [f'{SERIES}=""', *common]
        service, instance = (where.service, where.instance) if where else (None, None)
        if service is None and instance is None:
            return [common] if self._settings.foreign else [ours]
        named = [exactly("service_name", service)] if service is not None else []
        named += [exactly("instance", instance)] if instance is not None else []
        bases = [[*ours, *named]]
        if self._settings.foreign:
            owners = self._interpreter.owners
            matchers = (
                owners.service_matchers(service) if service is not None else owners.instance_matchers(instance or "")
            )
            bases += [[*foreign, matcher] for matcher in matchers]
        return bases

    def _matching(self) -> list[str]:
        return [exactly(label, value) for label, value in self._settings.match.items()]

    def _fits(self, origin: Origin, where: SampleFilter | None) -> bool:
        if where is None:
            return True
        return (
            (where.names is None or origin.name in where.names)
            and (where.service is None or origin.service == where.service)
            and (where.instance is None or origin.instance == where.instance)
        )


def _is_redundant(name: str, there: set[str]) -> bool:
    """Whether the series of this part of a histogram are all there as `_count` too."""
    for ending in ("_bucket", "_sum", "_min", "_max"):
        stem = name.removesuffix(ending)
        if stem != name and f"{stem}_bucket" in there and f"{stem}_count" in there:
            return True
    return False


def _once(point: np.ndarray, bound: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By (point, bound), each once."""
    order = np.lexsort((value, bound, point))
    point, bound, value = point[order], bound[order], value[order]
    last = np.append((point[1:] != point[:-1]) | (bound[1:] != bound[:-1]), True)[: len(point)]
    return point[last], bound[last], value[last]
