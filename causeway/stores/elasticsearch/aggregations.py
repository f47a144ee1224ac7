"""Questions that Elasticsearch answers itself: distinct values, counts of log lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from elasticsearch import Elasticsearch

from causeway import records
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import Clause, LogLayout
from causeway.stores.elasticsearch.scan import MISSING, all_of, check_complete, request

BUCKETS_PER_PAGE = 10_000
TERMS_MAX = 50_000
_MILLISECOND_NS = 1_000_000
_SEVERITY_STEP = 4


def terms(client: Elasticsearch, index: str, clauses: Sequence[Clause], field: str) -> set[str]:
    """The distinct values of a keyword field over the documents. Raises StoreError."""
    wanted = {"terms": {"field": field, "size": TERMS_MAX}}
    answer = _search(client, index, clauses, {"values": wanted})
    return {str(bucket["key"]) for bucket in answer.get("values", {}).get("buckets", [])}


def log_counts(
    client: Elasticsearch,
    logs: LogLayout,
    index: str,
    clauses: Sequence[Clause],
    *,
    step_ns: int | None,
    start_ns: int,
) -> pa.Table:
    """Rows of `records.LOG_COUNTS`: lines by slot of `step_ns`, or all in the slot `start_ns`. Raises StoreError."""
    sources: list[dict[str, Any]] = []
    if step_ns is not None:
        histogram = {"field": logs.time_field, "fixed_interval": f"{step_ns // 1_000_000_000}s"}
        sources.append({"slot": {"date_histogram": histogram}})
    fields = {"service": logs.services_field(), "severity": logs.severity_field or "severity_number"}
    if logs.template_field is not None:
        fields["template_id"] = logs.template_field
    sources += [{name: {"terms": {"field": field, "missing_bucket": True}}} for name, field in fields.items()]
    buckets = list(_composite(client, index, clauses, sources))
    keys = [bucket["key"] for bucket in buckets]
    slots = [key["slot"] * _MILLISECOND_NS if step_ns is not None else start_ns for key in keys]
    columns = {
        "slot_ns": slots,
        "service": [key["service"] for key in keys],
        "severity": [_severity(key["severity"]) for key in keys],
        "template_id": [key.get("template_id") for key in keys],
        "lines": [bucket["doc_count"] for bucket in buckets],
    }
    return pa.table(columns, schema=records.LOG_COUNTS)


def _severity(value: str | int | None) -> str | None:
    """The word of a severity number; a word as it is."""
    if isinstance(value, int):
        return records.SEVERITIES[(min(max(value, 0), 24) + _SEVERITY_STEP - 1) // _SEVERITY_STEP]
    return value


def _composite(
    client: Elasticsearch, index: str, clauses: Sequence[Clause], sources: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    composite: dict[str, Any] = {"size": BUCKETS_PER_PAGE, "sources": sources}
    while True:
        answer = _search(client, index, clauses, {"counts": {"composite": composite}}).get("counts", {})
        buckets = answer.get("buckets", [])
        yield from buckets
        if len(buckets) < BUCKETS_PER_PAGE:
            return
        composite["after"] = answer["after_key"]


def _search(client: Elasticsearch, index: str, clauses: Sequence[Clause], wanted: dict[str, Any]) -> Any:
    body = {"size": 0, "query": all_of(clauses), "track_total_hits": False, "aggs": wanted}
    with plain_errors(f"count documents of {index}"):
        answer = request(client, "POST", f"/{index}/_search", body, **MISSING)
    check_complete(answer, index)
    return answer.get("aggregations", {})
