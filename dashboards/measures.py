"""Numbers about the dashboards themselves, for Prometheus at /metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from causeway.errors import CausewayError
from dashboards.services import Services

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
# Paths are grouped by their first part, so that no label grows with what people type.
_GROUPS = ("api", "assets", "reports", "healthz", "readyz", "metrics")


class _StoreCollector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        readable = GaugeMetricFamily("causeway_store_readable", "1 while the store can be read.")
        rows = GaugeMetricFamily("causeway_store_rows", "Rows by table.", labels=["table"])
        size = GaugeMetricFamily("causeway_store_bytes", "Bytes on disk by table.", labels=["table"])
        newest = GaugeMetricFamily(
            "causeway_store_newest_timestamp_seconds", "Time of the newest record by table.", labels=["table"]
        )
        try:
            tables = self._services.status().tables
            readable.add_metric([], 1)
        except CausewayError:
            tables = ()
            readable.add_metric([], 0)
        for table in tables:
            if table.rows is not None:
                rows.add_metric([table.name], table.rows)
            size.add_metric([table.name], table.bytes)
            if table.last_ns is not None:
                newest.add_metric([table.name], table.last_ns / 1e9)
        yield from (readable, rows, size, newest)
        for name, value in self._services.self_metrics().items():
            yield GaugeMetricFamily(f"causeway_serve_{name}", f"Of the service layer: {name}.", value=value)


class Measures:
    """The registry of one application, and the middleware that counts its requests."""

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        PlatformCollector(registry=self.registry)
        ProcessCollector(registry=self.registry)
        self.registry.register(_StoreCollector(services))
        self._requests = Counter(
            "causeway_serve_requests",
            "HTTP requests by kind of path and status.",
            ["kind", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "causeway_serve_request_seconds", "Time to answer.", ["kind"], buckets=_SECONDS, registry=self.registry
        )

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        kind = kind_of(path)
        self._requests.labels(kind, str(status)).inc()
        self._seconds.labels(kind).observe(seconds)


def kind_of(path: str) -> str:
    """The label of a path: one of a handful."""
    first = path.strip("/").partition("/")[0]
    if first.startswith("_dash-update"):
        return "callback"
    if first.startswith("_dash"):
        return "dash"
    return first if first in _GROUPS else "page"


class CountRequests:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, *, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._measures.note(scope["path"], status, time.perf_counter() - began)
