"""Reads an embedded store with DuckDB over the live Parquet files, from any process, while another one writes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.errors import StoreError
from causeway.stores.contract import (
    LIMIT_DEFAULT,
    Capabilities,
    LogFilter,
    Page,
    SampleFilter,
    SpanFilter,
    StoreStatus,
    TableStatus,
)
from causeway.stores.embedded import file_index
from causeway.stores.embedded.delta import DataFile, DeltaSignal
from causeway.stores.rollups import rollup_query
from causeway.stores.trace_summaries import MATCHING, TRACES, matching_of, summary_sql
from causeway.window import HOUR_NS, Window

REFRESH_S = 0.5  # how old the list of files may be
MEMORY_LIMIT = "2GB"
# A trace is looked for this far around the spans that matched: longer traces show what lies within.
TRACE_REACH_NS = HOUR_NS
FILES_FIRST = 2  # files read first when the newest matches are wanted; then twice as many each time


class _Where:
    """Conditions of a query, joined by AND, with their bound values."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self.parts.append(condition)
        self.values += values

    def equal(self, **columns: Any) -> None:
        for column, value in columns.items():
            if value is not None:
                self.add(f"{column} = ?", value)

    def text(self) -> str:
        return " AND ".join(self.parts) or "TRUE"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a span file must hold to be worth opening."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    traces: Sequence[bytes] = ()


