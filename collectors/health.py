"""GET /healthz: the process answers. /readyz: it can take records in. /metrics: its own numbers, and its drains'."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Receive, Scope, Send

from causeway.messages import quantity
from causeway.stores.journal.drain import DrainStatus
from causeway.stores.journal.journal import Journal

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def with_health(app: ASGIApp, journal: Journal, registry: CollectorRegistry) -> ASGIApp:
    """The application with the three addresses in front of it."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path not in PATHS:
            await app(scope, receive, send)
            return
        status, kind, body = 200, b"text/plain; charset=utf-8", b"ok\n"
        if path == "/metrics":
            kind, body = CONTENT_TYPE_LATEST.encode(), generate_latest(registry)
        elif path == "/readyz":
            status, text = readiness(journal)
            body = text.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


def readiness(journal: Journal) -> tuple[int, str]:
    """200 while requests are taken in, also during the outage of a store; 503 where they are not; and why."""
    lines = [f"{status.name} does not take records: {status.failing}" for status in _failing(journal)]
    if journal.spool_bytes_max is not None:
        used, most = quantity(journal.undelivered_bytes, "B"), quantity(journal.spool_bytes_max, "B")
        lines.append(f"{used} of {most} wait in the log")
    if journal.full:
        return 503, "\n".join(["not ready: no room for more", *lines]) + "\n"
    return 200, "\n".join(["ok", *lines]) + "\n"


def _failing(journal: Journal) -> Iterator[DrainStatus]:
    return (status for status in journal.statuses() if status.failing is not None)


class DrainMeters(Collector):
    """How far each drain of the journal is, read when asked."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def collect(self) -> Iterable[Metric]:
        """One family per number, one sample per drain."""
        gauges = {
            "lag_seconds": ("Age of the oldest record not yet delivered", lambda s: s.lag_s),
            "waiting_bytes": ("Bytes of the log not yet delivered", lambda s: float(s.waiting_bytes)),
            "failing": ("1 while the sink does not take records", lambda s: float(s.failing is not None)),
            "failing_seconds": ("For how long it has not", _failing_s),
            "reads_log": ("1 while it is behind and reads the log", lambda s: float(s.reads_log)),
        }
        counters = {
            "flushes": ("Batches delivered", lambda s: float(s.flushes)),
            "flush_seconds": ("Seconds spent delivering", lambda s: s.flush_s),
        }
        statuses = self._journal.statuses()
        for name, (text, number) in gauges.items():
            gauge = GaugeMetricFamily(f"causeway_drain_{name}", text, labels=["drain"])
            for status in statuses:
                gauge.add_metric([status.name], number(status))
            yield gauge
        for name, (text, number) in counters.items():
            counter = CounterMetricFamily(f"causeway_drain_{name}", text, labels=["drain"])
            for status in statuses:
                counter.add_metric([status.name], number(status))
            yield counter
        for name in sorted({name for status in statuses for name in status.numbers}):
            counter = CounterMetricFamily(f"causeway_sink_{name}", f"What the sink counted: {name}", labels=["drain"])
            for status in statuses:
                if name in status.numbers:
                    counter.add_metric([status.name], status.numbers[name])
            yield counter


def _failing_s(status: DrainStatus) -> float:
    return 0.0 if status.failing_since_s is None else max(0.0, time.time() - status.failing_since_s)
