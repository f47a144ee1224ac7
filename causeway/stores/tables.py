"""The tables that notebooks and the API read whole, by name."""

from __future__ import annotations

import pyarrow as pa

from causeway.errors import ConfigError
from causeway.stores.contract import LogFilter, Page, Reader, SampleFilter, SpanFilter
from causeway.window import Window

TABLES = ("spans", "logs", "samples", "series", "events", "edges", "operations", "instances")


def read_table(store: Reader, name: str, window: Window, *, service: str | None, limit: int) -> Page:
    """One of TABLES, at most `limit` rows, telling whether it was cut. Series are unwindowed.

    Raises ConfigError for another name.
    """
    if name not in TABLES:
        raise ConfigError(f"no table {name!r}; there are {', '.join(TABLES)}")
    pages = {
        "spans": lambda: store.spans(window, SpanFilter(service=service), limit=limit),
        "logs": lambda: store.logs(window, LogFilter(service=service), limit=limit),
        "events": lambda: store.events(window, service=service, limit=limit),
        "samples": lambda: _capped(store.samples(window, SampleFilter(service=service)), limit),
        "series": lambda: _capped(store.series(SampleFilter(service=service)), limit),
        "edges": lambda: _capped(store.edges(window, service=service), limit),
        "operations": lambda: _capped(store.operations(window, service=service), limit),
        "instances": lambda: _capped(store.instances(window, service=service), limit),
    }
    return pages[name]()


def _capped(table: pa.Table, limit: int) -> Page:
    return Page(table.slice(0, limit), truncated=table.num_rows > limit, matched=table.num_rows)
