"""A source for people who cannot reach Jaeger's storage: the HTTP API of its query service.

It cannot count, gives whole traces by service, and cuts an answer off at a limit: windows are halved until answers
are whole. Where even the shortest window is cut off that is said, not hidden.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from causeway import logs
from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch.foreign.gathering import Document
from causeway.stores.elasticsearch.foreign.jaeger import JaegerDecoder
from causeway.window import MINUTE_NS, SECOND_NS, Window
from collectors.attach import slots as cursors
from collectors.attach.following import ROUND_S, Progress
from collectors.attach.pages import SpanPage, tables_of
from collectors.attach.slots import Cursor
from collectors.attach.targets import Target

log = logs.get("attach")

TRACES_LIMIT = 1500
SHORTEST_NS = SECOND_NS
STEP_NS = MINUTE_NS
LOOK_BACK_NS = 2 * MINUTE_NS  # traces grow until their last span has come
TIMEOUT_S = 60.0


class JaegerQuery:
    """Reads windows of traces. `cut_off`: windows of a service whose answer was cut off all the same."""

    def __init__(self, url: str, columns: Sequence[str]) -> None:
        """columns: what `read` gives, of `records.SPANS` or `resource`. Raises ConfigError for another address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"{url}: expected http://HOST:16686 for --layout jaeger-query")
        self.url, self.cut_off = url.rstrip("/"), 0
        self._columns, self._decoder = columns, JaegerDecoder()
        self._client = httpx2.Client(base_url=self.url, timeout=TIMEOUT_S)

    def services(self) -> list[str]:
        """Raises StoreError when the service does not answer as Jaeger does."""
        return sorted(str(name) for name in self._get("/api/services", {}))

    def read(self, window: Window) -> Iterator[SpanPage]:
        """All spans of the traces with a span in the window; a trace that is met again is left out."""
        known: set[str] = set()
        for service in self.services():
            for traces in self._traces(service, window):
                fresh = [trace for trace in traces if trace.get("traceID") not in known]
                known.update(str(trace.get("traceID")) for trace in fresh)
                documents = [document for trace in fresh for document in _documents(trace)]
                if documents:
                    spans = self._decoder.decode(documents, self._columns)
                    yield SpanPage(spans, len(documents))

    def close(self) -> None:
        self._client.close()

    def _traces(self, service: str, window: Window) -> Iterator[list[Document]]:
        traces = self._get(
            "/api/traces",
            {
                "service": service,
                "start": window.start_ns // 1000,
                "end": window.end_ns // 1000 - 1,
                "limit": TRACES_LIMIT,
            },
        )
        if len(traces) < TRACES_LIMIT:
            yield traces
        elif window.duration_ns > SHORTEST_NS:
            middle = window.start_ns + window.duration_ns // 2
            yield from self._traces(service, Window(window.start_ns, middle))
            yield from self._traces(service, Window(middle, window.end_ns))
        else:
            self.cut_off += 1
            yield traces

    def _get(self, path: str, parameters: dict[str, Any]) -> list[Any]:
        what = f"read {self.url}{path}"
        try:
            answer = self._client.get(path, params=parameters)
            found = orjson.loads(answer.content) if answer.content else {}
        except httpx2.HTTPError as error:
            raise StoreError(f"cannot {what}: {error or type(error).__name__}") from error
        except orjson.JSONDecodeError:
            raise StoreError(f"cannot {what}: HTTP {answer.status_code} without JSON; is this Jaeger's UI?") from None
        if answer.status_code != 200 or not isinstance(found, dict):
            errors = found.get("errors") if isinstance(found, dict) else None
            raise StoreError(f"cannot {what}: HTTP {answer.status_code} {errors or ''}".rstrip())
        return found.get("data") or []


def _documents(trace: Document) -> Iterator[Document]:
    """The spans with their process told in full, as in Jaeger's index."""
    processes = trace.get("processes") or {}
    for span in trace.get("spans") or ():
        yield {**span, "process": processes.get(span.get("processID")) or {}}


@dataclass(slots=True)
class QueryFollower:
    """One run over a query service, window by window; the last LOOK_BACK_NS are read again in every round."""

    source: JaegerQuery
    target: Target
    cursor: Cursor
    path: Path
    stopping: threading.Event
    advance: Callable[[int], None] = lambda by: None  # noqa: ARG005
    progress: Progress = field(default_factory=Progress)

    def catch_up(self, start_ns: int, now_ns: int) -> None:
        """Read from where the last run stopped, or from `start_ns`, until now. Raises StoreError."""
        first = max(start_ns, self.cursor.until_ns - LOOK_BACK_NS) if self.cursor.until_ns else start_ns
        for begin in range(first, now_ns, STEP_NS):
            if self.stopping.is_set():
                return
            window = Window(begin, min(begin + STEP_NS, now_ns))
            for page in self.source.read(window):
                self.target.add(tables_of(page.spans))
                self.progress.documents += page.documents
                self.progress.spans += page.spans.num_rows
            self.target.settle()
            self.cursor.until_ns = max(self.cursor.until_ns, window.end_ns)
            cursors.save(self.path, self.cursor)
            self.advance(1)

    def follow(self, start_ns: int, *, clock: Callable[[], int] = time.time_ns) -> None:
        """Read what comes until asked to stop; what fails is tried again in the next round."""
        while not self.stopping.wait(ROUND_S):
            try:
                self.catch_up(start_ns, clock())
            except StoreError as error:
                log.warning("source.failed", error=str(error), retry="every round")
