"""Reads documents in bulk: point in time, pages by `search_after`, several slices at once, bounded memory."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import pyarrow as pa
import pyarrow.compute as pc
from elasticsearch import Elasticsearch

from causeway.errors import StoreError
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import Clause, Hit, Layout, document_range, reach
from causeway.stores.linking.minutes import LINKED_COLUMNS
from causeway.window import MINUTE_NS, Window

PAGE_DOCUMENTS = 10_000  # the most that one request may ask for (index.max_result_window)
FEW_DOCUMENTS = 1_000  # up to here one request reads all, without a view that stays as it is
KEEP_ALIVE = "2m"
SLICES = 2
# Pages that wait for the reader; a page of spans without attributes is some 2 MB.
PAGES_WAITING_MAX = 4
TRACES_PER_REQUEST = 8_192  # of at most 65,536 (index.max_terms_count)
_SHARDS_WAITS_S = (0.1, 0.3, 0.9)
MISSING = {"ignore_unavailable": "true", "allow_no_indices": "true"}


class SpanSource(Protocol):
    """Spans by the time of their documents, for computing rollups. Safe from many threads."""

    def minute_counts(self, window: Window) -> dict[int, int]:
        """Span documents of each whole minute (its start, ns) that has any; the window is widened to minutes."""
        ...

    def spans_of(self, window: Window, *, columns: Sequence[str] = LINKED_COLUMNS) -> Iterator[pa.Table]:
        """The spans whose documents' time is in the window, in no order, as tables of bounded size.

        The time of a document is that of its span but for layouts with `early_ns` or `late_ns`.
        """
        ...

    def spans_of_traces(
        self, trace_ids: Sequence[bytes], window: Window, *, columns: Sequence[str] = LINKED_COLUMNS
    ) -> Iterator[pa.Table]:
        """The spans of these traces whose documents' time is in the window, in no order."""
        ...


@dataclass(frozen=True, slots=True)
class Query:
    """What a scan reads: documents of `index` that fulfil all `clauses`; of each the `source` fields, or all."""

    index: str
    clauses: tuple[Clause, ...]
    source: tuple[str, ...] = ()
    whole: bool = False

    def body(self) -> dict[str, Any]:
        source: list[str] | bool = True if self.whole else list(self.source) or False
        return {"query": all_of(self.clauses), "_source": source, "track_total_hits": False}


def all_of(clauses: Sequence[Clause]) -> Clause:
    """One query that holds where all clauses do, without scores."""
    return {"bool": {"filter": list(clauses)}} if clauses else {"match_all": {}}


