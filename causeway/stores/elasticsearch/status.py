"""How much there is: documents, bytes, first and last time of each table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elastic_transport import ApiError
from elasticsearch import Elasticsearch

from causeway import records
from causeway.errors import StoreError
from causeway.stores.contract import TableStatus
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import Clause
from causeway.stores.elasticsearch.ordered import Order
from causeway.stores.elasticsearch.scan import MISSING, all_of, check_complete, request

# Index pattern, clauses, time field and its unit (ns; 0 for a date).
Place = tuple[str, tuple[Clause, ...], str, int]


def table_statuses(client: Elasticsearch, places: Mapping[str, Place]) -> tuple[TableStatus, ...]:
    """One for each of `records.TABLES`; those without a place are empty. Bytes are of all copies. Raises StoreError."""
    return tuple(
        _status(client, name, places[name]) if name in places else TableStatus(name, 0, 0, 0, None, None)
        for name in records.TABLES
    )


def _status(client: Elasticsearch, name: str, place: Place) -> TableStatus:
    index, clauses, field, unit_ns = place
    rows, first_ns = _edge(client, index, clauses, Order(field, unit_ns=unit_ns))
    _, last_ns = _edge(client, index, clauses, Order(field, descending=True, unit_ns=unit_ns))
    size, indices = _size(client, index)
    return TableStatus(name, rows, size, indices, first_ns, last_ns)


def _edge(client: Elasticsearch, index: str, clauses: tuple[Clause, ...], order: Order) -> tuple[int, int | None]:
    """How many documents there are, and the time of the first in that order."""
    body = {"size": 1, "query": all_of(clauses), "_source": False, "sort": [order.sort()], "track_total_hits": True}
    with plain_errors(f"look at {index}"):
        answer = request(client, "POST", f"/{index}/_search", body, **MISSING)
    check_complete(answer, index)
    hits = answer["hits"]["hits"]
    return int(answer["hits"]["total"]["value"]), order.value_of(hits[0]) if hits else None


def _size(client: Elasticsearch, index: str) -> tuple[int, int]:
    """Bytes on disk and number of indices; zeros where the user may not ask or the server does not tell."""
    options = {"filter_path": "_all.total.store.size_in_bytes,indices.*.uuid", "ignore_unavailable": "true"}
    try:
        with plain_errors(f"look at {index}"):
            answer: Any = request(client, "GET", f"/{index}/_stats/store", None, **options)
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, ApiError) and cause.meta.status in {400, 403, 404, 405, 410}:
            return 0, 0
        raise
    size = answer.get("_all", {}).get("total", {}).get("store", {}).get("size_in_bytes", 0)
    return int(size), len(answer.get("indices", {}))
