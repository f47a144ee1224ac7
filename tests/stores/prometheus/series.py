"""Small batches of samples for the tests of this room."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from causeway import records

START_NS = 1_760_000_040_000_000_000
SECOND_NS = 1_000_000_000


def series_row(series_id: int = 1, **more: Any) -> dict[str, Any]:
    """A gauge of the service cart, unless told otherwise."""
    return {
        "series_id": series_id,
        "name": "queue.length",
        "unit": "{message}",
        "type": "gauge",
        "temporality": "UNSPECIFIED",
        "monotonic": False,
        "service": "cart",
        "instance": "cart-1",
        "resource_id": 11,
        "description": "How many wait",
        "attributes": [("queue.name", "orders")],
        "first_ns": START_NS,
        **more,
    }


def batch(series: list[dict[str, Any]], samples: list[tuple[int, float, float]]) -> dict[str, pa.Table]:
    """Tables of series and of samples (series_id, seconds after START_NS, value)."""
    rows = [
        {"series_id": series_id, "time_ns": START_NS + int(after_s * SECOND_NS), "start_ns": None, "value": value}
        for series_id, after_s, value in samples
    ]
    resource = {
        "resource_id": 11,
        "service": "cart",
        "instance": "cart-1",
        "version": "2",
        "attributes": [("service.name", "cart"), ("k8s.pod.name", "cart-7d9f8b6c5-x2x7k")],
        "first_ns": START_NS,
    }
    return {
        "series": pa.Table.from_pylist(series, schema=records.SERIES),
        "samples": pa.Table.from_pylist(rows, schema=records.SAMPLES),
        "resources": pa.Table.from_pylist([resource], schema=records.RESOURCES),
    }
