"""Traces as rows: which traces match, and what each says of itself, the same for every store."""

from __future__ import annotations

import pyarrow as pa

TRACES = pa.schema(
    [
        ("trace_id", pa.binary()),
        ("start_ns", pa.int64()),
        ("duration_ns", pa.int64()),
        ("service", pa.string()),
        ("operation", pa.string()),
        ("spans", pa.int64()),
        ("errors", pa.int64()),
        ("services", pa.int64()),
    ]
)
# What matching spans say of their trace: first and last start, longest duration.
MATCHING = pa.schema([("trace_id", pa.binary()), ("first", pa.int64()), ("last", pa.int64()), ("longest", pa.int64())])
# The columns of spans that a summary is made of.
SUMMARISED = ("trace_id", "parent_span_id", "service", "operation", "start_ns", "duration_ns", "status")


def summary_sql(condition: str, *, slowest_first: bool) -> str:
    """SQL over spans `{source}` with rows of TRACES in the order of `Reader.traces`."""
    return (
        "SELECT trace_id, min(start_ns) AS start_ns, max(start_ns + duration_ns) - min(start_ns) AS duration_ns, "
        "arg_min(service, (parent_span_id IS NOT NULL, start_ns)) AS service, "
        "arg_min(operation, (parent_span_id IS NOT NULL, start_ns)) AS operation, "
        "count(*) AS spans, count(*) FILTER (status = 'ERROR') AS errors, "
        "count(DISTINCT service) AS services "
        f"FROM {{source}} WHERE {condition} GROUP BY trace_id "
        f"ORDER BY {'duration_ns' if slowest_first else 'start_ns'} DESC, trace_id"
    )


def matching_of(found: pa.Table) -> pa.Table:
    """Rows of MATCHING with equal trace_id put together."""
    summed = found.group_by("trace_id", use_threads=False)
    summed = summed.aggregate([("first", "min"), ("last", "max"), ("longest", "max")])
    return summed.rename_columns(MATCHING.names)
