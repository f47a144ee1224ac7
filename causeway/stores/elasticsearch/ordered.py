"""The first documents of a query by one field, page by page, until the caller has enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from elasticsearch import Elasticsearch

from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import TIME_MAX_NS, Clause, Hit, document_range
from causeway.stores.elasticsearch.scan import (
    HITS,
    KEEP_ALIVE,
    MISSING,
    PAGE_DOCUMENTS,
    Query,
    check_complete,
    point_in_time,
    request,
)
from causeway.window import Window

PAGE_FIRST = 100


@dataclass(frozen=True, slots=True)
class Order:
    """The field that documents come by. unit_ns: of a long that is a time; 0 for a date; None for any other number."""

    field: str
    descending: bool = False
    unit_ns: int | None = None

    def sort(self) -> dict[str, Any]:
        how: dict[str, Any] = {"order": "desc" if self.descending else "asc"}
        if self.unit_ns == 0:
            how |= {"numeric_type": "date_nanos", "unmapped_type": "date_nanos"}
        else:
            how["unmapped_type"] = "long"
        return {self.field: how}

    def beyond(self, value: int) -> Clause:
        """The documents from that value (of `value_of`) on, those that have it too."""
        if self.unit_ns == 0:
            window = Window(0, value + 1) if self.descending else Window(value, TIME_MAX_NS)
            return document_range(self.field, window)
        return {"range": {self.field: {"lte" if self.descending else "gte": value // (self.unit_ns or 1)}}}

    def value_of(self, hit: Hit) -> int:
        """What the document was sorted by; ns for a time."""
        return int(hit["sort"][0]) * (self.unit_ns or 1)


def pages(client: Elasticsearch, query: Query, order: Order, *, expected: int) -> Iterator[list[Hit]]:
    """Pages of hits in order; none is empty.

    expected: how many the caller thinks it needs: one request fetches them, those after it a view that stays as it is.
    Raises StoreError.
    """
    size = min(max(expected + PAGE_FIRST, PAGE_FIRST), PAGE_DOCUMENTS)
    first = _page(client, f"/{query.index}/_search", query, {**_sorted(order, size)})
    if len(first) < size:
        if first:
            yield first
        return
    # Documents that are equal in order to the last are read again, as more of them may follow.
    reached = order.value_of(first[-1])
    before = [hit for hit in first if order.value_of(hit) != reached]
    if before:
        yield before
    rest = replace(query, clauses=(*query.clauses, order.beyond(reached)))
    with point_in_time(client, query.index) as point:
        after: Any = None
        while True:
            size = min(size * 4, PAGE_DOCUMENTS)
            body = {**_sorted(order, size), "pit": {"id": point, "keep_alive": KEEP_ALIVE}}
            if after is not None:
                body["search_after"] = after
            hits = _page(client, "/_search", rest, body)
            if hits:
                yield hits
            if len(hits) < size:
                return
            after = hits[-1]["sort"]


def _sorted(order: Order, size: int) -> dict[str, Any]:
    return {"size": size, "sort": [order.sort()]}


def _page(client: Elasticsearch, path: str, query: Query, body: dict[str, Any]) -> list[Hit]:
    options = {} if "pit" in body else MISSING
    with plain_errors(f"read {query.index}"):
        answer = request(client, "POST", path, query.body() | body, filter_path=HITS, **options)
    check_complete(answer, query.index)
    found: list[Hit] = answer.get("hits", {}).get("hits", [])
    return found
