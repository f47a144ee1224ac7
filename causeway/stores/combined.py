"""One reader out of two: records from one store, samples from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from causeway.errors import StoreError, UnsupportedQuery
from causeway.stores.contract import (
    LIMIT_DEFAULT,
    Capabilities,
    LogFilter,
    Page,
    Reader,
    SampleFilter,
    SpanFilter,
    StoreStatus,
)
from causeway.window import Window


@runtime_checkable
class KeepsExemplars(Protocol):
    """Records that keep the exemplars of samples which others keep."""

    def exemplars_of(self, window: Window, series_ids: pa.Array | None) -> pa.Table:
        """By (series_id, time_ns); None: of all series."""
        ...


class CombinedReader:
    """Spans, logs, events and rollups of `records`; samples of `samples`; histograms, exemplars and series of both.

    What both hold of a series (by its id) is taken from `records`, which keeps points as they came. Where `records`
    knows no series, histograms or exemplars, those of `samples` are the answer.
    """

    def __init__(self, records: Reader, samples: Reader) -> None:
        """Takes both over: `close` closes them."""
        self._records = records
        self._samples = samples

    def capabilities(self) -> Capabilities:
        mine, other = self._records.capabilities(), self._samples.capabilities()
        return Capabilities(
            samples=other.samples,
            logs=mine.logs,
            rollups=mine.rollups,
            search_attributes=mine.search_attributes,
            writes=mine.writes and other.writes,
            sample_resolution_ns=other.sample_resolution_ns,
        )

    def status(self) -> StoreStatus:
        """Both as one; what is wrong with the samples is a problem of the whole. Raises StoreError for `records`."""
        mine = self._records.status()
        try:
            other = self._samples.status()
        except StoreError as error:
            return StoreStatus(mine.kind, mine.location, mine.tables, (*mine.problems, str(error)))
        known = {table.name for table in other.tables}
        tables = [table for table in mine.tables if table.name not in known]
        return StoreStatus(
            f"{mine.kind} + {other.kind}",
            f"{mine.location} + {other.location}",
            (*tables, *other.tables),
            (*mine.problems, *other.problems),
        )

    def close(self) -> None:
        try:
            self._records.close()
        finally:
            self._samples.close()

    def services(self, window: Window) -> list[str]:
        return sorted({*self._records.services(window), *self._samples.services(window)})

    # -- samples -------------------------------------------------------------------------------------------------

    def samples(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._samples.samples(window, where)

    def series(self, where: SampleFilter | None = None) -> pa.Table:
        return self._both(lambda store: store.series(where), ("series_id",))

    def histograms(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        return self._both(lambda store: store.histograms(window, where), ("series_id", "time_ns"))

    def exemplars(self, window: Window, where: SampleFilter | None = None) -> pa.Table:
        order = ("series_id", "time_ns")
        if not isinstance(self._records, KeepsExemplars):
            return self._both(lambda store: store.exemplars(window, where), order)
        series = None if where is None else self._samples.series(where)["series_id"].combine_chunks()
        mine = self._records.exemplars_of(window, series)
        other = _answer(lambda store: store.exemplars(window, where), self._samples)
        return _sorted(mine if other is None else pa.concat_tables([mine, other]), order)

    def _both(self, ask: Callable[[Reader], pa.Table], order: tuple[str, ...]) -> pa.Table:
        """The answers put together. Raises UnsupportedQuery when neither store can answer."""
        mine = _answer(ask, self._records)
        other = _answer(ask, self._samples)
        if mine is None or other is None:
            found = other if mine is None else mine
            if found is None:
                return ask(self._samples)
            return found
        known = pc.is_in(other["series_id"], value_set=mine["series_id"].combine_chunks())
        return _sorted(pa.concat_tables([mine, other.filter(pc.invert(known))]), order)

    # -- records -------------------------------------------------------------------------------------------------

    def spans(
        self,
        window: Window,
        where: SpanFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        return self._records.spans(window, where, columns=columns, limit=limit, newest_first=newest_first)

    def trace(self, trace_id: bytes) -> pa.Table:
        return self._records.trace(trace_id)

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        return self._records.traces(window, where, limit=limit, slowest_first=slowest_first)

    def logs(
        self,
        window: Window,
        where: LogFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        return self._records.logs(window, where, columns=columns, limit=limit, newest_first=newest_first)

    def log_templates(self) -> pa.Table:
        return self._records.log_templates()

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page:
        return self._records.events(window, service=service, limit=limit)

    def edges(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.edges(window, step_ns=step_ns, service=service)

    def calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.calls(window, step_ns=step_ns, service=service)

    def instance_calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.instance_calls(window, step_ns=step_ns, service=service)

    def operations(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.operations(window, step_ns=step_ns, service=service)

    def instances(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.instances(window, step_ns=step_ns, service=service)

    def coverage(self, window: Window, *, step_ns: int | None = None) -> pa.Table:
        return self._records.coverage(window, step_ns=step_ns)

    def log_counts(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        return self._records.log_counts(window, step_ns=step_ns, service=service)


def _sorted(table: pa.Table, order: tuple[str, ...]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in order])


def _answer(ask: Callable[[Reader], pa.Table], store: Reader) -> pa.Table | None:
    """None where the store cannot answer such a question."""
    try:
        return ask(store)
    except UnsupportedQuery:
        return None
