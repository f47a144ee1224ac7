"""Sends ready OTLP requests over HTTP, several in flight, and comes back when the server asks for it."""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from causeway.errors import CausewayError, ConfigError

PATHS = {"spans": "/v1/traces", "logs": "/v1/logs", "samples": "/v1/metrics"}
RETRYABLE = frozenset({429, 502, 503, 504})
_BACK_OFF_MAX_S = 5.0
_QUEUED_PER_WORKER = 2


class SendError(CausewayError):
    """Nobody answers at the address, or the server kept refusing for too long."""


@dataclass(frozen=True, slots=True)
class Export:
    """One request: its signal (`spans`, `logs`, `samples`), how many records it holds, and its bytes."""

    signal: str
    records: int
    body: bytes


@dataclass(slots=True)
class Tally:
    """What became of the records of one signal. `resent` counts requests."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    requests: int = 0
    resent: int = 0
    bytes: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """in_flight: requests at a time. give_up_s: how long one request may be refused or find nobody."""

    in_flight: int = 4
    timeout_s: float = 60.0
    give_up_s: float = 30.0


class Sender:
    """Posts exports to `to` (http://host:port). Close it, or use `with`, to wait for all answers.

    The tallies are complete after `close`. It raises SendError if a request could not be delivered.
    """

    def __init__(self, to: str, options: SendOptions | None = None) -> None:
        parts = urlsplit(to)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(f"cannot send to {to!r}; give an address such as http://127.0.0.1:4318")
        self._host, self._port, self._prefix = parts.hostname, parts.port or 4318, parts.path.rstrip("/")
        self._to = to
        self._options = options or SendOptions()
        self.tallies = {signal: Tally() for signal in PATHS}
        self._lock = threading.Lock()
        self._failure: CausewayError | None = None
        self._queue: queue.Queue[Export | None] = queue.Queue(self._options.in_flight * _QUEUED_PER_WORKER)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._options.in_flight)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(drop=kind is not None)

    def probe(self) -> None:
        """Raises SendError at once when nobody listens at the address."""
        try:
            socket.create_connection((self._host, self._port), timeout=5.0).close()
        except OSError as error:
            reason = f"nobody answers at {self._to} ({error}); is `causeway up` or `causeway collect` running?"
            raise SendError(reason) from error

    def put(self, export: Export) -> None:
        """Queue one request; waits while the queue is full. Raises what made an earlier request fail."""
        while True:
            if self._failure:
                raise self._failure
            try:
                self._queue.put(export, timeout=0.2)
            except queue.Full:
                continue
            return

    def close(self, *, drop: bool = False) -> None:
        """Wait for all answers (or, with `drop`, only for the requests in flight)."""
        if drop:
            self._failure = self._failure or SendError("stopped")
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self._failure and not drop:
            raise self._failure

    def send_all(self, exports: Iterable[Export], *, progress: Callable[[Export], None] | None = None) -> None:
        """Queue every export, telling `progress` after each."""
        for export in exports:
            self.put(export)
            if progress:
                progress(export)

    def _work(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._options.timeout_s)
        while (export := self._queue.get()) is not None:
            if self._failure:
                continue
            try:
                self._deliver(connection, export)
            except CausewayError as error:
                self._failure = self._failure or error
        connection.close()

    def _deliver(self, connection: http.client.HTTPConnection, export: Export) -> None:
        deadline, pause_s = time.monotonic() + self._options.give_up_s, 0.05
        attempts = 0
        while True:
            attempts += 1
            status, retry_after, answer = self._post(connection, export)
            if status == 200:
                self._count(export, answer, attempts)
                return
            if status not in RETRYABLE and status != 0:
                raise SendError(f"{self._to} refused {export.records} {export.signal}: {status} {_short(answer)}")
            if time.monotonic() > deadline or self._failure:
                raise SendError(f"{self._to} does not take our requests: {_short(answer)}")
            time.sleep(retry_after if retry_after is not None else pause_s)
            pause_s = min(pause_s * 2, _BACK_OFF_MAX_S)

    def _post(self, connection: http.client.HTTPConnection, export: Export) -> tuple[int, float | None, bytes]:
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            connection.request("POST", self._prefix + PATHS[export.signal], export.body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 0, None, f"{type(error).__name__}: {error}".encode()
        return response.status, retry_after_s(response.getheader("Retry-After")), answer

    def _count(self, export: Export, answer: bytes, attempts: int) -> None:
        rejected, message = _partial_success(export.signal, answer)
        with self._lock:
            tally = self.tallies[export.signal]
            tally.sent += export.records
            tally.rejected += rejected
            tally.accepted += export.records - rejected
            tally.requests += 1
            tally.resent += attempts - 1
            tally.bytes += len(export.body)
            tally.message = tally.message or message


def retry_after_s(header: str | None) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None when absent or unreadable."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _partial_success(signal: str, answer: bytes) -> tuple[int, str]:
    if not answer:
        return 0, ""
    if signal == "spans":
        spans = ExportTraceServiceResponse.FromString(answer).partial_success
        return spans.rejected_spans, spans.error_message
    if signal == "logs":
        logs = ExportLogsServiceResponse.FromString(answer).partial_success
        return logs.rejected_log_records, logs.error_message
    points = ExportMetricsServiceResponse.FromString(answer).partial_success
    return points.rejected_data_points, points.error_message


def _short(answer: bytes) -> str:
    return "".join(char for char in answer[:200].decode(errors="replace") if char.isprintable())
