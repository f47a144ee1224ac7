"""Unique, realistic spans for load tests, encoded before the clock starts, and a sender over OTLP/gRPC.

20 services in a fixed call graph, 200 operations, traces of 10-40 spans over 3-6 services, 13 attributes on the span
and 12 on the resource, log-normal durations, 2 % errors: about 540 encoded bytes a span, 1,000 spans a request.

    python -m benchmarks.load --endpoint 127.0.0.1:4317 --spans 1000000 --truth truth.json
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

SERVICES = (
    "web-frontend", "mobile-bff", "api-gateway", "auth", "catalog", "search", "cart", "checkout", "orders", "payment",
    "fraud", "inventory", "pricing", "recommend", "reviews", "users", "shipping", "notify", "ledger", "media",
)  # fmt: skip
CALLS = (
    (2, 3, 19), (2, 3, 13), (3, 4, 5, 6, 7, 15), (15,), (12, 11, 14, 19), (4, 13), (4, 12, 11, 15), (6, 8, 9, 16, 15),
    (11, 17, 18, 16), (10, 18, 3), (15, 18), (17,), (4,), (4, 15, 14), (15, 19), (3,), (17, 11), (15,), (17,), (3,),
)  # fmt: skip
NOUNS = ("item", "list", "detail", "batch", "status", "quote")
DATABASES = ("postgresql", "mysql", "redis", "mongodb")
AGENTS = tuple(f"Mozilla/5.0 (X11; Linux x86_64) rv:{version}.0" for version in range(100, 125))
SERVER, CLIENT, INTERNAL = 2, 3, 1
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_FIXED64 = struct.Struct("<Q").pack


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _pair(key: str, value: Any) -> bytes:
    if isinstance(value, bool):
        encoded = b"\x10" + (b"\x01" if value else b"\x00")
    elif isinstance(value, int):
        encoded = b"\x18" + _varint(value)
    else:
        encoded = _field(1, value.encode())
    return _field(1, key.encode()) + _field(2, encoded)


class _Encoder:
    """Span attributes as bytes; those with few values are kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Any], bytes] = {}

    def __call__(self, key: str, value: Any, *, keep: bool = True) -> bytes:
        found = self._kept.get((key, value)) if keep else None
        if found is None:
            found = _field(9, _pair(key, value))
            if keep and len(self._kept) < 400_000:
                self._kept[key, value] = found
        return found


