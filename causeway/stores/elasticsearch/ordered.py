"""The first documents of a query by one field, page by page, until the caller has enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import Hit
from causeway.stores.elasticsearch.scan import (
    HITS,
    KEEP_ALIVE,
    PAGE_DOCUMENTS,
    Query,
    check_complete,
    point_in_time,
    request,
)

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

    def value_of(self, hit: Hit) -> int:
        """What the document was sorted by; ns for a time."""
        return int(hit["sort"][0]) * (self.unit_ns or 1)


def pages(client: Elasticsearch, query: Query, order: Order, *, expected: int) -> Iterator[list[Hit]]:
    """Pages of hits in order, each but the last longer than the one before; none is empty.

    expected: how many the caller thinks it needs. Raises StoreError.
    """
    size = min(max(expected + PAGE_FIRST, PAGE_FIRST), PAGE_DOCUMENTS)
    with point_in_time(client, query.index) as point:
        after: Any = None
        while True:
            body = query.body() | {"size": size, "sort": [order.sort()]}
            body["pit"] = {"id": point, "keep_alive": KEEP_ALIVE}
            if after is not None:
                body["search_after"] = after
            with plain_errors(f"read {query.index}"):
                answer = request(client, "POST", "/_search", body, filter_path=HITS)
            check_complete(answer, query.index)
            hits = answer.get("hits", {}).get("hits", [])
            if hits:
                yield hits
            if len(hits) < size:
                return
            after, size = hits[-1]["sort"], min(size * 4, PAGE_DOCUMENTS)
