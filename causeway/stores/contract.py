"""What every store can do, in words. One suite (`tests/contracts`) runs against each of them.

* Windows are half-open. Spans belong to the window of their start, logs and samples to that of their time.
* Adding the same record twice stores it once. A span is known by (trace_id, span_id), a sample by
  (series_id, time_ns), a log or event by all it says and its `ordinal`.
* Answers are Arrow tables with the columns of `causeway.records` (or those asked for), in a total order:
  spans by (start_ns, span_id), logs by (time_ns, ordinal), samples by (series_id, time_ns); newest first on request.
* An unknown service, trace or series is an empty table, never an error.
* What a store cannot answer exactly it refuses with `UnsupportedQuery`. A capped answer says so (`Page.truncated`).
* A store may keep samples and histogram points to the millisecond (`Capabilities.sample_resolution_ns`), without
  `start_ns` and `first_ns`, and may leave out samples of "no recorded value"; Prometheus and its kin do.
* Reading needs no lock and sees every record acknowledged more than ten seconds ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from causeway.window import Window

LIMIT_DEFAULT = 1000


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond the contract. The default is the least capable.

    sample_resolution_ns: times of samples and points of histograms are kept in whole multiples of it, rounded down.
    """

    samples: bool = False
    logs: bool = False
    rollups: bool = False
    search_attributes: bool = False
    writes: bool = False
    sample_resolution_ns: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that may be capped. `matched` is the full number of matches where it is known."""

    table: pa.Table
    truncated: bool = False
    matched: int | None = None


@dataclass(frozen=True, slots=True)
class TableStatus:
    """How much one signal holds: rows (None if not counted), bytes on disk, first and last time (None if empty)."""

    name: str
    rows: int | None
    bytes: int
    files: int
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The state of a store as `causeway doctor` and the page footer show it."""

    kind: str
    location: str
    tables: tuple[TableStatus, ...]
    problems: tuple[str, ...] = ()

    def table(self, name: str) -> TableStatus:
        return next(status for status in self.tables if status.name == name)


@dataclass(frozen=True, slots=True)
class SpanFilter:
    """All given conditions must hold. `attributes` compares span attributes as text, exactly.

    service, operation, kind, status: equality. duration_*: inclusive, ns. attributes: every pair must be present.
    """

    service: str | None = None
    operation: str | None = None
    kind: str | None = None
    status: str | None = None
    instance: str | None = None
    duration_min_ns: int | None = None
    duration_max_ns: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """All given conditions must hold. `contains` is a case-sensitive substring of the body.

    template_ids: lines stored with one of these; lines stored without any never match.
    """

    service: str | None = None
    instance: str | None = None
    severity_min: int | None = None  # OTLP severity number
    contains: str | None = None
    trace_id: bytes | None = None
    template_ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """All given conditions must hold; `names` are metric names, exactly."""

    names: Sequence[str] | None = None
    service: str | None = None
    instance: str | None = None


class Reader(Protocol):
    """How analytics, pages and notebooks read. Safe from many threads and processes at once."""

    def capabilities(self) -> Capabilities: ...

    def status(self) -> StoreStatus: ...

    def close(self) -> None: ...

    def services(self, window: Window) -> list[str]:
        """Every service that sent a span, log or sample in the window, by name."""
        ...

    def spans(
        self,
        window: Window,
        where: SpanFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        """Matching spans by (start_ns, span_id). `limit=None` is for analytics that need all."""
        ...

    def trace(self, trace_id: bytes) -> pa.Table:
        """All spans of a trace by (start_ns, span_id), resource attributes joined as `resource`."""
        ...

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        """One row per trace with a matching span, newest (or slowest) first.

        Columns: trace_id, start_ns, duration_ns, service, operation (of the root, or of the earliest span seen),
        spans, errors, services (how many), over all spans of the trace.
        """
        ...

    def logs(
        self,
        window: Window,
        where: LogFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page: ...

    def log_templates(self) -> pa.Table:
        """Rows of `records.LOG_TEMPLATES` by (template_id, version, entry_id): what collectors told of each id.

        Unwindowed. Empty where lines are stored without template ids.
        """
        ...

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        """The series that match, by series_id. Unwindowed: a series is known from its first sample on."""
        ...

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        """(series_id, time_ns, start_ns, value) of the matching scalar series."""
        ...

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table: ...

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table: ...

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page: ...

    def edges(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        """Rollup rows of `records.EDGES`, summed over the window.

        With `step_ns` (a multiple of ROLLUP_STEP_NS) `slot_ns` is kept, floored to the step; without it is absent.
        `service` keeps the edges that begin or end there. Rows that add up to nothing are left out. Slots belong to
        the window by their start. By (slot_ns, caller, callee, kind, protocol, latency_bucket).
        """
        ...

    def calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        """Rollup rows of `records.CALLS`, summed as `edges`; their slots are whole minutes, whatever the step."""
        ...

    def instance_calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        """Rollup rows of `records.INSTANCE_CALLS`, summed as `calls`."""
        ...

    def operations(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        """Rollup rows of `records.OPERATIONS`, summed as `edges`."""
        ...

    def instances(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table: ...

    def coverage(self, window: Window, *, step_ns: int | None = None) -> pa.Table: ...

    def log_counts(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded records of some requests, by table name (`records.TABLES`), each with that table's schema.

    Rollup tables are never in it: a store derives them.
    """

    tables: Mapping[str, pa.Table]

    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables.values())


class Writer(Protocol):
    """How the tests and small tools write. The intake of a running collector has its own path with a log in front."""

    def add(self, batch: Batch) -> None:
        """Store the records durably; those already stored are left alone."""
        ...

    def flush(self) -> None:
        """Return when everything added is visible to readers."""
        ...


class Store(Reader, Writer, Protocol):
    """A store opened for reading and writing."""
