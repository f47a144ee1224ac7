# ruff: noqa: ARG002
"""A Reader over tables in memory: enough of the contract to build a World without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from causeway.records import TABLES
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
from causeway.stores.rollups import MEASURES
from causeway.window import Window

ADDITIVE = {name for measures in MEASURES.values() for name in measures}


@dataclass(frozen=True)
class TableStore:
    """Tables by name as in `records.TABLES`; a missing one is empty."""

    tables: Mapping[str, pa.Table] = field(default_factory=dict)

    def table(self, name: str) -> pa.Table:
        return self.tables.get(name, TABLES[name][0].empty_table())

    def capabilities(self) -> Capabilities:
        return Capabilities(samples=True, logs=True, rollups=True)

    def status(self) -> StoreStatus:
        statuses = [_status(name, self.table(name)) for name in TABLES]
        return StoreStatus("tables", "memory", tuple(statuses))

    def close(self) -> None:
        return None

    def services(self, window: Window) -> list[str]:
        names = self._within("rollup_coverage", window).column("service").unique().to_pylist()
        names += self._within("logs", window).column("service").unique().to_pylist()
        sampled = self._within("samples", window).column("series_id").unique()
        series = self.table("series")
        names += series.filter(pc.is_in(series.column("series_id"), sampled)).column("service").to_pylist()
        return sorted(set(names))

    def spans(
        self,
        window: Window,
        where: SpanFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        return _page(self._within("spans", window), "start_ns", columns, limit, newest_first)

    def trace(self, trace_id: bytes) -> pa.Table:
        table = self.table("spans")
        return table.filter(pc.equal(table.column("trace_id"), trace_id))

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        return Page(self._within("spans", window).slice(0, 0))

    def logs(
        self,
        window: Window,
        where: LogFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        table = self._within("logs", window)
        if where is not None and where.service is not None:
            table = table.filter(pc.equal(table.column("service"), where.service))
        if where is not None and where.template_ids is not None:
            wanted = pa.array(where.template_ids, pa.int64())
            table = table.filter(pc.is_in(table.column("template_id"), value_set=wanted))
        return _page(table, "time_ns", columns, limit, newest_first)

    def log_templates(self) -> pa.Table:
        return self.table("log_templates")

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        return self.table("series")

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._within("samples", window).sort_by([("series_id", "ascending"), ("time_ns", "ascending")])

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._within("histograms", window)

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._within("exemplars", window)

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page:
        table = self._within("events", window)
        if service is not None:
            table = table.filter(pc.equal(table.column("service"), service))
        return _page(table, "time_ns", None, limit, False)

    def edges(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._pairs("rollup_edges", window, step_ns, service)

    def calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._pairs("rollup_calls", window, step_ns, service)

    def instance_calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._pairs("rollup_instance_calls", window, step_ns, service)

    def _pairs(self, name: str, window: Window, step_ns: int | None, service: str | None) -> pa.Table:
        table = self._within(name, window)
        if service is not None:
            ends = pc.or_(pc.equal(table.column("caller"), service), pc.equal(table.column("callee"), service))
            table = table.filter(ends)
        return _summed(table, step_ns)

    def operations(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_operations", window, step_ns, service)

    def instances(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_instances", window, step_ns, service)

    def coverage(self, window: Window, *, step_ns: int | None = None) -> pa.Table:
        return self._rollup("rollup_coverage", window, step_ns, None)

    def log_counts(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._rollup("rollup_logs", window, step_ns, service)

    def _rollup(self, name: str, window: Window, step_ns: int | None, service: str | None) -> pa.Table:
        table = self._within(name, window)
        if service is not None:
            table = table.filter(pc.equal(table.column("service"), service))
        return _summed(table, step_ns)

    def _within(self, name: str, window: Window) -> pa.Table:
        table = self.table(name)
        time = table.column(TABLES[name][1])
        return table.filter(pc.and_(pc.greater_equal(time, window.start_ns), pc.less(time, window.end_ns)))


def _summed(table: pa.Table, step_ns: int | None) -> pa.Table:
    slot = table.column("slot_ns")
    if step_ns is None:
        table = table.drop_columns(["slot_ns"])
    else:
        floored = pc.multiply(pc.divide(slot, step_ns), step_ns)
        table = table.set_column(0, "slot_ns", floored)
    names = table.column_names
    keys = [name for name in names if name not in ADDITIVE]
    grouped = table.group_by(keys).aggregate([(name, "sum") for name in names if name in ADDITIVE])
    renamed = grouped.rename_columns(
        [name.removesuffix("_sum") if name not in names else name for name in grouped.column_names]
    )
    return renamed.select(names).sort_by([(name, "ascending") for name in keys])


def _page(table: pa.Table, time: str, columns: Sequence[str] | None, limit: int | None, newest_first: bool) -> Page:
    table = table.sort_by([(time, "descending" if newest_first else "ascending")])
    shown = table if limit is None else table.slice(0, limit)
    shown = shown.select(list(columns)) if columns else shown
    return Page(shown, shown.num_rows < table.num_rows, table.num_rows)


def _status(name: str, table: pa.Table) -> TableStatus:
    times = pc.min_max(table.column(TABLES[name][1])).as_py()
    return TableStatus(name, table.num_rows, table.nbytes, 1, times["min"], times["max"])
