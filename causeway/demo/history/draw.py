"""Draws requests of the shop: when they came, whom they asked, how long everything took. All as columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from causeway.demo.shop import load, plan
from causeway.window import MINUTE_NS, Window

_OWN_TIME_FIRST = 0.6
# What a request, and a query, cost this process beyond the declared times, measured over the running shop.
_OVERHEAD = plan.Duration(0.6, 0.4)
_QUERY_OVERHEAD = plan.Duration(0.5, 0.4)
# The machine is busier at one time than at another: what is not the shop's own time varies by the minute.
_BUSY_SPREAD, _BUSY_MEMORY = 0.3, 0.8
# Now and then the machine is busy with something else.
_HICCUP_SHARE, _HICCUP_MS = 0.01, 6.0


class Kind(IntEnum):
    """OTLP's numbers for span kinds."""

    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@dataclass(frozen=True, slots=True)
class SpanShape:
    """What equal spans of many traces have in common. `step` is what a client or producer span is about."""

    kind: Kind
    operation: plan.Operation
    parent: int | None
    step: plan.Step | None = None


@dataclass(slots=True)
class SpanColumns:
    """One shape in n traces. instance, peer: numbers from 0 (peer: the instance asked, else 0)."""

    shape: SpanShape
    start_ns: np.ndarray
    end_ns: np.ndarray
    instance: np.ndarray
    peer: np.ndarray


