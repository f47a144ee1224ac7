"""Rollups over Elasticsearch, minute by minute: which minutes to compute, and computing one.

A minute is computed when the number of its span documents is not the one that its rollup document was computed from.
Other minutes may depend on it (`causeway.stores.linking.minutes`): after it is written, the watches of those around it
are read, and whoever waits for what is new in it is computed again. Two workers that compute such minutes at the same
time see each other: each writes before it looks, and looks at documents by id, which needs no refresh.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.layouts import layout_named
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.stores.elasticsearch.scan import LayoutSource
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.linking.hashing import binary_hash, fold
from causeway.stores.linking.minutes import LINKED_COLUMNS, REACH_NS, Minute, Watch, compute_minute
from causeway.window import MINUTE_NS, Window

# The table of a minute document that holds its watch, beside the rollup tables.
WATCH = "watch"
_WATCHES_KEPT = 300
_WATCH_SCHEMA = pa.schema([("identity", pa.uint64()), ("answered", pa.bool_())])


class Spans(Protocol):
    """Where the spans are: `causeway.stores.elasticsearch.scan.SpanSource`."""

    def count(self, window: Window) -> int: ...

    def minute_counts(self, window: Window) -> dict[int, int]: ...

    def spans_of(self, window: Window, *, columns: Sequence[str] = LINKED_COLUMNS) -> Iterator[pa.Table]: ...

    def spans_of_traces(
        self, trace_ids: Sequence[bytes], window: Window, *, columns: Sequence[str] = LINKED_COLUMNS
    ) -> Iterator[pa.Table]: ...


@dataclass(frozen=True, slots=True)
class Due:
    """A minute to compute. marked: whatever its number of documents, something it depends on changed."""

    minute_ns: int
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a minute. spans: documents read, None where there was nothing to do.

    again: minutes to compute (again), itself among them where it must be read again.
    """

    minute_ns: int
    spans: int | None
    again: frozenset[int] = frozenset()


