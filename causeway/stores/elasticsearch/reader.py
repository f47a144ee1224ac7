"""Reads records that lie in Elasticsearch, ours or another product's: the Reader contract without samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from elasticsearch import Elasticsearch

from causeway import records
from causeway.errors import UnsupportedQuery
from causeway.stores.contract import (
    LIMIT_DEFAULT,
    Capabilities,
    LogFilter,
    Page,
    SampleFilter,
    SpanFilter,
    StoreStatus,
)
from causeway.stores.elasticsearch import aggregations
from causeway.stores.elasticsearch.client import connect, plain_errors
from causeway.stores.elasticsearch.layouts import layout_named
from causeway.stores.elasticsearch.layouts.causeway import decode_events, decode_exemplars
from causeway.stores.elasticsearch.layouts.layout import Clause, Hit, Layout, LogLayout, document_range, reach
from causeway.stores.elasticsearch.matching import log_mask, span_columns, span_mask
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.ordered import Order, pages
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.stores.elasticsearch.scan import LayoutSource, Query, Scanner, request
from causeway.stores.elasticsearch.settings import LAYOUT_OURS, ElasticsearchSettings
from causeway.stores.elasticsearch.status import table_statuses
from causeway.stores.elasticsearch.substrings import substring_clauses
from causeway.stores.rollups import check_step
from causeway.stores.summing import Summer
from causeway.stores.trace_summaries import MATCHING, SUMMARISED, TRACES, matching_of, summary_sql
from causeway.window import HOUR_NS, MINUTE_NS, Window

# A trace is looked for this far around the spans that matched: longer traces show what lies within.
TRACE_REACH_NS = HOUR_NS
# Documents looked at for a capped answer when the server cannot compare exactly; then the answer counts as capped.
EXAMINED_MAX = 500_000
_TEMPLATE_ORDER = ("template_id", "version", "entry_id")
_SPAN_ORDER, _LOG_ORDER, _EVENT_ORDER = ("start_ns", "span_id"), ("time_ns", "ordinal"), ("time_ns", "entity")
_NO_SAMPLES = (
    "Elasticsearch keeps no samples: name a Prometheus-compatible server with --samples, CAUSEWAY_SAMPLES or `url` in "
    "the table [samples]"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows by time, as far as they were read. complete: no other row comes before the last of them."""

    table: pa.Table
    complete: bool


