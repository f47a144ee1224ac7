"""The shop as real processes: what they send, and how a crash of an instance shows and is survived."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from causeway.demo import cast, faults
from causeway.demo.shop import plan
from causeway.demo.shop.settings import ShopSettings
from causeway.supervisor import Supervisor
from tests.otlp.sink import Sink, running, texts

pytestmark = pytest.mark.slow
WAIT_S = 60.0


@dataclass
class Open:
    sink: Sink
    shop: ShopSettings
    supervisor: Supervisor

    def spans(self, *, since_ns: int = 0) -> list[tuple[dict[str, str], Span]]:
        return [(resource, span) for resource, span in self.sink.spans() if span.start_time_unix_nano >= since_ns]

    def wait(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            self.supervisor.step()
            time.sleep(0.1)

    def stage(self) -> faults.Stage:
        return faults.Stage(self.shop, self.supervisor, threading.Event())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = tmp_path_factory.mktemp("shop")
    with running(Sink()) as sink:
        made = cast.settings(otlp=sink.url, folder=folder / "databases", seed=3)
        supervisor = Supervisor(folder / "run", tell=lambda _: None)
        try:
            supervisor.add(cast.shop_children(made))
            assert supervisor.wait_ready(within_s=WAIT_S, stopping=threading.Event()), logs(folder / "run")
            supervisor.add([cast.load_child(made, per_s=20)])
            opened = Open(sink, made, supervisor)
            opened.wait(lambda: len({resource["service.name"] for resource, _ in opened.spans()}) == 9)
            yield opened
        finally:
            supervisor.stop()


def logs(folder: Path) -> str:
    return "\n".join(path.read_text() for path in folder.glob("*.log"))


def test_traces_cross_processes(shop: Open) -> None:
    """One checkout is one trace over seven services, database and queue, every parent in place."""

    def complete() -> list[list[tuple[dict[str, str], Span]]]:
        by_trace: dict[bytes, list[tuple[dict[str, str], Span]]] = {}
        for resource, span in shop.spans():
            by_trace.setdefault(span.trace_id, []).append((resource, span))
        return [trace for trace in by_trace.values() if len(trace) == 16]

    shop.wait(complete)
    trace = complete()[0]
    ids = {span.span_id for _, span in trace}
    assert sum(not span.parent_span_id for _, span in trace) == 1
    assert all(span.parent_span_id in ids for _, span in trace if span.parent_span_id)
    services = {resource["service.name"] for resource, _ in trace}
    assert services == {"web", "checkout", "cart", "shipping", "payment", "orders", "mailer"}
    kinds = Counter(span.kind for _, span in trace)
    assert kinds[Span.SPAN_KIND_PRODUCER] == kinds[Span.SPAN_KIND_CONSUMER] == 1
    consumer = next(span for _, span in trace if span.kind == Span.SPAN_KIND_CONSUMER)
    assert consumer.links[0].trace_id == consumer.trace_id
    queries = [texts(span) for _, span in trace if "db.system.name" in texts(span)]
    assert [(query["db.system.name"], query["server.address"]) for query in queries] == [("sqlite", "orders-db")]


def test_live_and_generated_spans_look_alike(shop: Open) -> None:
    """The generated past has the same span names, kinds and attribute keys as the running shop."""
    from causeway.demo.history.run import History, exports
    from tests.demo.test_history import WINDOW
    from tests.otlp.sink import spans_in

    bodies = [each.body for each in exports(History(WINDOW, shop.shop.ports)) if each.signal == "spans"]
    generated = {(r["service.name"], s.name, s.kind): set(texts(s)) for r, s in spans_in(bodies)}

    def live() -> dict[tuple[str, str, int], set[str]]:
        return {
            (resource["service.name"], span.name, span.kind): set(texts(span))
            for resource, span in shop.spans()
            if span.status.code != Status.STATUS_CODE_ERROR and "http.request.resend_count" not in texts(span)
        }

    shop.wait(lambda: set(live()) >= set(generated))
    assert live() == generated


def test_metrics_and_logs_come_from_every_instance(shop: Open) -> None:
    """CPU and memory of each process, durations of each server, the queue's length, lines within traces."""
    planned = {
        plan.instance_id(service.name, service.version, number)
        for service in plan.SERVICES
        for number in range(1, service.instances + 1)
    }
    shop.wait(lambda: {resource["service.instance.id"] for resource, _ in shop.sink.metrics()} >= planned)
    names = Counter(metric.name for _, metric in shop.sink.metrics())
    assert {"process.cpu.utilization", "process.memory.usage", "http.server.request.duration"} <= set(names)
    assert names["messaging.queue.length"] >= 1
    lines = [record for _, record in shop.sink.logs()]
    assert lines and all(
        record.trace_id for record in lines if record.severity_text == "INFO" and not record.event_name
    )
    bodies = " ".join(record.body.string_value for record in lines)
    assert "Stored order " in bodies and "Sent confirmation of order " in bodies