class MinuteWorker:
    """Computes minutes of one store. For one thread."""

    def __init__(self, spans: Spans, documents: RollupDocuments, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._spans, self._documents, self._clock_ns = spans, documents, clock_ns
        self._watches: OrderedDict[int, tuple[int, Watch]] = OrderedDict()

    def due(self, window: Window, *, shrunk: bool = True) -> list[Due]:
        """The minutes whose documents are not those they were computed from, newest first.

        shrunk: also those that have fewer documents than then, which retention makes as well as removed copies.
        """
        counts, computed = self._spans.minute_counts(window), self._documents.read_counts(window)
        return [
            Due(minute_ns)
            for minute_ns in sorted(counts, reverse=True)
            if _differs(counts[minute_ns], computed.get(minute_ns, (0, 0))[0], shrunk=shrunk)
        ]

    def stored_before(self, time_ns: int) -> int:
        """How many span documents there are of the time before. Raises StoreError."""
        return self._spans.count(Window(0, time_ns))

    def compute(self, due: Due) -> Done:
        """Compute the minute and write its document. Raises StoreError; then, or after a crash, do it again."""
        minute_ns, version_ns = due.minute_ns, self._clock_ns()
        before = self._spans.minute_counts(_around(minute_ns))
        if not due.marked:
            known = self._documents.read_counts(Window(minute_ns, minute_ns + MINUTE_NS)).get(minute_ns)
            if known is not None and known[0] == before.get(minute_ns, 0):
                return Done(minute_ns, None)  # somebody was quicker
        minute = self._computed(minute_ns, before.get(minute_ns, 0))
        tables = dict(minute.tables)
        if len(minute.watch) or not minute.watch.complete:
            tables[WATCH] = _watch_table(minute.watch)
        if not self._documents.write_minute(minute_ns, tables, spans=minute.documents, computed_ns=version_ns):
            return Done(minute_ns, minute.documents, frozenset({minute_ns}))
        again = self._changed_by(minute)
        if self._came_meanwhile(minute, before):
            again.add(minute_ns)
        return Done(minute_ns, minute.documents, frozenset(again))

    def show(self) -> None:
        """Let readers see what was written until now, rather than after the next refresh. Raises StoreError."""
        self._documents.refresh()

    def _computed(self, minute_ns: int, expected: int) -> Minute:
        window = Window(minute_ns, minute_ns + MINUTE_NS)
        scan = lambda: self._spans.spans_of(window, columns=LINKED_COLUMNS)  # noqa: E731
        fetch = lambda traces, around: self._spans.spans_of_traces(traces, around, columns=LINKED_COLUMNS)  # noqa: E731
        return compute_minute(minute_ns, scan, fetch, expected=expected)

    def _changed_by(self, minute: Minute) -> set[int]:
        around = _around(minute.minute_ns)
        others = [at for at in range(around.start_ns, around.end_ns, MINUTE_NS) if at != minute.minute_ns]
        return {at for at, watch in self._watches_of(others).items() if minute.changes(at, watch)}

    def _watches_of(self, minutes: list[int]) -> dict[int, Watch]:
        known = self._documents.versions(minutes)
        stale = [at for at, version_ns in known.items() if self._watches.get(at, (0,))[0] != version_ns]
        tables = self._documents.tables_of(stale, WATCH) if stale else {}
        for at in stale:
            self._watches[at] = (known[at], _watch(tables.get(at)))
        for at in known:
            self._watches.move_to_end(at)
        found = {at: self._watches[at][1] for at in known}
        while len(self._watches) > _WATCHES_KEPT:
            self._watches.popitem(last=False)
        return found

    def _came_meanwhile(self, minute: Minute, before: Mapping[int, int]) -> bool:
        """Whether a parent that was not there when this minute was read has come to another minute since."""
        if not minute.orphaned:
            return False
        after = self._spans.minute_counts(_around(minute.minute_ns))
        for at in after:
            if at != minute.minute_ns and after[at] != before.get(at, 0):
                window = Window(at, at + MINUTE_NS)
                for table in self._spans.spans_of_traces(minute.orphaned, window, columns=("trace_id", "span_id")):
                    if np.isin(_identities(table), minute.watch.parents).any():
                        return True
        return False


def roll_up(worker: MinuteWorker, window: Window) -> int:
    """Compute all that is due in the window, and what depends on it, without sharing it out; how many minutes."""
    due, done = worker.due(window), 0
    while due:
        again: set[int] = set()
        for one in due:
            again |= worker.compute(one).again
            done += 1
        due = [Due(minute_ns, marked=True) for minute_ns in sorted(again, reverse=True)]
    worker.show()
    return done


def open_worker(settings: ElasticsearchSettings) -> MinuteWorker:
    """A worker over the store of these settings, of whatever layout, with the template of rollups in place.

    Raises StoreError when the server does not answer.
    """
    from causeway.stores.elasticsearch import capabilities, templates

    client, layout = connect(settings), layout_named(settings.layout)
    templates.install(client, settings, capabilities.ask(client))
    index = settings.indices or layout.index(settings.namespace)
    return MinuteWorker(LayoutSource(client, layout, index), RollupDocuments(client, Names(settings.namespace)))


def _differs(counted: int, computed: int, *, shrunk: bool) -> bool:
    return counted > computed or (shrunk and counted < computed)


def _around(minute_ns: int) -> Window:
    return Window(minute_ns - REACH_NS, minute_ns + MINUTE_NS + REACH_NS)


def _identities(table: pa.Table) -> np.ndarray:
    return fold(binary_hash(table["trace_id"]), binary_hash(table["span_id"]))


def _watch_table(watch: Watch) -> pa.Table:
    answered = np.repeat([False, True], [len(watch.parents), len(watch.answered)])
    columns = [np.concatenate((watch.parents, watch.answered)), answered]
    return pa.table(columns, schema=_WATCH_SCHEMA.with_metadata({"complete": str(int(watch.complete))}))


def _watch(table: pa.Table | None) -> Watch:
    if table is None:
        return Watch(np.empty(0, np.uint64), np.empty(0, np.uint64))
    identity, answered = table["identity"].to_numpy(), table["answered"].to_numpy().astype(bool)
    complete = (table.schema.metadata or {}).get(b"complete") != b"0"
    return Watch(identity[~answered], identity[answered], complete)