class _Pages:
    """Pages on their way from several threads to one reader, a bounded number of them."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[list[Hit] | Exception | None] = queue.Queue(PAGES_WAITING_MAX)
        self.stopped = threading.Event()

    def fill(self, source: Callable[[], Iterator[list[Hit]]]) -> None:
        """Put all pages of a source until there are no more or the reader stopped; an error is the last item."""
        last: Exception | None = None
        try:
            for page in source():
                if not self._put(page):
                    return
        except Exception as error:  # noqa: BLE001 raised again by the reader
            last = error
        self._put(last)

    def take(self, *, sources: int) -> Iterator[list[Hit]]:
        """The pages of that many sources as they come. Raises the first error of one."""
        while sources:
            item = self._waiting.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                sources -= 1
            else:
                yield item

    def _put(self, item: list[Hit] | Exception | None) -> bool:
        while not self.stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._waiting.put(item, timeout=0.2)
                return True
        return False


def _together(sources: Sequence[Callable[[], Iterator[list[Hit]]]]) -> Iterator[list[Hit]]:
    """The pages of all sources as they come, each source read by a thread of its own."""
    pages = _Pages()
    threads = [threading.Thread(target=pages.fill, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    try:
        yield from pages.take(sources=len(threads))
    finally:
        pages.stopped.set()
        for thread in threads:
            thread.join()


class Scanner:
    """Pages of hits. Every request is bounded by the client's timeout."""

    def __init__(self, client: Elasticsearch, *, slices: int = SLICES, page: int = PAGE_DOCUMENTS) -> None:
        self._client, self._slices, self._page = client, max(1, slices), page

    def pages(self, query: Query, *, large: bool = False) -> Iterator[list[Hit]]:
        """All documents of the query in no order, at most PAGE_DOCUMENTS at a time.

        large: there are many, so that several slices are read at once; otherwise the next page is fetched while the
        last is looked at. Raises StoreError when the server fails or leaves shards out. An index that does not exist
        has no documents.
        """
        if not large:
            few = self._few(query)
            if few is not None:
                if few:
                    yield few
                return
        with point_in_time(self._client, query.index) as point:
            if large:
                yield from _together([partial(self._slice, point, query, number) for number in range(self._slices)])
                return
            yield from _together([partial(self._slice, point, query, None)])

    def _few(self, query: Query) -> list[Hit] | None:
        """All documents with one request where there are only some; None where there are more."""
        size = min(FEW_DOCUMENTS, self._page)
        body = query.body() | {"size": size, "sort": ["_doc"]}
        with plain_errors(f"read {query.index}"):
            answer = request(self._client, "POST", f"/{query.index}/_search", body, filter_path=HITS, **MISSING)
        check_complete(answer, query.index)
        found: list[Hit] = answer.get("hits", {}).get("hits", [])
        return found if len(found) < size else None

    def _slice(self, point: str, query: Query, number: int | None, after: Any = None) -> Iterator[list[Hit]]:
        while True:
            page = self._search(point, query, number, after)
            if page:
                yield page
            if len(page) < self._page:
                return
            after = page[-1]["sort"]

    def _search(self, point: str, query: Query, number: int | None, after: Any) -> list[Hit]:
        body = query.body() | {
            "size": self._page,
            "sort": ["_shard_doc"],
            "pit": {"id": point, "keep_alive": KEEP_ALIVE},
        }
        if number is not None and self._slices > 1:
            body["slice"] = {"id": number, "max": self._slices}
        if after is not None:
            body["search_after"] = after
        with plain_errors(f"read {query.index}"):
            answer = request(self._client, "POST", "/_search", body, filter_path=HITS)
        check_complete(answer, query.index)
        return answer.get("hits", {}).get("hits", [])


HITS = (
    "hits.hits._source,hits.hits.sort,hits.hits._id,hits.hits._index,timed_out,_shards.failed,_shards.failures.reason"
)
_JSON = {"accept": "application/json", "content-type": "application/json"}


def request(client: Elasticsearch, method: str, path: str, body: Any, **parameters: str) -> Any:
    """The parsed answer of one request. Raises the client's errors.

    Shards that fail are asked again for a moment: those of an index that is just being made do.
    """
    target = quote(path, safe="/*,.-_")
    if parameters:
        target += "?" + urlencode(parameters)
    for wait_s in (*_SHARDS_WAITS_S, None):
        answer = client.perform_request(method, target, headers=_JSON, body=body).body
        if wait_s is None or not _shards_failed(answer):
            break
        time.sleep(wait_s)
    return answer


def _shards_failed(answer: Any) -> bool:
    return isinstance(answer, dict) and bool((answer.get("_shards") or {}).get("failed"))


@contextlib.contextmanager
def point_in_time(client: Elasticsearch, index: str) -> Iterator[str]:
    """A view of an index that stays as it is. An index that does not exist is an empty one. Raises StoreError."""
    with plain_errors(f"read {index}"):
        options = {"keep_alive": KEEP_ALIVE, "ignore_unavailable": "true"}
        answer = request(client, "POST", f"/{index}/_pit", None, **options)
    point = str(answer["id"])
    try:
        yield point
    finally:
        # One that stays open is closed by the server after KEEP_ALIVE.
        with contextlib.suppress(StoreError), plain_errors("close a point in time"):
            request(client, "DELETE", "/_pit", {"id": point})


def check_complete(answer: Any, what: str) -> None:
    """Raises StoreError for an answer that leaves something out."""
    failed = answer.get("_shards", {}).get("failed", 0)
    if failed:
        reasons = answer["_shards"].get("failures") or [{}]
        why = (reasons[0].get("reason") or {}).get("reason", "unknown")
        raise StoreError(f"cannot read {what}: {failed} shards failed: {why}")
    if answer.get("timed_out"):
        raise StoreError(f"cannot read {what}: the search timed out")


