"""What a layout says about the documents in which one product keeps spans, so that scans and queries work on any."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from causeway.stores.contract import LogFilter, SpanFilter
from causeway.window import Window

Clause = dict[str, Any]  # one query of Elasticsearch's query DSL
Hit = Mapping[str, Any]  # one element of hits.hits of a search: _id, _index, _source, sort


@dataclass(frozen=True, slots=True)
class Conditions:
    """A filter as query clauses that must all hold.

    They never leave out a match. `exact`: nor do they let through what is none; otherwise the reader compares the
    decoded spans with the filter again.
    """

    clauses: tuple[Clause, ...] = ()
    exact: bool = True


class Layout(Protocol):
    """Where one product keeps its spans and how they read. Stateless apart from caches; safe from many threads.

    name: as in `?layout=`. time_field: the field that documents are found, sorted and counted by, of type date,
    date_nanos, or a long in `time_unit_ns`. A span starts between `early_ns` before and `late_ns` after the time of
    its document (0 and 0 where the document's time is the span's): windows of documents are widened by that.
    logs: how log records are kept, None where they are not.
    """

    name: str
    time_field: str
    time_unit_ns: int = 0  # of a long; 0: the field is a date or date_nanos
    early_ns: int = 0
    late_ns: int = 0
    logs: LogLayout | None = None

    def index(self, namespace: str) -> str:
        """The index, alias or pattern that holds the spans, as it stands in a request path."""
        ...

    def base(self) -> tuple[Clause, ...]:
        """Clauses that every span document fulfils, where the index holds others as well."""
        return ()

    def source(self, columns: Sequence[str]) -> list[str]:
        """The `_source` fields that these columns of `records.SPANS` (or `resource`) are decoded from."""
        ...

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        """These columns of `records.SPANS` from search hits, in their order; a hit may hold any number of spans.

        `resource` (a map like `attributes`) may be among the columns: the resource attributes of each span. A
        document that holds no span that can be read (no ids, no time) gives no row.
        """
        ...

    def conditions(self, where: SpanFilter) -> Conditions: ...

    def of_traces(self, trace_ids: Sequence[bytes]) -> Clause:
        """The documents of these traces (and perhaps more: the reader looks at the ids again)."""
        ...

    def services_field(self) -> str | None:
        """A field with doc values that names the service, None where there is none."""
        return None

    def order_field(self, column: str) -> str | None:  # noqa: ARG002
        """The sortable field of a column (`duration_ns`), None where documents cannot be sorted by it.

        `start_ns` is always the time field, exact to `early_ns` and `late_ns`.
        """
        return None

    def attach_events(self, spans: pa.Table, documents: Sequence[Hit]) -> pa.Table:  # noqa: ARG002
        """The spans of a trace with events that stand in documents of their own (see `events_index`)."""
        return spans

    def events_index(self, namespace: str) -> str | None:  # noqa: ARG002
        """Where span events stand in documents of their own (with trace_id); None where spans hold them."""
        return None


class LogLayout(Protocol):
    """How log records are kept. time_field and the service's field have doc values, as have those named here.

    body_terms: a field with the body as Lucene's standard analyzer takes it apart, whose terms narrow down a search
    for a substring. severity_field: the word of `records.SEVERITIES`; None: the number is in `severity_number`.
    template_field: template_id.
    """

    time_field: str
    early_ns: int = 0
    late_ns: int = 0
    body_terms: str | None = None
    severity_field: str | None = None
    template_field: str | None = None

    def index(self, namespace: str) -> str: ...

    def base(self) -> tuple[Clause, ...]:
        return ()

    def source(self, columns: Sequence[str]) -> list[str]: ...

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        """These columns of `records.LOGS` from search hits, in their order."""
        ...

    def conditions(self, where: LogFilter) -> Conditions:
        """As of `Layout`; `contains` is not looked at."""
        ...

    def services_field(self) -> str: ...


def reach(layout: Layout | LogLayout, window: Window) -> Window:
    """The window of documents that may hold records of this window."""
    return Window(window.start_ns - layout.late_ns, window.end_ns + layout.early_ns)


def document_range(field: str, window: Window, *, unit_ns: int = 0) -> Clause:
    """The documents whose time lies in the window. unit_ns: of a long field; 0 for a date or date_nanos."""
    if unit_ns:
        return {"range": {field: {"gte": -(-window.start_ns // unit_ns), "lt": -(-window.end_ns // unit_ns)}}}
    start, end = (rfc3339(min(max(at, 0), TIME_MAX_NS)) for at in (window.start_ns, window.end_ns))
    return {"range": {field: {"gte": start, "lt": end, "format": DATE_FORMAT}}}


TIME_MAX_NS = (1 << 63) - 1  # date_nanos holds the years 1970 to 2262, and refuses to compare with others
DATE_FORMAT = "strict_date_optional_time_nanos"


def rfc3339(time_ns: int) -> str:
    """A time in UTC with nine digits after the point, as date_nanos fields take it."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
