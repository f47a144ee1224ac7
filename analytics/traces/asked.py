"""The sample of traces that a command was asked for."""

from __future__ import annotations

import time

from analytics.output import working
from analytics.reading import Asked, check_language
from analytics.traces.sampling import TraceSample, read_traces
from analytics.traces.spreading import Spread
from causeway.deployment import deployment
from causeway.findings import Message
from causeway.window import parse_window


def read_sample(asked: Asked, traces_max: int, spread: Spread, *, now_ns: int | None = None) -> TraceSample:
    """At most so many traces of the window that was typed."""
    now = time.time_ns() if now_ns is None else now_ns
    language = check_language(asked.lang)
    window = parse_window(asked.start, asked.end, now_ns=now, default=asked.default)
    store = deployment(asked.options).open_reader()
    try:
        with working(Message("traces.reading"), language=language):
            return read_traces(store, window, traces_max=traces_max, spread=spread)
    finally:
        store.close()
