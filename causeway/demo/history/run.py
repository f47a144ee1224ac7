"""Generated history as OTLP requests, by time, the signals interleaved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from causeway.demo.history import metrics
from causeway.demo.history.draw import Pace, draw
from causeway.demo.history.rows import Rows
from causeway.demo.history.spans import Encoder
from causeway.demo.shop import plan
from causeway.otlp import encode
from causeway.otlp.send import Export
from causeway.window import SECOND_NS, Window

_SLICE_NS = 10 * SECOND_NS
_SCOPE = encode.scope(plan.SCOPE)


@dataclass(frozen=True, slots=True)
class History:
    """What to generate. `ports` and `usage` (by instance id) are those of the running shop."""

    window: Window
    ports: dict[str, list[int]]
    per_s: float = plan.REQUESTS_PER_S
    seed: int = 1
    pace: Pace = field(default_factory=Pace)
    usage: Mapping[str, metrics.Usage] = field(default_factory=dict)


def exports(history: History) -> Iterator[Export]:
    """All requests. The same history gives the same bytes."""
    rng = np.random.default_rng((history.seed, history.window.start_ns))
    traces = draw(history.window, per_s=history.per_s, pace=history.pace, rng=rng)
    encoder = Encoder(history.ports)
    spans = [rows for trace in traces for rows in encoder.spans(trace)]
    logs = [rows for trace in traces for rows in encoder.logs(trace)]
    owners = {
        (service.name, number): encoder.resource(service.name, number)
        for service in plan.SERVICES
        for number in range(service.instances)
    }
    points = metrics.exports(traces, history.window, usage=history.usage, resources=owners, rng=rng)
    streams = (_sliced("spans", spans, history.window), _sliced("logs", logs, history.window), points)
    for together in zip_longest(*streams):
        yield from (export for export in together if export is not None)


def slices(window: Window) -> int:
    """How many requests of spans there are: a measure of progress."""
    return -(-window.duration_ns // _SLICE_NS)


def _sliced(signal: str, found: list[Rows], window: Window) -> Iterator[Export]:
    # A request that came just before the window's end goes on a little after it.
    for start_ns in range(window.start_ns, window.end_ns + _SLICE_NS, _SLICE_NS):
        groups: dict[bytes, list[bytes]] = defaultdict(list)
        total = 0
        for rows in found:
            count, encoded = rows.between(start_ns, start_ns + _SLICE_NS)
            if count:
                groups[rows.resource].append(encoded)
                total += count
        if total:
            body = encode.request({of: b"".join(parts) for of, parts in groups.items()}, _SCOPE)
            yield Export(signal, total, body)
