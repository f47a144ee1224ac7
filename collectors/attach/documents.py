"""A source of spans: documents of any layout in an Elasticsearch cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from elasticsearch import Elasticsearch

from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.columns import times_ns
from causeway.stores.elasticsearch.layouts.layout import Clause, Hit, Layout, document_range
from causeway.stores.elasticsearch.scan import MISSING, Query, Scanner, all_of, check_complete, request
from causeway.window import Window
from collectors.attach.pages import SpanPage
from collectors.attach.patience import PatientClient
from collectors.attach.slots import SLOT_NS

PAGE_DOCUMENTS = 4_000  # whole documents as objects are ten times their text; several pages wait
_BUCKETS = 60_000  # of at most 65,536 in one answer (search.max_buckets)


class DocumentSource:
    """Counts and reads documents by their time."""

    def __init__(self, client: PatientClient, layout: Layout, index: str, columns: Sequence[str]) -> None:
        """columns: what `read` gives, of `records.SPANS` or `resource`."""
        self._client = cast("Elasticsearch", client)
        self._layout, self._index, self._columns = layout, index, tuple(columns)
        self._scanner = Scanner(self._client, slices=client.threads, page=PAGE_DOCUMENTS)
        self._unit_ns = layout.time_unit_ns or 1_000_000

    def extent(self, window: Window) -> Window | None:
        """From the first to the last document of the window, in whole slots; None where there is none."""
        field = {"field": self._layout.time_field}
        answer = self._aggregate(window, {"first": {"min": field}, "last": {"max": field}})
        first, last = (answer.get(name, {}).get("value") for name in ("first", "last"))
        if first is None or last is None:
            return None
        start_ns, end_ns = int(first) * self._unit_ns, int(last) * self._unit_ns + 1
        return Window(start_ns, end_ns).aligned(SLOT_NS)

    def counts(self, window: Window) -> dict[int, int]:
        """Documents of each slot that has any. The window is of whole slots."""
        found: dict[int, int] = {}
        histogram: dict[str, Any] = {"field": self._layout.time_field, "min_doc_count": 1}
        if self._layout.time_unit_ns:
            kind, histogram["interval"] = "histogram", SLOT_NS // self._layout.time_unit_ns
        else:
            kind, histogram["fixed_interval"] = "date_histogram", f"{SLOT_NS // 1_000_000_000}s"
        for start in range(window.start_ns, window.end_ns, _BUCKETS * SLOT_NS):
            part = Window(start, min(start + _BUCKETS * SLOT_NS, window.end_ns))
            answer = self._aggregate(part, {"slots": {kind: histogram}})
            for bucket in answer.get("slots", {}).get("buckets", []):
                found[int(bucket["key"]) * self._unit_ns] = int(bucket["doc_count"])
        return found

    def read(self, window: Window, *, documents: int = 0) -> Iterator[SpanPage]:
        """All spans of the documents in the window, in no order. documents: how many there are, as far as is known."""
        source = dict.fromkeys((*self._layout.source(self._columns), self._layout.time_field))
        query = Query(self._index, self._clauses(window), tuple(source))
        for hits in self._scanner.pages(query, large=documents > PAGE_DOCUMENTS):
            spans = self._layout.decode(hits, self._columns)
            yield SpanPage(spans, len(hits), self._slots(hits))

    def _slots(self, hits: Sequence[Hit]) -> Mapping[int, int]:
        values = [hit["_source"].get(self._layout.time_field) for hit in hits]
        if all(type(value) is int for value in values):
            times = np.array(values, np.int64) * self._unit_ns
        else:
            times = times_ns(values).fill_null(0).to_numpy(zero_copy_only=False)
        slots, counts = np.unique(times // SLOT_NS, return_counts=True)
        return dict(zip((slots * SLOT_NS).tolist(), counts.tolist(), strict=True))

    def _clauses(self, window: Window) -> tuple[Clause, ...]:
        times = document_range(self._layout.time_field, window, unit_ns=self._layout.time_unit_ns)
        return (*self._layout.base(), times)

    def _aggregate(self, window: Window, aggregations: dict[str, Any]) -> Any:
        body = {
            "size": 0,
            "query": all_of(self._clauses(window)),
            "track_total_hits": False,
            "aggs": aggregations,
        }
        with plain_errors(f"count documents of {self._index}"):
            answer = request(self._client, "POST", f"/{self._index}/_search", body, **MISSING)
        check_complete(answer, self._index)
        return answer.get("aggregations", {})