def failed(found: list[tuple[dict[str, str], Span]]) -> list[tuple[dict[str, str], Span]]:
    return [(resource, span) for resource, span in found if span.status.code == Status.STATUS_CODE_ERROR]


def test_a_crashed_instance_is_seen_and_survived(shop: Open) -> None:
    """Callers get refused by the dead instance, say so, and are answered by the other one."""
    fault, began_ns = faults.FAULTS["crash"], time.time_ns()
    fault.begin(shop.stage(), "catalog")
    try:

        def refused() -> list[Span]:
            return [
                span
                for _, span in failed(shop.spans(since_ns=began_ns))
                if texts(span).get("error.type") == "ConnectionRefusedError"
            ]

        shop.wait(lambda: len(refused()) >= 5)
        assert {texts(span)["server.address"] for span in refused()} == {"catalog"}
        shop.wait(lambda: any("No answer from catalog" in r.body.string_value for _, r in shop.sink.logs()))
        retried = [s for _, s in shop.spans(since_ns=began_ns) if texts(s).get("http.request.resend_count") == "1"]
        assert retried and all(span.status.code != Status.STATUS_CODE_ERROR for span in retried)
    finally:
        fault.end(shop.stage(), "catalog")
    shop.wait(lambda: cast.statistics(shop.shop.ports["catalog"][1]))


def test_a_release_is_announced_fails_and_is_rolled_back(shop: Open) -> None:
    """The new version has a deployment event and failing spans of its own; afterwards the old one is back."""
    fault, version = faults.FAULTS["release"], faults.next_version(plan.service("checkout").version)
    fault.begin(shop.stage(), "checkout")

    def failing() -> list[dict[str, str]]:
        found = failed(shop.spans())
        return [r for r, s in found if r["service.name"] == "checkout" and r["service.version"] == version]

    shop.wait(lambda: len(failing()) >= 2)
    deployments = [(r, record) for r, record in shop.sink.logs() if record.event_name == "deployment"]
    assert [resource["service.version"] for resource, _ in deployments] == [version]
    exceptions = [event for _, s in failed(shop.spans()) for event in s.events if event.name == "exception"]
    assert any(texts(event)["exception.type"].endswith("DiscountRuleError") for event in exceptions)
    fault.end(shop.stage(), "checkout")
    instance = plan.instance_id("checkout", plan.service("checkout").version, 1)
    shop.wait(lambda: (cast.statistics(shop.shop.ports["checkout"][0]) or {}).get("instance") == instance)


def test_a_locked_database_makes_queries_wait(shop: Open) -> None:
    """While somebody holds the lock, query spans last as long as the lock, and normally soon after it."""
    fault = faults.FAULTS["slow-db"]
    began_ns = time.time_ns()
    fault.begin(shop.stage(), "orders")

    def slow(since_ns: int) -> list[Span]:
        return [
            span
            for resource, span in shop.spans(since_ns=since_ns)
            if texts(span).get("server.address") == "orders-db"
            and span.end_time_unix_nano - span.start_time_unix_nano > 100_000_000
        ]

    shop.wait(lambda: len(slow(began_ns)) >= 3)
    fault.end(shop.stage(), "orders")


@pytest.mark.parametrize("name", ["latency", "errors", "cpu", "leak"])
def test_a_service_is_told_and_recovers(shop: Open, name: str) -> None:
    """The processes of the service at fault have the fault, until it ends."""
    fault = faults.FAULTS[name]
    fault.begin(shop.stage(), fault.service)
    said = [cast.statistics(port) or {} for port in shop.shop.ports[fault.service]]
    fault.end(shop.stage(), fault.service)
    after = [cast.statistics(port) or {} for port in shop.shop.ports[fault.service]]
    assert {each["trouble"] for each in said} == {name} and {each["trouble"] for each in after} == {None}
