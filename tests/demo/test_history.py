"""The generated past is what the running shop would have sent, and says that it was generated."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from causeway.demo.history.metrics import Usage
from causeway.demo.history.run import History, exports, slices
from causeway.demo.shop import plan
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.otlp.sink import logs_in, metrics_in, spans_in, texts

END = 1_790_000_000 * SECOND_NS
WINDOW = Window(END - 5 * MINUTE_NS, END)
PORTS = {
    service.name: [40_000 + 2 * i + number for number in range(service.instances)]
    for i, service in enumerate(plan.SERVICES)
}
CART = plan.instance_id("cart", "1.9.4", 1)
Found = list[tuple[dict[str, str], Span]]


@pytest.fixture(scope="module")
def sent() -> dict[str, list[bytes]]:
    bodies = defaultdict(list)
    for export in exports(History(WINDOW, PORTS, usage={CART: Usage(0.5, 1e9)})):
        bodies[export.signal].append(export.body)
    return bodies


@pytest.fixture(scope="module")
def spans(sent: dict[str, list[bytes]]) -> Found:
    return spans_in(sent["spans"])


def test_everything_is_marked(sent: dict[str, list[bytes]], spans: Found) -> None:
    """Every resource of every signal says that its records were generated."""
    resources = [resource for resource, _ in [*spans, *logs_in(sent["logs"]), *metrics_in(sent["samples"])]]
    assert {resource["causeway.generated"] for resource in resources} == {"true"}


def test_spans_hang_together(spans: Found) -> None:
    """Ids are unique; every parent is in the trace; a synchronous child lies within its parent."""
    by_id = {span.span_id: span for _, span in spans}
    assert len(by_id) == len(spans)
    for _, span in spans:
        assert span.end_time_unix_nano > span.start_time_unix_nano
        if not span.parent_span_id:
            assert span.name in {plan.operation(journey.operation).title for journey in plan.JOURNEYS}
            continue
        parent = by_id[span.parent_span_id]
        assert parent.trace_id == span.trace_id
        assert span.start_time_unix_nano >= parent.start_time_unix_nano
        if span.kind != Span.SPAN_KIND_CONSUMER:
            assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_no_mark_is_left(sent: dict[str, list[bytes]], spans: Found) -> None:
    """Every stand-in was replaced: paths and lines hold only printable text, of one customer a trace."""
    customers = defaultdict(set)
    for _, span in spans:
        values = texts(span)
        assert all(value.isprintable() for value in values.values())
        parts = [part for part in values.get("url.path", "").split("/") if part.startswith("u") and part[1:].isdigit()]
        customers[span.trace_id].update(parts)
    assert max(len(found) for found in customers.values()) == 1
    assert all(record.body.string_value.isprintable() for _, record in logs_in(sent["logs"]))


def test_requests_come_at_the_declared_rate_within_the_window(spans: Found) -> None:
    """Roots: the declared number a second, in the declared shares, none outside of the window."""
    roots = [span for _, span in spans if not span.parent_span_id]
    assert len(roots) / WINDOW.duration_s == pytest.approx(plan.REQUESTS_PER_S, rel=0.05)
    assert all(WINDOW.start_ns <= span.start_time_unix_nano < WINDOW.end_ns for span in roots)
    shares = Counter(span.name for span in roots)
    for journey in plan.JOURNEYS:
        share = shares[plan.operation(journey.operation).title] / len(roots)
        assert share == pytest.approx(journey.weight, abs=0.04)


def test_own_times_are_the_declared_ones(spans: Found) -> None:
    """A leaf operation's median is the declared one and the small cost of the process itself."""
    took = [(s.end_time_unix_nano - s.start_time_unix_nano) / 1e6 for _, s in spans if s.name == "POST /quotes/{user}"]
    declared = plan.operation("shipping.quote").own.median_ms
    assert declared < np.median(took) < declared * 1.2


def test_logs_point_at_their_spans(sent: dict[str, list[bytes]], spans: Found) -> None:
    """A line lies within the span that it names, of the same service."""
    by_id = {span.span_id: (resource, span) for resource, span in spans}
    lines = logs_in(sent["logs"])
    assert len(lines) > len(spans) / 4
    for resource, record in lines:
        owner, span = by_id[record.span_id]
        assert (owner, span.trace_id) == (resource, record.trace_id)
        assert span.start_time_unix_nano < record.time_unix_nano < span.end_time_unix_nano


def _at_end(metrics: list[tuple[dict[str, str], Metric]], name: str) -> dict[str, list[Metric]]:
    found = defaultdict(list)
    for resource, metric in metrics:
        if metric.name == name:
            found[resource["service.instance.id"]].append(metric)
    return found


def test_metrics_match_the_spans(sent: dict[str, list[bytes]], spans: Found) -> None:
    """Each histogram counts the server spans that had ended; use is what was measured on that instance."""
    metrics = metrics_in(sent["samples"])
    ended = Counter()
    last_tick = max(p.time_unix_nano for _, m in metrics for p in m.gauge.data_points)
    for resource, span in spans:
        if span.kind == Span.SPAN_KIND_SERVER and span.end_time_unix_nano < last_tick:
            ended[resource["service.instance.id"]] += 1
    for name, found in _at_end(metrics, "http.server.request.duration").items():
        points = [p for m in found for p in m.histogram.data_points if p.time_unix_nano == last_tick]
        assert sum(point.count for point in points) == ended[name]
        assert all(sum(point.bucket_counts) == point.count for point in points)
        assert all(len(point.bucket_counts) == len(point.explicit_bounds) + 1 for point in points)
    cpu = [p.as_double for m in _at_end(metrics, "process.cpu.utilization")[CART] for p in m.gauge.data_points]
    memory = [p.as_double for m in _at_end(metrics, "process.memory.usage")[CART] for p in m.sum.data_points]
    assert np.median(cpu) == pytest.approx(0.5, rel=0.2) and np.median(memory) == pytest.approx(1e9, rel=0.02)
    assert set(_at_end(metrics, "messaging.queue.length")) == {plan.instance_id("mailer", "1.1.0", 1)}


def test_instances_share_the_work(spans: Found) -> None:
    """Both instances of a service answer, each at its own port in its callers' spans."""
    ports = Counter(texts(span)["server.port"] for _, span in spans if texts(span).get("peer.service") == "catalog")
    assert set(ports) == {str(port) for port in PORTS["catalog"]}
    assert min(ports.values()) > 0.4 * sum(ports.values())


def test_the_same_history_twice_is_the_same_bytes(sent: dict[str, list[bytes]]) -> None:
    """A resent history doubles nothing: its bytes, and so its ids, depend on seed and window alone."""
    history = History(WINDOW, PORTS, usage={CART: Usage(0.5, 1e9)})
    again = [export.body for export in exports(history) if export.signal == "spans"]
    assert again == sent["spans"]
    later = History(WINDOW.shifted(SECOND_NS), PORTS)
    ids = {span.span_id for _, span in spans_in(again)}
    other = {span.span_id for _, span in spans_in([e.body for e in exports(later) if e.signal == "spans"])}
    assert not ids & other


def test_progress_is_known_before() -> None:
    """There are as many slices of spans as said, give or take the one that the end reaches into."""
    made = [export for export in exports(History(WINDOW, PORTS)) if export.signal == "spans"]
    assert abs(len(made) - slices(WINDOW)) <= 1