class LayoutSource:
    """SpanSource over the documents of any layout."""

    def __init__(self, client: Elasticsearch, layout: Layout, index: str, *, slices: int = SLICES) -> None:
        self._client, self._layout, self._index = client, layout, index
        self._scanner = Scanner(client, slices=slices)

    def minute_counts(self, window: Window) -> dict[int, int]:
        return minute_counts(self._client, self._layout, self._index, window)

    def count(self, window: Window) -> int:
        """Span documents in the window. Raises StoreError."""
        body = {"query": all_of((*self._layout.base(), self._documents(window)))}
        with plain_errors(f"count documents of {self._index}"):
            answer = request(self._client, "POST", f"/{self._index}/_count", body, **MISSING)
        check_complete(answer, self._index)
        return int(answer.get("count", 0))

    def spans_of(self, window: Window, *, columns: Sequence[str] = LINKED_COLUMNS) -> Iterator[pa.Table]:
        return self._tables((*self._layout.base(), self._documents(window)), columns)

    def spans_of_traces(
        self, trace_ids: Sequence[bytes], window: Window, *, columns: Sequence[str] = LINKED_COLUMNS
    ) -> Iterator[pa.Table]:
        wanted = pa.array(trace_ids, pa.binary())
        for start in range(0, len(trace_ids), TRACES_PER_REQUEST):
            clause = self._layout.of_traces(trace_ids[start : start + TRACES_PER_REQUEST])
            clauses = (*self._layout.base(), clause, self._documents(window))
            for table in self._tables(clauses, tuple(dict.fromkeys((*columns, "trace_id")))):
                yield table.filter(pc.is_in(table["trace_id"], value_set=wanted)).select(list(columns))

    def matching(self, clauses: tuple[Clause, ...], window: Window, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The spans of documents that fulfil the clauses, for a window of spans; more than match may come."""
        documents = self._documents(reach(self._layout, window))
        return self._tables((*self._layout.base(), documents, *clauses), columns)

    def _documents(self, window: Window) -> Clause:
        return document_range(self._layout.time_field, window, unit_ns=self._layout.time_unit_ns)

    def _tables(self, clauses: tuple[Clause, ...], columns: Sequence[str]) -> Iterator[pa.Table]:
        query = Query(self._index, clauses, tuple(self._layout.source(columns)))
        for hits in self._scanner.pages(query):
            yield self._layout.decode(hits, columns)


def minute_counts(client: Elasticsearch, layout: Layout, index: str, window: Window) -> dict[int, int]:
    """Documents of each whole minute that has any. Raises StoreError."""
    whole = window.aligned(MINUTE_NS)
    histogram: dict[str, Any] = {"field": layout.time_field, "min_doc_count": 1}
    if layout.time_unit_ns:
        kind, histogram["interval"] = "histogram", MINUTE_NS // layout.time_unit_ns
        unit_ns = layout.time_unit_ns
    else:
        kind, histogram["fixed_interval"], unit_ns = "date_histogram", "1m", 1_000_000
    found: dict[int, int] = {}
    for part in _days(whole):
        clauses = (*layout.base(), document_range(layout.time_field, part, unit_ns=layout.time_unit_ns))
        body = {"size": 0, "query": all_of(clauses), "track_total_hits": False, "aggs": {"minutes": {kind: histogram}}}
        with plain_errors(f"count documents of {index}"):
            answer = request(client, "POST", f"/{index}/_search", body, **MISSING)
        check_complete(answer, index)
        for bucket in answer.get("aggregations", {}).get("minutes", {}).get("buckets", []):
            found[int(bucket["key"]) * unit_ns] = int(bucket["doc_count"])
    return found


_BUCKETS_NS = 30 * 24 * 60 * MINUTE_NS  # 43,200 buckets of at most 65,536 (search.max_buckets)


def _days(window: Window) -> Iterator[Window]:
    """The window in parts that have few enough minutes for one request."""
    for start in range(window.start_ns, window.end_ns, _BUCKETS_NS):
        yield Window(start, min(start + _BUCKETS_NS, window.end_ns))
