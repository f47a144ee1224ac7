"""Exemplars out of a Prometheus that keeps some in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from causeway import records
from causeway.stores.prometheus.client import Client
from causeway.window import Window

_IDS = ("trace_id", "span_id")


def ask(client: Client, chosen: str, window: Window) -> list[Mapping[str, Any]]:
    """`seriesLabels` and `exemplars` of the series a selector chooses. Raises StoreError."""
    parameters = [
        ("query", chosen),
        ("start", f"{window.start_ns / 1e9:.3f}"),
        ("end", f"{window.end_ns / 1e9:.3f}"),
    ]
    found: list[Mapping[str, Any]] = client.ask("query_exemplars", parameters)
    return found


def table(found: Iterable[tuple[int, Sequence[Mapping[str, Any]]]], window: Window) -> pa.Table:
    """`records.EXEMPLARS` by (series_id, time_ns), each once, those of the window."""
    rows = {
        (
            series_id,
            round(float(each["timestamp"]) * 1000) * 1_000_000,
            float(each["value"]),
            _text(each["labels"]),
        ): each
        for series_id, some in found
        for each in some
    }
    columns: dict[str, list[Any]] = {name: [] for name in records.EXEMPLARS.names}
    for (series_id, time_ns, value, _), each in sorted(rows.items(), key=lambda item: item[0]):
        if not window.start_ns <= time_ns < window.end_ns:
            continue
        labels = each["labels"]
        columns["series_id"].append(series_id)
        columns["time_ns"].append(time_ns)
        columns["value"].append(value)
        for name in _IDS:
            columns[name].append(_binary(labels.get(name, "")))
        columns["attributes"].append(sorted((key, text) for key, text in labels.items() if key not in _IDS))
    return pa.table(columns, schema=records.EXEMPLARS)


def _text(labels: Mapping[str, str]) -> str:
    return repr(sorted(labels.items()))


def _binary(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) or None
    except ValueError:
        return None