@dataclass(slots=True)
class Traces:
    """n traces of one journey. ids: trace (n, 16), spans (n, shapes, 8), bytes; texts by parameter: (n, length)."""

    spans: list[SpanColumns] = field(default_factory=list)
    trace_ids: np.ndarray = field(default_factory=lambda: np.empty((0, 16), np.uint8))
    span_ids: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 8), np.uint8))
    texts: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this machine is: the time between a client's and a server's view of a call."""

    gap: plan.Duration = field(default_factory=lambda: plan.Duration(0.9, 0.35))


def arrivals(window: Window, *, per_s: float, rng: np.random.Generator) -> np.ndarray:
    """Times of requests, as jittered as those of the load. (n,) int64 ns, ascending."""
    count = int(window.duration_s * per_s * 1.1) + 16
    steps_s = rng.uniform(1 - load.JITTER, 1 + load.JITTER, count) / per_s
    times = window.start_ns + (np.cumsum(steps_s) * 1e9).astype(np.int64)
    return times[times < window.end_ns]


def draw(window: Window, *, per_s: float, pace: Pace, rng: np.random.Generator) -> list[Traces]:
    """All journeys that began in the window."""
    times = arrivals(window, per_s=per_s, rng=rng)
    weights = np.array([journey.weight for journey in plan.JOURNEYS])
    chosen = rng.choice(len(weights), size=len(times), p=weights / weights.sum())
    busy = _Busy(window, rng)
    return [
        _Drawing(times[chosen == i], pace, busy, rng).run(plan.operation(journey.operation))
        for i, journey in enumerate(plan.JOURNEYS)
        if (chosen == i).any()
    ]


class _Busy:
    """How much longer than usual everything takes that the machine itself does, minute by minute."""

    def __init__(self, window: Window, rng: np.random.Generator) -> None:
        self._start_ns = window.start_ns
        steps = rng.normal(0.0, _BUSY_SPREAD * math.sqrt(1 - _BUSY_MEMORY**2), window.duration_ns // MINUTE_NS + 2)
        level, levels = 0.0, []
        for step in steps.tolist():
            level = level * _BUSY_MEMORY + step
            levels.append(level)
        self._factors = np.exp(levels)

    def factor(self, times_ns: np.ndarray) -> np.ndarray:
        """(n,) factors around 1."""
        minute = (times_ns - self._start_ns) // MINUTE_NS
        return self._factors[np.clip(minute, 0, len(self._factors) - 1)]


class _Drawing:
    """One journey, all its traces at once."""

    def __init__(self, times: np.ndarray, pace: Pace, busy: _Busy, rng: np.random.Generator) -> None:
        self._times, self._pace, self._rng = times, pace, rng
        self._busy = busy.factor(times)
        self._spans: list[SpanColumns] = []

    def run(self, entry: plan.Operation) -> Traces:
        count, rng = len(self._times), self._rng
        self._serve(entry, self._times, None, self._instances(entry.service), Kind.SERVER)
        return Traces(
            spans=self._spans,
            trace_ids=rng.integers(0, 256, (count, 16), np.uint8),
            span_ids=rng.integers(0, 256, (count, len(self._spans), 8), np.uint8),
            texts={
                "id": _digits(rng.integers(plan.PRODUCTS.start, plan.PRODUCTS.stop, count), 3),
                "user": _digits(rng.integers(1000, 10_000, count), 4, prefix=b"u"),
                "order": _hexadecimal(rng.integers(0, 1 << 32, count)),
            },
        )

    def _serve(
        self,
        operation: plan.Operation,
        arrive: np.ndarray,
        parent: int | None,
        instance: np.ndarray,
        kind: Kind,
    ) -> np.ndarray:
        place = self._open(SpanShape(kind, operation, parent), arrive, instance)
        own = self._ns(operation.own) + self._machine_ns(_OVERHEAD) + self._hiccups()
        now = arrive + (own * _OWN_TIME_FIRST).astype(np.int64)
        for step in operation.steps:
            now = self._take(step, operation, now, place, instance)
        now = now + (own * (1 - _OWN_TIME_FIRST)).astype(np.int64)
        self._spans[place].end_ns = now
        return now

    def _take(
        self, step: plan.Step, operation: plan.Operation, now: np.ndarray, parent: int, instance: np.ndarray
    ) -> np.ndarray:
        if isinstance(step, plan.Query):
            place = self._open(SpanShape(Kind.CLIENT, operation, parent, step), now, instance)
            end = now + self._ns(step.took) + self._machine_ns(_QUERY_OVERHEAD)
        elif isinstance(step, plan.Publish):
            place = self._open(SpanShape(Kind.PRODUCER, operation, parent, step), now, instance)
            end = now + self._machine_ns(plan.PUBLISH)
            consumer = plan.operation("mailer.confirm")
            taken = end + self._ns(plan.QUEUE_WAIT)
            self._serve(consumer, taken, place, self._instances(consumer.service), Kind.CONSUMER)
        else:
            called = plan.operation(step.operation)
            peer = self._instances(called.service)
            place = self._open(SpanShape(Kind.CLIENT, operation, parent, step), now, instance, peer)
            gap = self._machine_ns(self._pace.gap)
            end = self._serve(called, now + gap // 2, place, peer, Kind.SERVER) + gap // 2
        self._spans[place].end_ns = end
        return end

    def _open(self, shape: SpanShape, start: np.ndarray, instance: np.ndarray, peer: np.ndarray | None = None) -> int:
        nobody = np.zeros(len(start), np.int64)
        self._spans.append(SpanColumns(shape, start, start, instance, nobody if peer is None else peer))
        return len(self._spans) - 1

    def _instances(self, service: str) -> np.ndarray:
        return self._rng.integers(0, plan.service(service).instances, len(self._times))

    def _ns(self, duration: plan.Duration) -> np.ndarray:
        drawn = self._rng.lognormal(math.log(duration.median_ms), duration.spread, len(self._times))
        return (drawn * 1e6).astype(np.int64)

    def _machine_ns(self, duration: plan.Duration) -> np.ndarray:
        return (self._ns(duration) * self._busy).astype(np.int64)

    def _hiccups(self) -> np.ndarray:
        hit = self._rng.random(len(self._times)) < _HICCUP_SHARE
        return np.where(hit, self._rng.exponential(_HICCUP_MS, len(self._times)) * 1e6, 0.0).astype(np.int64)


def _digits(numbers: np.ndarray, width: int, *, prefix: bytes = b"") -> np.ndarray:
    digits = numbers[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")
    head = np.broadcast_to(np.frombuffer(prefix, np.uint8), (len(numbers), len(prefix)))
    return np.concatenate([head, digits.astype(np.uint8)], axis=1)


def _hexadecimal(numbers: np.ndarray) -> np.ndarray:
    digits = numbers[:, None] >> np.arange(28, -1, -4) & 15
    return np.frombuffer(b"0123456789abcdef", np.uint8)[digits]