class ElasticsearchReader:
    """The Reader contract over the documents of one layout and namespace. Safe from many threads."""

    def __init__(self, settings: ElasticsearchSettings) -> None:
        """Raises StoreError when the server does not answer, ConfigError for a layout that is not known."""
        self._settings = settings
        self._client: Elasticsearch = connect(settings)
        self.layout: Layout = layout_named(settings.layout)
        self._names = Names(settings.namespace)
        self.index = settings.indices or self.layout.index(settings.namespace)
        self.source = LayoutSource(self._client, self.layout, self.index)
        self.rollups = RollupDocuments(self._client, self._names)
        self._scanner = Scanner(self._client)
        self._summer = Summer()
        with plain_errors(f"open {settings.location()}"):
            request(self._client, "GET", "/_cluster/health", None, filter_path="status")

    @property
    def client(self) -> Elasticsearch:
        return self._client

    @property
    def logs_layout(self) -> LogLayout | None:
        """How log records are kept, None where this layout has none."""
        return self.layout.logs

    def capabilities(self) -> Capabilities:
        return Capabilities(logs=self.logs_layout is not None, rollups=True, search_attributes=True)

    def close(self) -> None:
        self._summer.close()
        self._client.close()

    # -- state ---------------------------------------------------------------------------------------------------

    def status(self) -> StoreStatus:
        patterns = {"spans": (self.index, self.layout.base(), self.layout.time_field, self.layout.time_unit_ns)}
        logs = self.logs_layout
        if logs is not None:
            patterns["logs"] = (logs.index(self._settings.namespace), logs.base(), logs.time_field, 0)
        if self.layout.name == LAYOUT_OURS:
            patterns["events"] = (self._names.events, (), "@timestamp", 0)
        patterns["rollup_edges"] = (self._names.rollups, (), "minute", 0)
        tables = table_statuses(self._client, patterns)
        return StoreStatus("elasticsearch", self._settings.location(), tables)

    def services(self, window: Window) -> list[str]:
        slots = window.aligned(records.ROLLUP_STEP_NS)
        rows = self.rollups.read("rollup_coverage", slots)
        found = set(pc.unique(rows["service"]).to_pylist())
        field = self.layout.services_field()
        if field is not None:
            # What is too new to be rolled up, or is not rolled up at all.
            newest = pc.max(rows["slot_ns"]).as_py() if rows.num_rows else slots.start_ns
            recent = Window(newest // MINUTE_NS * MINUTE_NS, slots.end_ns)
            clauses = (*self.layout.base(), self._documents(recent))
            found |= aggregations.terms(self._client, self.index, clauses, field)
        logs = self.logs_layout
        if logs is not None:
            clauses = (*logs.base(), _log_documents(logs, slots))
            index = logs.index(self._settings.namespace)
            found |= aggregations.terms(self._client, index, clauses, logs.services_field())
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
        wanted = list(columns or records.SPANS.names)
        where = where or SpanFilter()
        read = list(dict.fromkeys((*wanted, *_SPAN_ORDER, *span_columns(where))))
        if limit is None:
            found = _Found(self._all_spans(window, where, read), complete=True)
        else:
            found = self._first_spans(window, where, read, limit, newest_first=newest_first)
        return _page(found, _SPAN_ORDER, wanted, limit, newest_first=newest_first)

    def _all_spans(self, window: Window, where: SpanFilter, columns: list[str]) -> pa.Table:
        conditions = self.layout.conditions(where)
        chosen = self._span_chooser(window, where, exact=conditions.exact)
        parts = [chosen(table) for table in self.source.matching(conditions.clauses, window, columns)]
        return pa.concat_tables(parts) if parts else _span_schema(columns).empty_table()

    def _first_spans(
        self, window: Window, where: SpanFilter, columns: list[str], limit: int, *, newest_first: bool
    ) -> _Found:
        conditions = self.layout.conditions(where)
        clauses = (*self.layout.base(), self._documents(reach(self.layout, window)), *conditions.clauses)
        query = Query(self.index, clauses, tuple(self.layout.source(columns)))
        order = Order(self.layout.time_field, descending=newest_first, unit_ns=self.layout.time_unit_ns)
        chosen = self._span_chooser(window, where, exact=conditions.exact)
        decoded = ((hits, chosen(self.layout.decode(hits, columns))) for hits in self._pages(query, order, limit + 1))
        slack = self.layout.late_ns if newest_first else self.layout.early_ns
        return _first(decoded, order, "start_ns", slack, limit + 1) or _Found(_span_schema(columns).empty_table(), True)

    def _span_chooser(self, window: Window, where: SpanFilter, *, exact: bool) -> Callable[[pa.Table], pa.Table]:
        """What drops the rows that documents gave and the filter does not."""
        timed = not (self.layout.early_ns or self.layout.late_ns)
        if exact and timed:
            return lambda table: table
        return lambda table: table.filter(span_mask(table, window, where))

    def _documents(self, window: Window) -> Clause:
        return document_range(self.layout.time_field, window, unit_ns=self.layout.time_unit_ns)

    def _pages(self, query: Query, order: Order, expected: int) -> Iterator[list[Hit]]:
        return pages(self._client, query, order, expected=expected)

    def trace(self, trace_id: bytes) -> pa.Table:
        columns = [*records.SPANS.names, "resource"]
        clauses = (*self.layout.base(), self.layout.of_traces([trace_id]))
        query = Query(self.index, clauses, tuple(self.layout.source(columns)))
        parts = [self.layout.decode(hits, columns) for hits in self._scanner.pages(query)]
        spans = pa.concat_tables(parts) if parts else _span_schema(columns).empty_table()
        spans = spans.filter(pc.equal(spans["trace_id"], trace_id)).sort_by([(key, "ascending") for key in _SPAN_ORDER])
        apart = self.layout.events_index(self._settings.namespace)
        if apart is not None and spans.num_rows:
            query = Query(apart, ({"term": {"trace_id": trace_id.hex()}},), whole=True)
            documents = [hit for hits in self._scanner.pages(query) for hit in hits]
            spans = self.layout.attach_events(spans, documents)
        return self._with_resources(spans)

    def _with_resources(self, spans: pa.Table) -> pa.Table:
        """Resources that documents did not carry, from the index of resources."""
        lengths = np.diff(spans["resource"].combine_chunks().offsets.to_numpy()) if spans.num_rows else np.empty(0)
        bare = np.flatnonzero(lengths == 0)
        if self.layout.name != LAYOUT_OURS or not len(bare):
            return spans
        ids = spans["resource_id"].to_pylist()
        known = self._resources({ids[row] for row in bare.tolist() if ids[row] is not None})
        rows = [known.get(key) or list(own) for key, own in zip(ids, spans["resource"].to_pylist(), strict=True)]
        place = spans.schema.get_field_index("resource")
        return spans.set_column(place, spans.schema.field(place), pa.array(rows, records.ATTRIBUTES))

    def _resources(self, ids: set[int]) -> dict[int, list[tuple[str, str]]]:
        if not ids:
            return {}
        wanted = [{"_index": self._names.resources, "_id": str(key)} for key in sorted(ids)]
        with plain_errors("read resources"):
            answer = request(self._client, "POST", "/_mget", {"docs": wanted})
        found = (item for item in answer["docs"] if item.get("found"))
        return {int(item["_id"]): list((item["_source"].get("attributes") or {}).items()) for item in found}

    # -- traces --------------------------------------------------------------------------------------------------

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        matching, complete = self._matching_traces(window, where or SpanFilter(), limit + 1, slowest_first)
        truncated = matching.num_rows > limit or not complete
        matching = matching.slice(0, limit)
        if matching.num_rows == 0:
            return Page(TRACES.empty_table(), truncated=truncated)
        around = Window(
            pc.min(matching["first"]).as_py() - TRACE_REACH_NS, pc.max(matching["last"]).as_py() + TRACE_REACH_NS
        )
        ids = matching["trace_id"].to_pylist()
        spans = pa.concat_tables(
            [
                _span_schema(SUMMARISED).empty_table(),
                *self.source.spans_of_traces(ids, reach(self.layout, around), columns=SUMMARISED),
            ]
        )
        inside = span_mask(spans, around, SpanFilter())
        sql = summary_sql("TRUE", slowest_first=slowest_first)
        return Page(self._summer.run(sql, (), spans.filter(inside), TRACES), truncated=truncated)

    def _matching_traces(
        self, window: Window, where: SpanFilter, wanted: int, slowest_first: bool
    ) -> tuple[pa.Table, bool]:
        """The first `wanted` traces with a matching span, and whether none was missed."""
        columns = list(dict.fromkeys(("trace_id", "start_ns", "duration_ns", *span_columns(where))))
        conditions = self.layout.conditions(where)
        chosen = self._span_chooser(window, where, exact=conditions.exact)
        rank = "longest" if slowest_first else "last"
        slowest = self.layout.order_field("duration_ns") if slowest_first else None
        if slowest_first and slowest is None:
            parts = [_seen(chosen(table)) for table in self.source.matching(conditions.clauses, window, columns)]
            return _ranked(parts, rank), True
        order = Order(self.layout.time_field, descending=True, unit_ns=self.layout.time_unit_ns)
        if slowest is not None:
            order = Order(slowest, descending=True)
        clauses = (*self.layout.base(), self._documents(reach(self.layout, window)), *conditions.clauses)
        query = Query(self.index, clauses, tuple(self.layout.source(columns)))
        found, examined = _ranked([], rank), 0
        for hits in self._pages(query, order, wanted):
            decoded = self.layout.decode(hits, columns)
            found = _ranked([found, _seen(chosen(decoded))], rank)
            if found.num_rows >= wanted:
                bound = found[rank][wanted - 1].as_py()
                if slowest is None and bound > order.value_of(hits[-1]) + self.layout.late_ns:
                    break
                if slowest is not None and decoded.num_rows and bound > pc.min(decoded["duration_ns"]).as_py():
                    break
            examined += len(hits)
            if not conditions.exact and examined >= EXAMINED_MAX:
                return found, False
        return found, True

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
        logs, where = self.logs_layout, where or LogFilter()
        wanted = list(columns or records.LOGS.names)
        if logs is None:
            return Page(pa.schema([records.LOGS.field(name) for name in wanted]).empty_table())
        looked_at = (("instance", where.instance), ("body", where.contains), ("template_id", where.template_ids))
        needed = [name for name, given in looked_at if given is not None]
        read = list(dict.fromkeys((*wanted, *_LOG_ORDER, *needed)))
        conditions = logs.conditions(where)
        clauses = [*logs.base(), _log_documents(logs, reach(logs, window)), *conditions.clauses]
        if where.contains and logs.body_terms is not None:
            clauses += substring_clauses(logs.body_terms, where.contains)
        query = Query(logs.index(self._settings.namespace), tuple(clauses), tuple(logs.source(read)))
        by_template = where.template_ids is None or logs.template_field is not None
        as_given = conditions.exact and by_template and not where.contains and not (logs.early_ns or logs.late_ns)

        def chosen(table: pa.Table) -> pa.Table:
            return table if as_given else table.filter(log_mask(table, window, where))

        empty = pa.schema([records.LOGS.field(name) for name in read]).empty_table()
        if limit is None:
            parts = [chosen(logs.decode(hits, read)) for hits in self._scanner.pages(query)]
            found = _Found(pa.concat_tables([empty, *parts]), complete=True)
        else:
            order = Order(logs.time_field, descending=newest_first, unit_ns=0)
            decoded = ((hits, chosen(logs.decode(hits, read))) for hits in self._pages(query, order, limit + 1))
            slack = logs.late_ns if newest_first else logs.early_ns
            found = _first(decoded, order, "time_ns", slack, limit + 1) or _Found(empty, True)
        return _page(found, _LOG_ORDER, wanted, limit, newest_first=newest_first)

    def log_templates(self) -> pa.Table:
        parts = [records.LOG_TEMPLATES.empty_table()]
        if self.logs_layout is not None and self.logs_layout.template_field is not None:
            for hits in self._scanner.pages(Query(self._names.log_templates, (), whole=True)):
                rows = [hit["_source"] for hit in hits]
                parts += [pa.Table.from_pylist(rows, schema=records.LOG_TEMPLATES)]
        return pa.concat_tables(parts).sort_by([(name, "ascending") for name in _TEMPLATE_ORDER])

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page:
        if self.layout.name != LAYOUT_OURS:
            return Page(records.EVENTS.empty_table())
        clauses: list[Clause] = [document_range("@timestamp", window)]
        if service is not None:
            clauses.append({"term": {"causeway.service": service}})
        query = Query(self._names.events, tuple(clauses), whole=True)
        parts = [decode_events(hits) for hits in self._scanner.pages(query)]
        found = _Found(pa.concat_tables([records.EVENTS.empty_table(), *parts]), complete=True)
        return _page(found, _EVENT_ORDER, list(records.EVENTS.names), limit, newest_first=False)

    # -- metrics -------------------------------------------------------------------------------------------------

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        _no_samples(where)

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        _no_samples(window, where)

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        _no_samples(window, where)

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        _no_samples(window, where)

    def exemplars_of(self, window: Window, series_ids: pa.Array | None) -> pa.Table:
        """Exemplars of these series (None: of all) by (series_id, time_ns). Whose series these are the samples know."""
        clauses = (document_range("@timestamp", window), {"term": {"causeway.point": "exemplar"}})
        parts = [records.EXEMPLARS.empty_table()]
        for hits in self._scanner.pages(Query(self._names.points, clauses, whole=True)):
            part = decode_exemplars(hits)
            parts.append(part if series_ids is None else part.filter(pc.is_in(part["series_id"], value_set=series_ids)))
        return pa.concat_tables(parts).sort_by([("series_id", "ascending"), ("time_ns", "ascending")])

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
        if step_ns is not None:
            check_step(step_ns)
        logs, rows = self.logs_layout, records.LOG_COUNTS.empty_table()
        first, end = (
            -(-at // records.ROLLUP_STEP_NS) * records.ROLLUP_STEP_NS for at in (window.start_ns, window.end_ns)
        )
        if logs is not None and first < end:
            clauses = [*logs.base(), _log_documents(logs, Window(first, end))]
            if service is not None:
                clauses += logs.conditions(LogFilter(service=service)).clauses
            index = logs.index(self._settings.namespace)
            rows = aggregations.log_counts(self._client, logs, index, clauses, step_ns=step_ns, start_ns=first)
        whole = Window(min(window.start_ns, first // (step_ns or 1) * (step_ns or 1)), max(window.end_ns, end))
        return self._summer.sum("rollup_logs", rows, whole, step_ns=step_ns, service=service)

    def _rollup(self, name: str, window: Window, step_ns: int | None, service: str | None) -> pa.Table:
        if step_ns is not None:
            check_step(step_ns)
        return self._summer.sum(name, self.rollups.read(name, window), window, step_ns=step_ns, service=service)


def _span_schema(columns: Sequence[str]) -> pa.Schema:
    resource = pa.field("resource", records.ATTRIBUTES)
    return pa.schema([resource if name == "resource" else records.SPANS.field(name) for name in columns])


def _log_documents(logs: LogLayout, window: Window) -> Clause:
    return document_range(logs.time_field, window)


def _first(
    decoded: Iterator[tuple[list[Hit], pa.Table]], order: Order, time: str, slack_ns: int, wanted: int
) -> _Found | None:
    """Rows of the pages until the first `wanted` by time are among them; None without a page."""
    parts: list[pa.Table] = []
    rows = examined = 0
    for hits, table in decoded:
        parts.append(table)
        rows += table.num_rows
        examined += len(hits)
        if rows >= wanted:
            times = np.concatenate([part[time].to_numpy() for part in parts])
            reached = order.value_of(hits[-1])
            if order.descending and np.partition(times, len(times) - wanted)[len(times) - wanted] > reached + slack_ns:
                break
            if not order.descending and np.partition(times, wanted - 1)[wanted - 1] < reached - slack_ns:
                break
        if examined >= EXAMINED_MAX:
            return _Found(pa.concat_tables(parts), complete=False)
    return _Found(pa.concat_tables(parts), complete=True) if parts else None


def _page(found: _Found, order: tuple[str, str], columns: list[str], limit: int | None, *, newest_first: bool) -> Page:
    direction = "descending" if newest_first else "ascending"
    table = found.table.sort_by([(key, direction) for key in order]).select(columns)
    more = limit is not None and table.num_rows > limit
    return Page(table.slice(0, limit) if more else table, truncated=more or not found.complete)


def _seen(spans: pa.Table) -> pa.Table:
    """What matching spans say of their traces, a row of MATCHING each."""
    columns = (spans["trace_id"], spans["start_ns"], spans["start_ns"], spans["duration_ns"])
    return pa.table(list(columns), schema=MATCHING)


def _ranked(parts: Sequence[pa.Table], rank: str) -> pa.Table:
    found = matching_of(pa.concat_tables([MATCHING.empty_table(), *parts]))
    return found.sort_by([(rank, "descending"), ("trace_id", "ascending")])


def _no_samples(*_: object) -> NoReturn:
    raise UnsupportedQuery(_NO_SAMPLES)
