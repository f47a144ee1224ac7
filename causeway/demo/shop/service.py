"""One instance of a shop service: an HTTP server that does what the plan says for its operations."""

from __future__ import annotations

import json
import math
import random
import re
import socket
import sqlite3
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span

from causeway.demo.shop import plan
from causeway.demo.shop.ask import Asker, Connections, UpstreamFailed
from causeway.demo.shop.database import Database
from causeway.demo.shop.settings import ShopSettings
from causeway.demo.shop.telemetry import Telemetry
from causeway.demo.shop.trouble import Trouble

# Of a request's own time, so much is spent before it asks others.
_OWN_TIME_FIRST = 0.6
_MESSAGING = {
    "messaging.system": "shopmq",
    "messaging.destination.name": plan.QUEUE,
    "server.address": plan.BROKER,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance this is; `previous` is the version it replaces, if any."""

    service: str
    number: int
    version: str
    previous: str | None = None
    trouble: str | None = None


class ShopService:
    """Does the work of one instance; the HTTP handler and the consumer call it."""

    def __init__(self, identity: Identity, settings: ShopSettings) -> None:
        self.identity = identity
        resource = plan.resource_attributes(identity.service, identity.version, identity.number)
        self.telemetry = Telemetry(resource, otlp=settings.otlp)
        self.asker = Asker(self.telemetry, settings.ports)
        self.broker = Connections(settings.broker_port)
        seed = settings.seed * 1000 + sum(map(ord, resource["service.instance.id"]))
        self._random = random.Random(seed)
        self.trouble = Trouble(seed)
        database = plan.service(identity.service).database
        self._database = Database(database, settings.database(database), self.telemetry) if database else None
        self._routes = [(_pattern(each), each) for each in plan.operations_of(identity.service)]
        self._durations = self.telemetry.meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests",
            explicit_bucket_boundaries_advisory=plan.DURATION_BOUNDS_S,
        )
        self._announce()

    def _announce(self) -> None:
        me = self.identity
        if me.trouble:
            self.trouble.begin(me.trouble)
        if me.previous and me.previous != me.version:
            self.telemetry.log(
                "INFO",
                f"Deployed {me.service} {me.version}, was {me.previous}",
                event_name="deployment",
                deployment__previous_version=me.previous,
                service__version=me.version,
            )

    def find(self, method: str, path: str) -> tuple[plan.Operation, dict[str, str]] | None:
        """The operation of a request and the parameters in its path."""
        for pattern, operation in self._routes:
            match = pattern.fullmatch(path)
            if match and operation.method == method:
                return operation, match.groupdict()
        return None

    def parameters(self, found: dict[str, str], customer: str | None, order: str | None) -> dict[str, str]:
        """What a request is about: from its path and headers, the rest made up."""
        made_up = {
            "user": customer or f"u{self._random.randrange(1000, 10_000)}",
            "order": order or f"{self._random.getrandbits(32):08x}",
            "id": str(self._random.choice(plan.PRODUCTS)),
        }
        return made_up | found

    def answer(self, operation: plan.Operation, parameters: dict[str, str], span: Span) -> HTTPStatus:
        """Do the operation; how it ended. Every failure is recorded on the span and in the log."""
        try:
            self.work(operation, parameters)
        except UpstreamFailed as error:
            return self._failed(operation, span, error, HTTPStatus.BAD_GATEWAY)
        except Exception as error:  # noqa: BLE001 - the service must answer 500 whatever its code does
            span.record_exception(error)
            return self._failed(operation, span, error, HTTPStatus.INTERNAL_SERVER_ERROR)
        return HTTPStatus.OK

    def _failed(self, operation: plan.Operation, span: Span, error: Exception, status: HTTPStatus) -> HTTPStatus:
        span.set_status(Status(StatusCode.ERROR, str(error)))
        span.set_attribute("error.type", type(error).__name__)
        self.telemetry.log(
            "ERROR",
            f"{operation.title} failed: {type(error).__name__}: {error}",
            exception__type=type(error).__name__,
            exception__message=str(error),
        )
        return status

    def work(self, operation: plan.Operation, parameters: dict[str, str]) -> None:
        """Spend the operation's own time, suffer the fault, take its steps, say its line."""
        own_s = self._seconds(operation.own)
        time.sleep(own_s * _OWN_TIME_FIRST)
        self.trouble.meet(parameters)
        for step in operation.steps:
            self._take(step, parameters)
        time.sleep(own_s * (1 - _OWN_TIME_FIRST))
        if operation.says:
            self.telemetry.log("INFO", operation.says.format(**parameters))

    def record(self, operation: plan.Operation, status: HTTPStatus, took_s: float) -> None:
        """Count a finished request in the histogram of durations."""
        attributes: dict[str, str | int] = {
            "http.request.method": operation.method,
            "http.route": operation.route,
            "http.response.status_code": int(status),
            "url.scheme": "http",
        }
        self._durations.record(took_s, attributes)

    def _take(self, step: plan.Step, parameters: dict[str, str]) -> None:
        if isinstance(step, plan.Query):
            assert self._database
            try:
                self._database.run(step, parameters, self._seconds(step.took))
            except sqlite3.OperationalError as error:
                raise UpstreamFailed(f"{plan.service(self.identity.service).database}: {error}") from error
        elif isinstance(step, plan.Publish):
            self._publish(step, parameters)
        else:
            self._call(step, parameters)

    def _call(self, step: plan.Call, parameters: dict[str, str]) -> None:
        try:
            self.asker.call(plan.operation(step.operation), parameters)
        except UpstreamFailed as error:
            if not step.optional:
                raise
            self.telemetry.log("WARN", f"Going on without {step.operation}: {error}")

    def _publish(self, step: plan.Publish, parameters: dict[str, str]) -> None:
        attributes = {**_MESSAGING, "messaging.operation.type": "send", "messaging.operation.name": "send"}
        title = f"send {step.queue}"
        with self.telemetry.tracer.start_as_current_span(title, kind=SpanKind.PRODUCER, attributes=attributes):
            message: dict[str, str] = dict(parameters)
            inject(message)
            answer = self.broker.request("POST", f"/{step.queue}", {}, json.dumps(message).encode())
            if answer.status != HTTPStatus.ACCEPTED:
                raise UpstreamFailed(f"the broker refused a message: {answer.status}")

    def consume(self, stop: threading.Event) -> None:
        """Take messages from the queue until told to stop."""
        self.telemetry.meter.create_observable_gauge(
            "messaging.queue.length", [self._queue_length], "{message}", "Messages waiting"
        )
        while not stop.is_set():
            try:
                answer = self.broker.request("GET", f"/{plan.QUEUE}", {})
            except OSError as error:
                self.telemetry.log("WARN", f"No answer from {plan.BROKER}: {type(error).__name__}")
                stop.wait(1.0)
                continue
            if answer.status == HTTPStatus.OK:
                self._process(json.loads(answer.body))

    def _process(self, message: dict[str, str]) -> None:
        context = extract(message)
        attributes = {**_MESSAGING, "messaging.operation.type": "process", "messaging.operation.name": "process"}
        operation = plan.operation("mailer.confirm")
        links: list[Link] = [Link(get_current_span(context).get_span_context())]
        with self.telemetry.tracer.start_as_current_span(
            f"process {plan.QUEUE}", context, SpanKind.CONSUMER, attributes, links
        ) as span:
            self.answer(operation, message, span)

    def _queue_length(self, _: CallbackOptions) -> list[Observation]:
        try:
            return [Observation(int(self.broker.request("GET", "/length", {}).body))]
        except OSError:
            return []

    def _seconds(self, duration: plan.Duration) -> float:
        return self._random.lognormvariate(math.log(duration.median_ms), duration.spread) / 1e3

    def statistics(self) -> dict[str, float | str | None]:
        """What the generated history needs to know about this machine."""
        gaps = sorted(self.asker.gaps_ms)
        return {
            "instance": plan.instance_id(self.identity.service, self.identity.version, self.identity.number),
            "memory_bytes": self.telemetry.usage.memory_bytes(),
            "cpu_s": time.process_time(),
            "gap_ms_p50": gaps[len(gaps) // 2] if gaps else None,
            "gap_ms_p90": gaps[len(gaps) * 9 // 10] if gaps else None,
            "trouble": self.trouble.kind,
        }


def _pattern(operation: plan.Operation) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.route))


class ShopServer(ThreadingHTTPServer):
    """Several may listen on one port, so that a new version takes over without a gap."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, service: ShopService) -> None:
        self.shop = service
        super().__init__((plan.HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind with SO_REUSEPORT."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: ShopServer

    def _serve(self) -> None:
        shop = self.server.shop
        if self.path.startswith("/control/"):
            self._control(shop)
            return
        found = shop.find(self.command, self.path)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, b"")
            return
        operation, in_path = found
        parameters = shop.parameters(in_path, self.headers.get("X-Customer"), self.headers.get("X-Order"))
        began = time.perf_counter()
        context = extract({name.lower(): value for name, value in self.headers.items()})
        attributes: dict[str, str | int] = {
            "http.request.method": operation.method,
            "http.route": operation.route,
            "url.path": self.path,
            "url.scheme": "http",
            "network.protocol.version": "1.1",
            "client.address": self.client_address[0],
        }
        with shop.telemetry.tracer.start_as_current_span(operation.title, context, SpanKind.SERVER, attributes) as span:
            status = shop.answer(operation, parameters, span)
            span.set_attribute("http.response.status_code", int(status))
        took_s = time.perf_counter() - began
        shop.record(operation, status, took_s)
        self._answer(status, json.dumps(parameters).encode(), took_s)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _control(self, shop: ShopService) -> None:
        kind = self.path.removeprefix("/control/fault/")
        if self.command == "POST" and kind != self.path:
            shop.trouble.begin(kind)
        elif self.command == "DELETE":
            shop.trouble.end()
        self._answer(HTTPStatus.OK, json.dumps(shop.statistics()).encode())

    def _answer(self, status: HTTPStatus, body: bytes, took_s: float | None = None) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        if took_s is not None:
            self.send_header("Server-Timing", f"app;dur={took_s * 1e3:.3f}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are told by telemetry, not by lines."""
