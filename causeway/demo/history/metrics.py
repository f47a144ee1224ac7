"""The metrics that the shop's processes would have exported: CPU, memory, request durations, queue length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from causeway.demo.history.draw import Kind, Traces
from causeway.demo.shop import plan
from causeway.demo.shop.plan import DURATION_BOUNDS_S, METRICS_EVERY_S
from causeway.otlp import encode
from causeway.otlp.send import Export
from causeway.window import Window

_STEP_NS = int(METRICS_EVERY_S * 1e9)
_SLOTS_PER_REQUEST = 1
_CUMULATIVE = b"\x10\x02"
_CPU_SPREAD, _MEMORY_SPREAD = 0.25, 0.001


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process of the shop uses when all is well, as measured on the running one."""

    cpu_ratio: float = 0.01
    memory_bytes: float = 44e6


@dataclass(slots=True)
class _Durations:
    """Finished requests of one operation on one instance. ended_ns, took_s: (n,), by end."""

    operation: plan.Operation
    ended_ns: np.ndarray
    took_s: np.ndarray


@dataclass(slots=True)
class _Instance:
    service: str
    number: int
    usage: Usage
    durations: list[_Durations] = field(default_factory=list)


def exports(
    traces: list[Traces],
    window: Window,
    *,
    usage: Mapping[str, Usage],
    resources: Mapping[tuple[str, int], bytes],
    rng: np.random.Generator,
) -> Iterator[Export]:
    """Requests of `_SLOTS_PER_REQUEST` export intervals each. `usage` by instance id."""
    instances = [_instance(service, number, traces, usage) for service, number in resources]
    ticks = np.arange(window.start_ns + _STEP_NS, window.end_ns, _STEP_NS)
    shapes = {(each.service, each.number): _noise(len(ticks), rng) for each in instances}
    for first in range(0, len(ticks), _SLOTS_PER_REQUEST):
        places = np.arange(first, min(first + _SLOTS_PER_REQUEST, len(ticks)))
        groups: dict[bytes, bytes] = {}
        points = 0
        for each in instances:
            key = each.service, each.number
            counted, groups[resources[key]] = _metrics_of(each, ticks, places, window.start_ns, shapes[key])
            points += counted
        yield Export("samples", points, encode.request(groups, encode.scope(plan.SCOPE)))


def _instance(service: str, number: int, traces: list[Traces], usage: Mapping[str, Usage]) -> _Instance:
    name = plan.instance_id(service, plan.service(service).version, number + 1)
    found = _Instance(service, number, usage.get(name, Usage()))
    for operation in plan.operations_of(service):
        parts = [
            (columns.end_ns[columns.instance == number], columns.start_ns[columns.instance == number])
            for trace in traces
            for columns in trace.spans
            if columns.shape.operation is operation and columns.shape.kind is Kind.SERVER
        ]
        if parts:
            ends = np.concatenate([end for end, _ in parts])
            took_s = (ends - np.concatenate([start for _, start in parts])) / 1e9
            order = np.argsort(ends, kind="stable")
            found.durations.append(_Durations(operation, ends[order], took_s[order]))
    return found


def _noise(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Factors of CPU and memory around their level; memory creeps up by a little, as heaps do."""
    cpu = rng.lognormal(0.0, _CPU_SPREAD, count)
    memory = np.linspace(0.995, 1.0, count) * (1 + rng.normal(0.0, _MEMORY_SPREAD, count))
    return cpu, memory


def _metrics_of(
    each: _Instance, ticks: np.ndarray, places: np.ndarray, start_ns: int, noise: tuple[np.ndarray, np.ndarray]
) -> tuple[int, bytes]:
    cpu, memory = noise
    at = ticks[places]
    start = encode.fixed64(2, start_ns)
    gauge = _points(at, each.usage.cpu_ratio * cpu[places])
    total = _points(at, each.usage.memory_bytes * memory[places], head=start)
    metrics = [
        _metric("process.cpu.utilization", "1", encode.field(5, gauge)),
        _metric("process.memory.usage", "By", encode.field(7, total + _CUMULATIVE)),
    ]
    counted = 2 * len(places)
    if each.service == "mailer":
        queue = _points(at, np.zeros(len(places)))
        metrics.append(_metric("messaging.queue.length", "{message}", encode.field(5, queue)))
        counted += len(places)
    histogram = [_histogram_point(durations, int(tick), start) for durations in each.durations for tick in at]
    if histogram:
        content = b"".join(encode.field(1, point) for point in histogram) + _CUMULATIVE
        metrics.append(_metric("http.server.request.duration", "s", encode.field(9, content)))
    return counted + len(histogram), b"".join(metrics)


def _metric(name: str, unit: str, content: bytes) -> bytes:
    return encode.field(2, encode.text(1, name) + encode.text(3, unit) + content)


def _points(at: np.ndarray, values: np.ndarray, *, head: bytes = b"") -> bytes:
    return b"".join(
        encode.field(1, head + encode.fixed64(3, tick) + encode.double(4, value))
        for tick, value in zip(at.tolist(), values.tolist(), strict=True)
    )


def _histogram_point(durations: _Durations, tick: int, start: bytes) -> bytes:
    """Everything that had finished by then: the histogram is cumulative."""
    took = durations.took_s[: np.searchsorted(durations.ended_ns, tick)]
    counts = np.bincount(np.searchsorted(DURATION_BOUNDS_S, took), minlength=len(DURATION_BOUNDS_S) + 1)
    attributes: dict[str, encode.AttributeValue] = {
        "http.request.method": durations.operation.method,
        "http.route": durations.operation.route,
        "http.response.status_code": 200,
        "url.scheme": "http",
    }
    extremes = encode.double(11, float(took.min())) + encode.double(12, float(took.max())) if len(took) else b""
    return (
        start
        + encode.fixed64(3, tick)
        + encode.fixed64(4, len(took))
        + encode.double(5, float(took.sum()))
        + encode.field(6, counts.astype("<u8").tobytes())
        + encode.field(7, np.array(DURATION_BOUNDS_S, "<f8").tobytes())
        + encode.attributes(9, attributes)
        + extremes
    )