class EmbeddedReader:
    """The Reader contract over a data folder. Safe from many threads; see `causeway.stores.contract`."""

    def __init__(self, folder: Path, *, memory_limit: str = MEMORY_LIMIT) -> None:
        """Open a folder. Raises StoreError when there is no store in it."""
        if not (folder / "spans" / "_delta_log").is_dir():
            raise StoreError(f"no store in {folder}: start one with `causeway up --data {folder}`")
        self._folder = folder
        self._lock = threading.Lock()
        self._tables: dict[str, DeltaSignal] = {}
        self._checked: dict[str, float] = {}
        self._duck = duckdb.connect(":memory:", config={"memory_limit": memory_limit})
        self._duck.execute("SET parquet_metadata_cache = true")

    def capabilities(self) -> Capabilities:
        return Capabilities(samples=True, logs=True, rollups=True, search_attributes=True, writes=False)

    def close(self) -> None:
        self._duck.close()

    def expire_listing(self) -> None:
        """See at once what was committed until now."""
        self._checked = dict.fromkeys(self._checked, 0.0)

    # -- state ---------------------------------------------------------------------------------------------------

    def status(self) -> StoreStatus:
        tables = []
        for name in records.TABLES:
            files = self._files(name)
            tables.append(
                TableStatus(
                    name,
                    rows=sum(file.rows for file in files),
                    bytes=sum(file.bytes for file in files),
                    files=len(files),
                    first_ns=min((file.first_ns for file in files), default=None),
                    last_ns=max((file.last_ns for file in files), default=None),
                )
            )
        return StoreStatus("embedded", str(self._folder), tuple(tables))

    def services(self, window: Window) -> list[str]:
        found: set[str] = set()
        for name, column in (("rollup_coverage", "slot_ns"), ("rollup_logs", "slot_ns")):
            where = _window(window.aligned(records.ROLLUP_STEP_NS), column)
            table = self._query(
                name,
                "SELECT DISTINCT service FROM {source} WHERE " + where.text(),
                where,
                window,
                schema=_SERVICES,
            )
            found.update(table["service"].to_pylist())
        sampled = self._sampled_services(window)
        found.update(sampled["service"].to_pylist())
        return sorted(service for service in found if service)

    # -- spans ---------------------------------------------------------------------------------------------------

    def spans(
        self,
        window: Window,
        where: SpanFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        condition = _span_conditions(window, where)
        wanted = _Wanted(attributes=where.attributes) if where else None
        return self._page("spans", ("start_ns", "span_id"), condition, window, columns, limit, newest_first, wanted)

    def trace(self, trace_id: bytes) -> pa.Table:
        where = _Where()
        where.equal(trace_id=trace_id)
        columns = ", ".join(records.SPANS.names)
        sql = f"SELECT {columns} FROM {{source}} WHERE {where.text()} ORDER BY start_ns, span_id"
        spans = self._query("spans", sql, where, None, schema=records.SPANS, wanted=_Wanted(traces=(trace_id,)))
        resources = self._resources(spans["resource_id"].unique())
        return spans.append_column("resource", _lookup(spans["resource_id"], resources))

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        condition = _span_conditions(window, where)
        order = "longest DESC" if slowest_first else "last DESC"
        sql = (
            "SELECT trace_id, min(start_ns) AS first, max(start_ns) AS last, max(duration_ns) AS longest "
            f"FROM {{source}} WHERE {condition.text()} GROUP BY trace_id ORDER BY {order}, trace_id LIMIT {limit + 1}"
        )
        wanted = _Wanted(attributes=where.attributes if where else {})
        if slowest_first:
            matching = self._query("spans", sql, condition, window, schema=MATCHING, wanted=wanted)
        else:
            matching = self._newest_matching(sql, condition, self._matching_files("spans", window, wanted), limit + 1)
        truncated = matching.num_rows > limit
        matching = matching.slice(0, limit)
        if matching.num_rows == 0:
            return Page(TRACES.empty_table())
        return Page(self._summaries(matching, slowest_first=slowest_first), truncated=truncated)

    def _newest_matching(self, sql: str, where: _Where, files: tuple[DataFile, ...], wanted: int) -> pa.Table:
        """The traces with the latest matching spans, reading no older file than it takes."""
        rest = sorted(files, key=lambda file: -file.last_ns)
        found, step = MATCHING.empty_table(), FILES_FIRST
        while rest:
            part = self._query("spans", sql, where, None, schema=MATCHING, files=tuple(rest[:step]))
            rest, step = rest[step:], step * 2
            found = matching_of(pa.concat_tables([found, part]))
            found = found.sort_by([("last", "descending"), ("trace_id", "ascending")])
            if rest and found.num_rows >= wanted and found["last"][wanted - 1].as_py() > rest[0].last_ns:
                break
        return found.slice(0, wanted)

    def _summaries(self, matching: pa.Table, *, slowest_first: bool) -> pa.Table:
        ids = matching["trace_id"].to_pylist()
        reach = Window(
            min(matching["first"].to_pylist()) - TRACE_REACH_NS,
            max(matching["last"].to_pylist()) + TRACE_REACH_NS,
        )
        where = _window(reach, "start_ns")
        where.add(f"trace_id IN ({', '.join('?' * len(ids))})", *ids)
        return self._query(
            "spans",
            summary_sql(where.text(), slowest_first=slowest_first),
            where,
            reach,
            schema=TRACES,
            wanted=_Wanted(traces=ids),
        )

    def _resources(self, ids: pa.Array) -> pa.Table:
        where = _Where()
        where.add("list_contains(?, resource_id)", ids.to_pylist())
        sql = "SELECT resource_id, attributes FROM {source} WHERE " + where.text()
        return self._query("resources", sql, where, None, schema=_RESOURCES)

    # -- logs, events --------------------------------------------------------------------------------------------

    def logs(
        self,
        window: Window,
        where: LogFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        condition = _window(window, "time_ns")
        if where is not None:
            condition.equal(service=where.service, instance=where.instance, trace_id=where.trace_id)
            if where.severity_min is not None:
                condition.add("severity_number >= ?", where.severity_min)
            if where.template_ids is not None:
                condition.add("list_contains(?, template_id)", list(where.template_ids))
            if where.contains:
                condition.add("contains(body, ?)", where.contains)
        return self._page("logs", ("time_ns", "ordinal"), condition, window, columns, limit, newest_first)

    def log_templates(self) -> pa.Table:
        sql = "SELECT * FROM {source} ORDER BY template_id, version, entry_id"
        return self._query("log_templates", sql, _Where(), None, schema=records.LOG_TEMPLATES)

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page:
        condition = _window(window, "time_ns")
        condition.equal(service=service)
        return self._page("events", ("time_ns", "entity"), condition, window, None, limit, False)

    # -- metrics -------------------------------------------------------------------------------------------------

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        condition = _series_conditions(where)
        sql = "SELECT * FROM {source} s WHERE " + condition.text() + " ORDER BY series_id"
        return self._query("series", sql, condition, None, schema=records.SERIES)

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._query_samples("samples", window, where)

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._query_samples("histograms", window, where)

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._query_samples("exemplars", window, where)

    def _query_samples(self, name: str, window: Window, where: SampleFilter | None) -> pa.Table:
        condition = _window(window, "p.time_ns")
        schema = records.TABLES[name][0]
        join = "{source} p"
        if where is not None:
            source = self._source("series")
            if source is None:
                return schema.empty_table()
            series = _series_conditions(where)
            join += f" JOIN {source} s ON s.series_id = p.series_id AND {series.text()}"
            condition.values = series.values + condition.values
        sql = f"SELECT p.* FROM {join} WHERE {condition.text()} ORDER BY p.series_id, p.time_ns"
        return self._query(name, sql, condition, window, schema=schema)

    def _sampled_services(self, window: Window) -> pa.Table:
        source = self._source("series")
        if source is None:
            return _SERVICES.empty_table()
        where = _window(window, "time_ns")
        sql = f"SELECT DISTINCT service FROM {source} WHERE series_id IN (SELECT series_id FROM {{source}} WHERE "
        return self._query("samples", sql + where.text() + ")", where, window, schema=_SERVICES)

    # -- rollups -------------------------------------------------------------------------------------------------

    def edges(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_edges", window, step_ns, service)

    def calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_calls", window, step_ns, service)

    def instance_calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_instance_calls", window, step_ns, service)

    def operations(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_operations", window, step_ns, service)

    def instances(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_instances", window, step_ns, service)

    def coverage(self, window: Window, *, step_ns: int | None = None) -> pa.Table:
        return self._rollup("rollup_coverage", window, step_ns, None)

    def log_counts(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_logs", window, step_ns, service)

    def _rollup(self, name: str, window: Window, step_ns: int | None, service: str | None) -> pa.Table:
        query = rollup_query(name, window, step_ns=step_ns, service=service)
        where = _Where()
        where.values += query.values
        return self._query(name, query.sql, where, window, schema=query.schema)

    # -- running -------------------------------------------------------------------------------------------------

    def _page(
        self,
        name: str,
        order: tuple[str, ...],
        where: _Where,
        window: Window,
        columns: Sequence[str] | None,
        limit: int | None,
        newest_first: bool,
        held: _Wanted | None = None,
    ) -> Page:
        schema = records.TABLES[name][0]
        wanted = schema if columns is None else pa.schema([schema.field(column) for column in columns])
        direction = " DESC" if newest_first else ""
        sql = f"SELECT {', '.join(wanted.names)} FROM {{source}} WHERE {where.text()} ORDER BY "
        sql += ", ".join(column + direction for column in order)
        if limit is not None:
            sql += f" LIMIT {limit + 1}"
        table = self._query(name, sql, where, window, schema=wanted, wanted=held)
        truncated = limit is not None and table.num_rows > limit
        return Page(table.slice(0, limit) if truncated else table, truncated=truncated)

    def _query(
        self,
        name: str,
        sql: str,
        where: _Where,
        window: Window | None,
        *,
        schema: pa.Schema,
        wanted: _Wanted | None = None,
        files: tuple[DataFile, ...] | None = None,
    ) -> pa.Table:
        """Run the query over the files of a window. A file that compaction took away meanwhile: once more.

        Files that are older than some column of the table hold null there.
        """
        aged = False
        for attempt in (1, 2, 3):
            if files is None or attempt > 1:
                files = self._matching_files(name, window, wanted or _Wanted(), fresh=attempt > 1)
            if not files:
                return schema.empty_table()
            source = _from_aged(files, records.TABLES[name][0]) if aged else _from(files)
            try:
                cursor = self._duck.cursor()
                table = cursor.sql(sql.replace("{source}", source), params=where.values).to_arrow_table()
                return table.select(schema.names).cast(schema)
            except (duckdb.BinderException, duckdb.InvalidInputException):
                if aged:
                    raise
                aged = True
            except duckdb.IOException as error:
                if attempt > 1:
                    raise StoreError(f"the table {name!r} in {self._folder} cannot be read: {error}") from error
        raise AssertionError

    def _source(self, name: str) -> str | None:
        """The FROM text for all of a table, None where it has no files."""
        files = self._files(name)
        return _from(files) if files else None

    def _matching_files(
        self, name: str, window: Window | None, wanted: _Wanted, *, fresh: bool = False
    ) -> tuple[DataFile, ...]:
        """The table's files that overlap the window and may hold what is wanted."""
        files = self._files(name, fresh=fresh)
        if window is not None:
            # A rollup slot is filed by its start; spans and points by their own time.
            files = tuple(file for file in files if file.last_ns >= window.start_ns and file.first_ns < window.end_ns)
        if wanted.attributes:
            files = tuple(file for file in files if file_index.may_hold_attributes(file.path, wanted.attributes))
        if wanted.traces:
            files = tuple(file for file in files if file_index.may_hold_traces(file.path, wanted.traces))
        return files

    def _files(self, name: str, *, fresh: bool = False) -> tuple[DataFile, ...]:
        with self._lock:
            table = self._tables.get(name)
            if table is None:
                if name.startswith(("rollup_", "log_templates")) and not (self._folder / name).is_dir():
                    return ()  # nothing has written here since there is such a table
                table = self._tables[name] = DeltaSignal(self._folder, name)
            elif fresh or time.monotonic() - self._checked[name] > REFRESH_S:
                table.refresh()
            else:
                return table.files()
            self._checked[name] = time.monotonic()
            return table.files()


_SERVICES = pa.schema([("service", pa.string())])
_RESOURCES = pa.schema([("resource_id", pa.int64()), ("attributes", records.ATTRIBUTES)])


_SQL_TYPES = {pa.int64(): "BIGINT", pa.string(): "VARCHAR"}  # of columns that were added to tables


def _from(files: tuple[DataFile, ...]) -> str:
    names = ", ".join("'" + file.path.replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], hive_partitioning=false)"


def _from_aged(files: tuple[DataFile, ...], schema: pa.Schema) -> str:
    """The same where some files may lack columns, which costs a look at each file before any is read."""
    plain = _from(files).replace("hive_partitioning=false", "hive_partitioning=false, union_by_name=true")
    columns = ", ".join(f"NULL::{kind} AS {field.name}" for field in schema if (kind := _SQL_TYPES.get(field.type)))
    return f"(SELECT * FROM {plain} UNION ALL BY NAME SELECT {columns} WHERE false)"


def _window(window: Window, column: str) -> _Where:
    where = _Where()
    where.add(f"{column} >= ? AND {column} < ?", window.start_ns, window.end_ns)
    return where


def _span_conditions(window: Window, spans: SpanFilter | None) -> _Where:
    where = _window(window, "start_ns")
    if spans is None:
        return where
    where.equal(
        service=spans.service,
        operation=spans.operation,
        kind=spans.kind,
        status=spans.status,
        instance=spans.instance,
    )
    if spans.duration_min_ns is not None:
        where.add("duration_ns >= ?", spans.duration_min_ns)
    if spans.duration_max_ns is not None:
        where.add("duration_ns <= ?", spans.duration_max_ns)
    _attributes(where, spans.attributes)
    return where


def _attributes(where: _Where, attributes: Mapping[str, str]) -> None:
    for key, value in attributes.items():
        where.add("list_contains(map_extract(attributes, ?), ?)", key, value)


def _series_conditions(series: SampleFilter | None) -> _Where:
    where = _Where()
    if series is None:
        return where
    if series.names is not None:
        where.add("list_contains(?, s.name)", list(series.names))
    for column, value in (("s.service", series.service), ("s.instance", series.instance)):
        if value is not None:
            where.add(f"{column} = ?", value)
    return where


def _lookup(ids: pa.ChunkedArray, resources: pa.Table) -> pa.ChunkedArray:
    """The attributes of each resource id, empty where the resource is not known."""
    places = pc.index_in(ids, value_set=resources["resource_id"].combine_chunks())
    attributes = resources["attributes"].combine_chunks()
    if isinstance(attributes, pa.ChunkedArray):
        attributes = attributes.chunk(0) if attributes.num_chunks else pa.array([], records.ATTRIBUTES)
    return (
        pa.chunked_array([attributes.take(places.combine_chunks())])
        if len(ids)
        else pa.chunked_array([], records.ATTRIBUTES)
    )