class Load:
    """Requests from a seed; `truth` is complete when they are exhausted."""

    def __init__(
        self, *, spans: int, seed: int = 1, per_request: int = 1000, end_ns: int, spread_s: float = 60
    ) -> None:
        self._wanted, self._per_request = spans, per_request
        self._end_ns, self._spread_ns = end_ns, int(spread_s * 1e9)
        self._random = random.Random(seed)
        self._attribute = _Encoder()
        self._resources = _resources(random.Random(7))  # the same pods for every seed
        self._addresses = [f"10.{n % 251}.{n // 251}.{1 + n % 250}" for n in range(3000)]
        self.spans = self.traces = self.errors = 0
        self.edges: Counter[tuple[str, str]] = Counter()
        self.trace_ids: list[str] = []

    def truth(self) -> dict[str, Any]:
        edges = {f"{caller}>{callee}": count for (caller, callee), count in sorted(self.edges.items())}
        return {"spans": self.spans, "traces": self.traces, "errors": self.errors, "edges": edges}

    def requests(self) -> Iterator[bytes]:
        """Serialized ExportTraceServiceRequests of whole or cut traces."""
        groups: dict[tuple[int, int], list[bytes]] = {}
        held = 0
        while self.spans < self._wanted:
            for service, pod, span in self._trace():
                groups.setdefault((service, pod), []).append(span)
                held += 1
                if held == self._per_request:
                    yield self._request(groups)
                    groups, held = {}, 0
        if held:
            yield self._request(groups)

    def _request(self, groups: dict[tuple[int, int], list[bytes]]) -> bytes:
        scope = _field(1, _field(1, b"io.opentelemetry.instrumentation") + _field(2, b"2.9.0"))
        return b"".join(
            _field(1, self._resources[service][pod] + _field(2, scope + b"".join(spans)))
            for (service, pod), spans in groups.items()
        )

    def _trace(self) -> Iterator[tuple[int, int, bytes]]:
        rng = self._random
        trace_id = rng.getrandbits(128).to_bytes(16, "big")
        self.traces += 1
        self.trace_ids.append(trace_id.hex())
        left = min(rng.randrange(10, 41), self._wanted - self.spans)
        services_max = rng.randrange(3, 7)
        duration = int(rng.lognormvariate(18.4, 0.9))  # about 100 ms
        start = self._end_ns - int(rng.random() * self._spread_ns) - duration
        service = rng.randrange(2) if rng.random() < 0.6 else 2 + rng.randrange(17)
        used = {service}
        parents: list[tuple[int, int, bytes, int, int]] = []
        callee: tuple[int, bytes, int, int] | None = None
        for place in range(left):
            span_id = rng.getrandbits(64).to_bytes(8, "big")
            pod, kind, parent_id = rng.randrange(3), SERVER, b""
            if callee is not None:
                service, parent_id, start, duration = callee
                callee = None
            elif place:
                service, pod, parent_id, above, above_ns = parents[rng.randrange(len(parents))]
                duration = int(above_ns * (0.05 + 0.6 * rng.random()))
                start = above + int((above_ns - duration) * rng.random())
                chance = rng.random()
                kind = CLIENT if chance < 0.62 else INTERNAL
                target = self._target(service, used, services_max) if chance < 0.40 and place + 1 < left else None
                if target is not None:
                    callee = (target, span_id, start + int(duration * 0.05), int(duration * 0.9))
                    self.edges[SERVICES[service], SERVICES[target]] += 1
            self.spans += 1
            yield service, pod, self._span(trace_id, span_id, parent_id, service, kind, start, duration, callee)
            if kind != CLIENT:
                parents.append((service, pod, span_id, start, duration))

    def _target(self, service: int, used: set[int], services_max: int) -> int | None:
        choices = CALLS[service]
        target: int | None = choices[self._random.randrange(len(choices))]
        if target not in used and len(used) >= services_max:
            target = next((choice for choice in choices if choice in used), None)
        if target is not None:
            used.add(target)
        return target

    def _span(
        self,
        trace_id: bytes,
        span_id: bytes,
        parent_id: bytes,
        service: int,
        kind: int,
        start: int,
        duration: int,
        callee: tuple[int, bytes, int, int] | None,
    ) -> bytes:
        error = self._random.random() < 0.02
        name, attributes = self._describe(service, kind, callee, 500 if error else 200)
        parts = [b"\x0a\x10", trace_id, b"\x12\x08", span_id]
        if parent_id:
            parts += (b"\x22\x08", parent_id)
        parts += (_field(5, name.encode()), b"\x30", bytes((kind,)), b"\x39", _FIXED64(start), b"\x41")
        parts += (_FIXED64(start + duration), *attributes)
        if error:
            self.errors += 1
            event = b"\x09" + _FIXED64(start + duration // 2) + _field(2, b"exception")
            event += _field(3, _pair("exception.type", "java.net.SocketTimeoutException"))
            event += _field(3, _pair("exception.message", f"Read timed out after {duration // 1_000_000} ms"))
            parts += (_field(11, event), _field(15, _field(2, b"Read timed out") + b"\x18\x02"))
        return _field(2, b"".join(parts))

    def _describe(
        self, service: int, kind: int, callee: tuple[int, bytes, int, int] | None, status: int
    ) -> tuple[str, list[bytes]]:
        rng, at = self._random, self._attribute
        thread = [at("thread.name", f"http-nio-8080-exec-{rng.randrange(64)}")]
        if kind == SERVER:
            noun = rng.randrange(6)
            method, route = ("GET" if noun % 3 else "POST"), f"/api/v{1 + noun % 2}/{SERVICES[service]}/{NOUNS[noun]}/"
            return f"{method} {route}{{id}}", [
                *thread,
                at("http.request.method", method), at("http.route", route + "{id}"), at("url.scheme", "https"),
                at("url.path", f"{route}{rng.getrandbits(26)}", keep=False), at("http.response.status_code", status),
                at("http.response.body.size", rng.getrandbits(14)), at("user_agent.original", rng.choice(AGENTS)),
                at("client.address", rng.choice(self._addresses)),
                at("server.address", f"{SERVICES[service]}.shop.svc"),
                at("server.port", 8080), at("network.protocol.version", "1.1"),
                at("net.peer.port", 32768 + rng.getrandbits(14)),
            ]  # fmt: skip
        if kind == CLIENT and callee is not None:
            host, method = f"{SERVICES[callee[0]]}.shop.svc", rng.choice(("GET", "POST"))
            return f"HTTP {method}", [
                *thread,
                at("http.request.method", method), at("server.address", host), at("server.port", 8080),
                at("url.full", f"http://{host}:8080/api/v1/{rng.getrandbits(26)}", keep=False),
                at("http.response.status_code", status), at("network.protocol.version", "1.1"),
                at("http.request.resend_count", rng.randrange(3)), at("http.request.body.size", rng.getrandbits(12)),
                at("http.response.body.size", rng.getrandbits(14)), at("net.peer.ip", rng.choice(self._addresses)),
                at("network.transport", "tcp"), at("thread.id", rng.getrandbits(9)),
            ]  # fmt: skip
        if kind == CLIENT:
            database, noun = DATABASES[service % 4], rng.choice(NOUNS[:2])
            table = f"t_{SERVICES[service].replace('-', '_')}_{noun}"
            query = f"SELECT id, state, amount FROM {table} WHERE id = {rng.getrandbits(24)} LIMIT 50"
            return f"SELECT {table}", [
                *thread,
                at("db.system.name", database), at("db.namespace", "shop"), at("db.operation.name", "SELECT"),
                at("db.collection.name", table), at("db.query.text", query, keep=False),
                at("db.response.returned_rows", rng.getrandbits(6)), at("server.address", f"{database}-0.data.svc"),
                at("server.port", 5432), at("net.peer.ip", rng.choice(self._addresses)), at("network.transport", "tcp"),
                at("db.client.connection.pool.name", "main"), at("thread.id", rng.getrandbits(9)),
            ]  # fmt: skip
        package = f"com.shop.{SERVICES[service].replace('-', '')}.Worker"
        function = rng.choice(("validate", "render"))
        return f"{package}.{function}", [
            *thread,
            at("code.namespace", package), at("code.function.name", function),
            at("code.line.number", 40 + rng.randrange(400)), at("app.tenant", f"tenant-{rng.randrange(60):03d}"),
            at("app.order_id", f"{rng.getrandbits(48):012x}", keep=False), at("app.items.count", rng.randrange(40)),
            at("app.cache.hit", rng.random() < 0.8), at("app.retry.count", rng.randrange(3)),
            at("app.region", rng.choice(("cn-north", "cn-east", "cn-south"))), at("app.flag", f"f{rng.randrange(20)}"),
            at("app.queue.depth", rng.getrandbits(8)), at("thread.id", rng.getrandbits(9)),
        ]  # fmt: skip


def _resources(rng: random.Random) -> list[list[bytes]]:
    return [[_resource(rng, place, service, pod) for pod in range(3)] for place, service in enumerate(SERVICES)]


def _resource(rng: random.Random, place: int, service: str, pod: int) -> bytes:
    attributes = {
        "service.name": service,
        "service.namespace": "shop",
        "service.version": f"1.{place}.{pod % 2}",
        "service.instance.id": f"{rng.getrandbits(128):032x}",
        "deployment.environment.name": "prod",
        "k8s.cluster.name": "bj-prod-1",
        "k8s.namespace.name": "shop",
        "k8s.deployment.name": service,
        "k8s.pod.name": f"{service}-{rng.getrandbits(32):08x}-{rng.getrandbits(20):05x}",
        "k8s.node.name": f"node-{rng.randrange(40):02d}",
        "host.arch": "amd64",
        "telemetry.sdk.language": ("java", "go", "python")[place % 3],
    }
    return _field(1, b"".join(_field(1, _pair(key, value)) for key, value in attributes.items()))


def send(requests: list[bytes], endpoint: str, *, inflight: int = 6) -> dict[str, Any]:
    """Send all requests over OTLP/gRPC, retrying as the specification says; returns what came of it."""
    channel = grpc.insecure_channel(endpoint, options=[("grpc.max_send_message_length", 64 << 20)])
    call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
    queue, lock = iter(requests), threading.Lock()
    outcome: dict[str, Any] = {"acked": 0, "retries": 0, "failed": 0, "partial": 0, "error": "", "latencies": []}

    def work() -> None:
        while True:
            with lock:
                request = next(queue, None)
            if request is None:
                return
            _deliver(call, request, outcome, lock)

    threads = [threading.Thread(target=work) for _ in range(inflight)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome["seconds"] = time.perf_counter() - started
    latencies = sorted(outcome.pop("latencies")) or [0.0]
    outcome["ack_ms_p50"] = round(latencies[len(latencies) // 2] * 1e3, 1)
    outcome["ack_ms_p99"] = round(latencies[int(len(latencies) * 0.99)] * 1e3, 1)
    return outcome


def _deliver(call: Any, request: bytes, outcome: dict[str, Any], lock: threading.Lock) -> None:
    started, wait_s = time.perf_counter(), 0.02
    for _ in range(400):
        try:
            answer = call(request, timeout=60)
        except grpc.RpcError as error:
            retry = error.code() in RETRYABLE
            with lock:
                outcome["error"] = f"{error.code()} {error.details()}"[:200]
                outcome["retries" if retry else "failed"] += 1
            if not retry:
                return
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, 1.0)
            continue
        with lock:
            outcome["acked"] += 1
            outcome["partial"] += bool(answer)
            outcome["latencies"].append(time.perf_counter() - started)
        return
    with lock:
        outcome["failed"] += 1


def main() -> None:
    """Make the load, send it, print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", default="127.0.0.1:4317")
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inflight", type=int, default=6)
    parser.add_argument("--spread", type=float, default=60, help="start times lie in the last so many seconds")
    parser.add_argument("--truth", type=Path, help="write spans, errors, edges and trace ids to this JSON file")
    parser.add_argument("--wait", action="store_true", help="wait for a line on standard input before sending")
    options = parser.parse_args()
    load = Load(spans=options.spans, seed=options.seed, end_ns=time.time_ns(), spread_s=options.spread)
    requests = list(load.requests())
    if options.wait:
        print("ready", flush=True)
        sys.stdin.readline()
    outcome = send(requests, options.endpoint, inflight=options.inflight)
    if options.truth:
        options.truth.write_text(json.dumps({**load.truth(), "trace_ids": load.trace_ids}))
    print(json.dumps({**load.truth(), **outcome, "bytes": sum(map(len, requests)), "edges": len(load.edges)}))


if __name__ == "__main__":
    main()
