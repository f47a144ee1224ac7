"""HTTP between shop services: kept connections, instances in turn, a client span for each attempt."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass

from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, Status, StatusCode

from causeway.demo.shop import plan
from causeway.demo.shop.telemetry import Telemetry

_SERVER_FAULT = 500
_GAPS_KEPT = 200


class UpstreamFailed(Exception):
    """Another service did not give an answer that can be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; `took_ms` is what the server says it spent itself, None if it does not."""

    status: int
    body: bytes
    took_ms: float | None = None


class Connections:
    """Kept connections to one port. A stale one is replaced silently, a port where nobody listens is an error."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: deque[http.client.HTTPConnection] = deque()

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """One exchange. Raises OSError or HTTPException."""
        while (kept := self._kept()) is not None:
            try:
                return self._exchange(kept, method, path, headers, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                kept.close()
        fresh = http.client.HTTPConnection(plan.HOST, self.port, timeout=plan.CALL_TIMEOUT_S)
        return self._exchange(fresh, method, path, headers, body)

    def _kept(self) -> http.client.HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
    ) -> Answer:
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self._idle.append(connection)
        timing = response.getheader("Server-Timing", "")
        took = float(timing.partition("dur=")[2]) if "dur=" in timing else None
        return Answer(response.status, content, took)


class Asker:
    """Calls operations of other services."""

    def __init__(self, telemetry: Telemetry, ports: dict[str, list[int]]) -> None:
        self._telemetry = telemetry
        self._instances = {name: [Connections(port) for port in found] for name, found in ports.items()}
        self._turn = {name: itertools.count() for name in ports}
        self._lock = threading.Lock()
        self.gaps_ms: deque[float] = deque(maxlen=_GAPS_KEPT)

    def call(self, operation: plan.Operation, parameters: dict[str, str]) -> Answer:
        """The answer of any instance. Raises UpstreamFailed after the last attempt, or for a server error."""
        with self._lock:
            turn = next(self._turn[operation.service])
        instances = self._instances[operation.service]
        for attempt in range(plan.ATTEMPTS):
            instance = instances[(turn + attempt) % len(instances)]
            try:
                return self._attempt(operation, parameters, instance, attempt)
            except (OSError, http.client.HTTPException) as error:
                reason = f"{operation.service} on port {instance.port}: {type(error).__name__}"
                self._telemetry.log("WARN", f"No answer from {reason}, attempt {attempt + 1}")
                if attempt + 1 == plan.ATTEMPTS:
                    raise UpstreamFailed(f"no instance of {operation.service} answers") from error
                time.sleep(plan.RETRY_PAUSE_S)
        raise AssertionError

    def _attempt(
        self, operation: plan.Operation, parameters: dict[str, str], instance: Connections, attempt: int
    ) -> Answer:
        path = operation.route.format(**parameters)
        attributes: dict[str, str | int] = {
            "http.request.method": operation.method,
            "url.full": f"http://{operation.service}:{instance.port}{path}",
            "server.address": operation.service,
            "server.port": instance.port,
            "peer.service": operation.service,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        span = self._telemetry.tracer.start_as_current_span(
            operation.method, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
        )
        with span as current:
            headers: dict[str, str] = {"X-Customer": parameters["user"], "X-Order": parameters["order"]}
            inject(headers)
            began = time.perf_counter()
            try:
                answer = instance.request(operation.method, path, headers)
            except (OSError, http.client.HTTPException) as error:
                current.set_attribute("error.type", type(error).__name__)
                raise
            current.set_attribute("http.response.status_code", answer.status)
            if answer.took_ms is not None:
                self.gaps_ms.append((time.perf_counter() - began) * 1e3 - answer.took_ms)
            if answer.status >= _SERVER_FAULT:
                current.set_attribute("error.type", str(answer.status))
                current.set_status(Status(StatusCode.ERROR))
                raise UpstreamFailed(f"{operation.service} answered {answer.status} to {operation.title}")
            return answer
