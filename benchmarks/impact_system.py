"""A made system whose requests are simulated one by one: required and optional calls, retries, fallbacks, caches.

Nothing of it is known to the analysis but the spans. `Outage` takes a service down, and what then happens to whom is
counted from the same simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS, Window

START_NS = 1_790_000_040 * SECOND_NS
MINUTES = 30
OPERATIONS = 2
JOURNEYS = 6
HICCUP_NS = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Call:
    """One call an operation makes. chance: that it is made at all (caches, branches). needed: chance that losing it
    fails the operation: 1 required, 0 optional, between: sometimes. attempts: 1 without retries. instead: a service
    operation asked when all attempts failed; -1 for none. behind: by a queue, not waited for."""

    target: int
    chance: float
    needed: float
    attempts: int
    instead: int
    behind: bool


@dataclass(frozen=True, slots=True)
class System:
    """Operations by number, OPERATIONS to a service; entries: (operation, share of the requests).

    error_share: of visits, each by itself. hiccups: per service, when it begins to fail half of its requests for
    HICCUP_NS.
    """

    services: int
    calls: tuple[tuple[Call, ...], ...]
    entries: tuple[tuple[int, float], ...]
    error_share: float
    hiccups: tuple[tuple[int, ...], ...]

    def name(self, operation: int) -> str:
        return f"service-{operation // OPERATIONS:03d}"


def made_system(*, services: int, seed: int, error_share: float = 0.002, hiccups: int = 2) -> System:
    """A random system in layers; services call those further down, three or so each."""
    rng = np.random.default_rng(seed)
    calls = []
    for operation in range(services * OPERATIONS):
        below = np.arange(operation // OPERATIONS + 1, min(services, operation // OPERATIONS + 1 + services // 2))
        count = min(len(below), int(rng.integers(0, 5)))
        chosen: list[int] = np.sort(rng.choice(below, count, replace=False)).tolist() if count else []
        calls.append(tuple(_call(service, below, rng) for service in chosen))
    weights = rng.dirichlet(np.full(JOURNEYS, 1.5))
    first = rng.choice(max(2, services // 4) * OPERATIONS, JOURNEYS, replace=False)
    entries = tuple(zip(sorted(first.tolist()), weights.tolist(), strict=True))
    bad = START_NS + rng.integers(0, MINUTES * MINUTE_NS, (services, hiccups))
    return System(services, tuple(calls), entries, error_share, tuple(tuple(row) for row in bad.tolist()))


def _call(service: int, below: np.ndarray, rng: np.random.Generator) -> Call:
    needed = float(rng.choice([1.0, 0.0, rng.uniform(0.2, 0.8)], p=[0.65, 0.2, 0.15]))
    instead = -1
    if rng.random() < 0.1 and len(below) > 1:
        other = int(rng.choice(below[below != service]))
        instead = other * OPERATIONS + int(rng.integers(OPERATIONS))
    return Call(
        target=service * OPERATIONS + int(rng.integers(OPERATIONS)),
        chance=float(rng.choice([1.0, rng.uniform(0.1, 0.9)], p=[0.6, 0.4])),
        needed=needed,
        attempts=int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])),
        instead=instead,
        behind=bool(rng.random() < 0.08),
    )


class Simulation:
    """Requests to a system, with one service down or none. Counts visits and failed visits by service."""

    def __init__(self, system: System, *, seed: int, down: int = -1, kept: bool = False) -> None:
        self.system, self.down, self.kept = system, down, kept
        self.visits, self.failed = np.zeros(system.services), np.zeros(system.services)
        self.requests, self.lost = np.zeros(JOURNEYS), np.zeros(JOURNEYS)
        self.rows: list[tuple[int, int, int, int, str, int, int, bool]] = []
        self._rng = np.random.default_rng(seed)
        self._draws: Iterator[float] = iter(())
        self._trace = 0

    def run(self, requests: int) -> None:
        """That many requests, spread over MINUTES."""
        shares = [share for _, share in self.system.entries]
        journeys = self._rng.choice(JOURNEYS, requests, p=shares)
        times = START_NS + np.sort(self._rng.integers(0, MINUTES * MINUTE_NS, requests))
        for journey, time_ns in zip(journeys.tolist(), times.tolist(), strict=True):
            self._trace += 1
            failed, _ = self._visit(self.system.entries[journey][0], 0, time_ns, "SERVER")
            self.requests[journey] += 1
            self.lost[journey] += failed

    def _draw(self) -> float:
        value = next(self._draws, None)
        if value is None:
            self._draws = iter(self._rng.random(4096).tolist())
            value = next(self._draws)
        return value

    def _span(self, parent: int, operation: int, kind: str, start_ns: int, took_ns: int, failed: bool) -> None:
        self.rows[parent] = (*self.rows[parent][:2], operation, start_ns, kind, took_ns, self._trace, failed)

    def _open(self, parent: int) -> int:
        self.rows.append((len(self.rows) + 1, parent, 0, 0, "", 0, 0, False))
        return len(self.rows) - 1

    def _visit(self, operation: int, parent: int, start_ns: int, kind: str) -> tuple[bool, int]:
        """(failed, when it ended)."""
        service = operation // OPERATIONS
        at = self._open(parent) if self.kept else 0
        now = start_ns + 200_000 + int(self._draw() * 2e6)
        failed = self._draw() < self._error_share(service, start_ns) or service == self.down
        if not failed:
            for call in self.system.calls[operation]:
                if self._draw() < call.chance:
                    lost, now = self._call(call, operation, at, now)
                    if lost and self._draw() < call.needed:
                        failed = True
                        break
        now += 100_000
        self.visits[service] += 1
        self.failed[service] += failed
        if self.kept:
            self._span(at, operation, kind, start_ns, now - start_ns, failed)
        return failed, now

    def _error_share(self, service: int, time_ns: int) -> float:
        for begin in self.system.hiccups[service]:
            if begin <= time_ns < begin + HICCUP_NS:
                return 0.5
        return self.system.error_share

    def _call(self, call: Call, operation: int, at: int, now: int) -> tuple[bool, int]:
        if call.behind:
            client = self._open(at + 1) if self.kept else 0
            self._visit(call.target, client + 1, now + 3_000_000, "CONSUMER")
            if self.kept:
                self._span(client, operation, f"PRODUCER {call.target}", now, 300_000, False)
            return False, now + 300_000
        for _ in range(call.attempts):
            lost, now = self._attempt(call.target, operation, at, now)
            if not lost:
                return False, now
        if call.instead >= 0:
            return self._attempt(call.instead, operation, at, now)
        return True, now

    def _attempt(self, target: int, operation: int, at: int, now: int) -> tuple[bool, int]:
        client = self._open(at + 1) if self.kept else 0
        lost, end = self._visit(target, client + 1, now + 100_000, "SERVER")
        if self.kept:
            self._span(client, operation, f"CLIENT {target}", now, end + 100_000 - now, lost)
        return lost, end + 200_000

    def spans(self) -> pa.Table:
        """The spans of what was run with `kept`."""
        identity, parent, operation, start, kind, took, trace, failed = zip(*self.rows, strict=True)
        called = [each.partition(" ") for each in kind]
        names = [self.system.name(each) for each in operation]
        own = [f"GET /{each % OPERATIONS}" for each in operation]
        columns = {
            "trace_id": [each.to_bytes(16, "big") for each in trace],
            "span_id": [each.to_bytes(8, "big") for each in identity],
            "parent_span_id": [each.to_bytes(8, "big") if each else None for each in parent],
            "service": names,
            "operation": [
                f"call {self.system.name(int(target))} {int(target) % OPERATIONS}" if target else name
                for name, (_, _, target) in zip(own, called, strict=True)
            ],
            "kind": [each for each, _, _ in called],
            "start_ns": start,
            "duration_ns": took,
            "status": ["ERROR" if each else "UNSET" for each in failed],
            "instance": [f"{name}-1" for name in names],
            "version": ["1"] * len(names),
            "resource_id": [each // OPERATIONS + 1 for each in operation],
        }
        arrays = [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(names), field.type)
            for field in records.SPANS
        ]
        return pa.table(arrays, schema=records.SPANS)


def window() -> Window:
    """All that is simulated."""
    return Window(START_NS, START_NS + MINUTES * MINUTE_NS)
