"""Worlds of a small synthetic shop, with faults put in whose symptoms travel to the callers.

The shop (services; databases, queue and external host are virtual nodes):

    frontend -> catalog -> catalog-db
             -> recommendations -> catalog
             -> cart -> cart-cache
             -> checkout -> cart, payment -> bank-gateway, orders -> orders-db
             -> orders -> orders-queue ~> shipping -> shipping-db, mailer

Requests are simulated one by one (vectorised) and rolled up as a store would; logs and metrics follow from
them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from analytics.world import World
from analytics.world_build import build_world
from causeway import records
from causeway.latency import bucket_of
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.table_store import TableStore

EPOCH_NS = 1_790_000_000 * SECOND_NS  # a fixed moment; nothing here reads a clock
STEP_NS = records.ROLLUP_STEP_NS
FAULTS = ("latency", "slow_db", "errors", "cpu", "leak", "crash", "release")
TYPES = {
    "catalog-db": "database",
    "orders-db": "database",
    "shipping-db": "database",
    "cart-cache": "database",
    "orders-queue": "queue",
    "bank-gateway": "external",
}
INSTANCES = {"frontend": 2, "catalog": 2, "cart": 2, "payment": 2}
MEMORY_BYTES = 200e6


@dataclass(frozen=True)
class Fault:
    """Something wrong with an entity from `after_s` seconds after the window's start.

    kind: one of FAULTS. `size` scales it: ms added (latency, slow_db), failing share (errors, release),
    factor on own time (cpu), bytes per second (leak), share of calls to the dead instance that fail (crash).
    """

    kind: str
    entity: str
    after_s: float = 120.0
    size: float | None = None

    @property
    def amount(self) -> float:
        usual = {"latency": 300.0, "slow_db": 250.0, "errors": 0.3, "cpu": 3.0, "leak": 500e3, "crash": 0.6}
        return self.size if self.size is not None else usual.get(self.kind, 0.4)


@dataclass(frozen=True)
class Step:
    """A call to an entity and the calls it makes in turn. own_ms: median time of its own."""

    entity: str
    operation: str
    own_ms: float
    share: float = 1.0
    calls: tuple[Step, ...] = ()
    is_async: bool = False
    protocol: str = "http"


def _catalog(operation: str, share: float = 1.0) -> Step:
    select = Step("catalog-db", "SELECT products", 4.0, protocol="postgresql")
    return Step("catalog", operation, 3.0, share, (select,), protocol="grpc")


def _cart() -> Step:
    return Step("cart", "GetCart", 2.0, calls=(Step("cart-cache", "GET cart", 0.6, protocol="redis"),))


def _journeys() -> tuple[Step, ...]:
    ship = Step(
        "shipping",
        "process orders",
        8.0,
        calls=(
            Step("shipping-db", "INSERT parcels", 3.0, protocol="postgresql"),
            Step("mailer", "POST /mail", 15.0),
        ),
        is_async=True,
        protocol="kafka",
    )
    queue = Step("orders-queue", "publish orders", 1.5, calls=(ship,), is_async=True, protocol="kafka")
    create = Step(
        "orders",
        "POST /orders",
        5.0,
        calls=(Step("orders-db", "INSERT orders", 6.0, protocol="mysql"), queue),
    )
    pay = Step("payment", "Charge", 6.0, calls=(Step("bank-gateway", "POST /authorise", 40.0),), protocol="grpc")
    listed = Step("orders", "GET /orders", 4.0, calls=(Step("orders-db", "SELECT orders", 5.0, protocol="mysql"),))
    suggest = Step("recommendations", "List", 6.0, 0.5, (_catalog("GetProduct"),), protocol="grpc")
    return (
        Step("frontend", "GET /products", 5.0, 0.45, (_catalog("ListProducts"), suggest)),
        Step("frontend", "GET /cart", 4.0, 0.25, (_cart(),)),
        Step(
            "frontend",
            "POST /checkout",
            8.0,
            0.2,
            (Step("checkout", "PlaceOrder", 6.0, calls=(_cart(), pay, create)),),
        ),
        Step("frontend", "GET /orders", 4.0, 0.1, (listed,)),
    )


@dataclass(frozen=True)
class Shop:
    """What is simulated. `minutes`: length of baseline and window. `services`: 9 or more; the rest hang on
    frontend."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()
    minutes: tuple[int, int] = (30, 10)
    rate: float = 5.0
    services: int = 9
    error_share: float = 0.002
    instances: dict[str, int] = field(default_factory=lambda: dict(INSTANCES))
    start_ns: int = EPOCH_NS

    @property
    def baseline(self) -> Window:
        return Window(self.start_ns, self.start_ns + self.minutes[0] * MINUTE_NS)

    @property
    def window(self) -> Window:
        return Window(self.baseline.end_ns, self.baseline.end_ns + self.minutes[1] * MINUTE_NS)

    def onset_ns(self, fault: Fault) -> int:
        return self.window.start_ns + int(fault.after_s * SECOND_NS)

    def journeys(self) -> tuple[Step, ...]:
        extra = [Step(f"service-{i:02d}", "Work", 3.0, 0.2, protocol="grpc") for i in range(10, self.services + 1)]
        first, *rest = _journeys()
        return (replace(first, calls=(*first.calls, *extra)), *rest)


def shop_world(
    *,
    seed: int = 0,
    faults: Sequence[Fault | str] = (),
    services: int = 9,
    minutes: tuple[int, int] = (30, 10),
    rate: float = 5.0,
) -> World:
    """The shop's World: 30 quiet minutes, then a window of 10 in which the faults begin after two.

    A fault may be named by its kind alone; it then hits the usual entity: see `usual_fault`.
    """
    chosen = tuple(usual_fault(fault) if isinstance(fault, str) else fault for fault in faults)
    return _world_of(seed, chosen, services, minutes, rate)


@lru_cache(maxsize=32)
def _world_of(seed: int, faults: tuple[Fault, ...], services: int, minutes: tuple[int, int], rate: float) -> World:
    # Worlds are never changed, so that tests may share them.
    shop = Shop(seed=seed, faults=faults, services=services, minutes=minutes, rate=rate)
    return build_world(shop_store(shop), shop.window, shop.baseline)


def usual_fault(kind: str) -> Fault:
    """A fault of that kind at the entity where the tests expect it."""
    entities = {
        "latency": "payment",
        "slow_db": "catalog-db",
        "errors": "orders",
        "cpu": "recommendations",
        "leak": "cart",
        "crash": "catalog",
        "release": "payment",
    }
    return Fault(kind, entities[kind])


def empty_world() -> World:
    """A World of a store that holds nothing."""
    window = Window(EPOCH_NS, EPOCH_NS + 10 * MINUTE_NS)
    return build_world(TableStore(), window, window.before(30 * MINUTE_NS))


def shop_store(shop: Shop) -> TableStore:
    """The shop's rollups, logs, metrics and events over baseline and window, as a Reader."""
    return _Simulation(shop).store()


@dataclass
class _Calls:
    """The calls of one step: (n,) present requests only."""

    time_ns: np.ndarray
    duration_ms: np.ndarray
    own_ms: np.ndarray
    failed: np.ndarray
    own_failed: np.ndarray
    instance: np.ndarray


class _Simulation:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.rng = np.random.default_rng(shop.seed)
        self.edges: list[pa.Table] = []
        self.calls: list[pa.Table] = []
        self.instance_calls: list[pa.Table] = []
        self.operations: list[pa.Table] = []
        self.instances: list[pa.Table] = []
        self.logs: list[pa.Table] = []
        self.coverage: dict[str, list[tuple[np.ndarray, bool]]] = {}
        self.requests: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def store(self) -> TableStore:
        whole = Window(self.shop.baseline.start_ns, self.shop.window.end_ns)
        count = self.rng.poisson(self.shop.rate * whole.duration_s)
        times = np.sort(self.rng.integers(whole.start_ns, whole.end_ns, count))
        journeys = self.shop.journeys()
        shares = np.array([step.share for step in journeys])
        which = self.rng.choice(len(journeys), count, p=shares / shares.sum())
        for i, journey in enumerate(journeys):
            mine = times[which == i]
            self._run(journey, mine, np.ones(len(mine), dtype=bool), caller=None)
        series, samples = self._metrics(whole)
        logs = _concat(self.logs, records.LOGS).sort_by("time_ns")
        tables = {
            "rollup_edges": _concat(self.edges, records.EDGES),
            "rollup_calls": _concat(self.calls, records.CALLS),
            "rollup_instance_calls": _concat(self.instance_calls, records.INSTANCE_CALLS),
            "rollup_operations": _concat(self.operations, records.OPERATIONS),
            "rollup_instances": _concat(self.instances, records.INSTANCES),
            "rollup_coverage": self._coverage(),
            "rollup_logs": _log_counts(logs),
            "logs": logs,
            "events": self._events(),
            "series": series,
            "samples": samples,
        }
        return TableStore(tables)

    def _fault(self, kind: str, entity: str) -> Fault | None:
        return next((f for f in self.shop.faults if f.kind == kind and f.entity == entity), None)

    def _hit(self, kind: str, entity: str, time_ns: np.ndarray) -> tuple[np.ndarray, float]:
        """Which calls a fault of that kind touches, and its size."""
        fault = self._fault(kind, entity)
        if fault is None:
            return np.zeros(len(time_ns), dtype=bool), 0.0
        return time_ns >= self.shop.onset_ns(fault), fault.amount

    def _run(
        self,
        step: Step,
        times: np.ndarray,
        present: np.ndarray,
        caller: Step | None,
        asking: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulates a step of n requests: (n,) ms that the caller waits, (n,) failed; 0 and False where
        absent."""
        n = len(times)
        present = present & (self.rng.random(n) < (step.share if caller is not None else 1.0))
        instance = self.rng.integers(0, max(self._count(step.entity), 1), n)
        refused = present & self._refused(step, times, instance)
        served = present & ~refused
        own = self._own_ms(step, times)
        own_failed = served & (self.rng.random(n) < self._error_share(step, times, instance))
        waited, failed = own.copy(), own_failed.copy()
        for call in step.calls:
            ms, call_failed = self._run(call, times, served, caller=step, asking=instance)
            if not call.is_async or call.entity in TYPES:
                waited += ms
                failed |= call_failed & (self.rng.random(n) < 0.9)
        calls = _Calls(times[served], waited[served], own[served], failed[served], own_failed[served], instance[served])
        self._record(step, calls, caller)
        gap = 0.3 * self.rng.lognormal(0.0, 0.3, n)
        if caller is not None:
            ends = (caller, step), (np.zeros(n, dtype=int) if asking is None else asking, instance)
            self._record_edge(step, caller, times, present, np.where(refused, 1.0, waited), failed | refused, gap)
            self._record_pairs(*ends, times, present, np.where(refused, 1.0, waited), failed | refused)
        return np.where(present, np.where(refused, 1.0, waited) + gap, 0.0), (failed | refused) & present

    def _count(self, entity: str) -> int:
        return 0 if entity in TYPES else self.shop.instances.get(entity, 1)

    def _refused(self, step: Step, times: np.ndarray, instance: np.ndarray) -> np.ndarray:
        hit, share = self._hit("crash", step.entity, times)
        dead = hit & (instance == 0)
        refused = dead & (self.rng.random(len(times)) < share)
        # A client that tries again reaches another instance, if there is one.
        if self._count(step.entity) > 1:
            instance[dead & ~refused] = 1
            return refused
        return dead

    def _own_ms(self, step: Step, times: np.ndarray) -> np.ndarray:
        own = step.own_ms * self.rng.lognormal(0.0, 0.35, len(times))
        for kind in ("latency", "slow_db"):
            hit, added = self._hit(kind, step.entity, times)
            own += np.where(hit, added * self.rng.lognormal(0.0, 0.2, len(times)), 0.0)
        hit, factor = self._hit("cpu", step.entity, times)
        own *= np.where(hit, factor * self.rng.lognormal(0.0, 0.4, len(times)), 1.0)
        hit, _ = self._hit("leak", step.entity, times)
        if hit.any():
            seconds = (times - times[hit][0]) / SECOND_NS
            own *= np.where(hit, 1.0 + np.clip(seconds / 30.0, 0.0, 15.0), 1.0)
        return own

    def _error_share(self, step: Step, times: np.ndarray, instance: np.ndarray) -> np.ndarray:
        share = np.full(len(times), 0.0 if step.entity in TYPES else self.shop.error_share)
        hit, amount = self._hit("errors", step.entity, times)
        share[hit] = amount
        hit, amount = self._hit("release", step.entity, times)
        share[hit & (instance == 0)] = amount
        return share

    def _record_edge(
        self,
        step: Step,
        caller: Step,
        times: np.ndarray,
        present: np.ndarray,
        waited: np.ndarray,
        failed: np.ndarray,
        gap: np.ndarray,
    ) -> None:
        constants = {
            "caller": caller.entity,
            "caller_type": TYPES.get(caller.entity, "service"),
            "callee": step.entity,
            "callee_type": TYPES.get(step.entity, "service"),
            "kind": "async" if step.is_async else "sync",
            "protocol": step.protocol,
        }
        rows = _counted(times[present], waited[present], failed[present])
        known = np.zeros(len(rows["calls"])) if step.entity in TYPES else rows["calls"]
        rows["estimated_milli"] = rows["calls"] * 1000
        rows["gap_calls"] = known
        rows["gap_ns_sum"] = _spread(rows, gap[present].sum() * 1e6) if step.entity not in TYPES else known
        self.edges.append(_table(rows, constants, records.EDGES))
        if caller.entity not in TYPES:
            kind = "PRODUCER" if step.is_async else "CLIENT"
            client = _counted(times[present], (waited + gap)[present], failed[present])
            own = waited if step.entity in TYPES else gap
            client["self_ns_sum"] = _spread(client, own[present].sum() * 1e6)
            named = {"service": caller.entity, "operation": f"{kind.lower()} {step.operation}", "kind": kind}
            self.operations.append(_table(client, {**named, "inbound": False, "entry": False}, records.OPERATIONS))
            self._seen(caller.entity, times[present], root=False)

    def _record_pairs(
        self,
        steps: tuple[Step, Step],
        instances: tuple[np.ndarray, np.ndarray],
        times: np.ndarray,
        present: np.ndarray,
        waited: np.ndarray,
        failed: np.ndarray,
    ) -> None:
        """The same calls between operations, and between instances."""
        caller, step = steps
        ends = {"caller": caller.entity, "callee": step.entity, "kind": "async" if step.is_async else "sync"}
        named = {
            "caller_operation": "" if TYPES.get(caller.entity) == "queue" else caller.operation,
            "callee_operation": "" if TYPES.get(step.entity) == "queue" else step.operation,
        }
        rows = _by_minute(times[present], waited[present], failed[present])
        estimated = {"estimated_milli": rows["calls"] * 1000}
        self.calls.append(_table({**rows, **estimated}, {**ends, **named}, records.CALLS))
        sides = [self._places(one.entity, times, which) for one, which in zip(steps, instances, strict=True)]
        for (asks, asking), (asked, answering) in itertools.product(*sides):
            both = present & asks & asked
            if both.any():
                known = {f"caller_{name}": value for name, value in asking.items()}
                known |= {f"callee_{name}": value for name, value in answering.items()}
                rows = _by_minute(times[both], waited[both], failed[both])
                self.instance_calls.append(_table(rows, {**ends, **known}, records.INSTANCE_CALLS))

    def _places(
        self, entity: str, times: np.ndarray, instance: np.ndarray
    ) -> list[tuple[np.ndarray, dict[str, str | None]]]:
        """Which requests each instance and version of the entity had."""
        if entity in TYPES:
            return [(np.ones(len(times), dtype=bool), {"instance": "", "version": None})]
        released = self._hit("release", entity, times)[0] & (instance == 0)
        return [
            ((instance == i) & (released == new), self._named(entity, i, new=new))
            for i in range(self._count(entity))
            for new in ((False, True) if i == 0 else (False,))
        ]

    def _record(self, step: Step, calls: _Calls, caller: Step | None) -> None:
        if step.entity in TYPES:
            return
        kind = "CONSUMER" if step.is_async else "SERVER"
        constants = {
            "service": step.entity,
            "operation": step.operation,
            "kind": kind,
            "inbound": True,
            "entry": caller is None,
        }
        rows = _counted(calls.time_ns, calls.duration_ms, calls.failed, own_ms=calls.own_ms)
        self.operations.append(_table(rows, constants, records.OPERATIONS))
        self._seen(step.entity, calls.time_ns, root=caller is None)
        self.requests.setdefault(step.entity, []).append((calls.time_ns, calls.instance))
        for i in range(self._count(step.entity)):
            self._record_instance(step, calls, i)
        self._log(step, calls)

    def _record_instance(self, step: Step, calls: _Calls, i: int) -> None:
        mine = calls.instance == i
        released = self._hit("release", step.entity, calls.time_ns)[0] & (i == 0)
        for chosen, named in (
            (mine & ~released, self._named(step.entity, i)),
            (mine & released, self._named(step.entity, i, new=True)),
        ):
            if chosen.any():
                rows = _counted(calls.time_ns[chosen], calls.duration_ms[chosen], calls.failed[chosen])
                rows["spans"] = rows["calls"]
                self.instances.append(_table(rows, {"service": step.entity, **named}, records.INSTANCES))

    def _named(self, service: str, i: int, *, new: bool = False) -> dict[str, str | None]:
        return {"instance": f"{service}-{'new' if new else i}", "version": "1.1.0" if new else "1.0.0"}

    def _seen(self, service: str, times: np.ndarray, *, root: bool) -> None:
        self.coverage.setdefault(service, []).append((times, root))

    def _coverage(self) -> pa.Table:
        tables = []
        for service, parts in self.coverage.items():
            for times, root in parts:
                slot, count = np.unique(times // STEP_NS * STEP_NS, return_counts=True)
                roots = count if root else np.zeros_like(count)
                rows = {
                    "slot_ns": slot,
                    "spans": count,
                    "roots": roots,
                    "linked": count - roots,
                    "skewed": np.zeros_like(count),
                    "estimated_milli": count * 1000,
                }
                tables.append(_table(rows, {"service": service}, records.COVERAGE))
        return _concat(tables, records.COVERAGE)

    def _log(self, step: Step, calls: _Calls) -> None:
        """Logs every fourth request and every failure: with its cause where it began, above it as seen."""
        numbers = self.rng.integers(1, 10_000, len(calls.time_ns))
        quiet = (np.arange(len(calls.time_ns)) % 4 == 0) & ~calls.failed
        passed_on = calls.failed & ~calls.own_failed
        operation = step.operation
        for chosen, severity, before, after in (
            (quiet, "INFO", f"{operation} done for request ", " by worker"),
            (
                calls.own_failed,
                "ERROR",
                f"IllegalStateException in {operation}: cannot read record ",
                " of the ledger",
            ),
            (passed_on, "ERROR", f"{operation} failed: upstream answered 500 to request ", ""),
        ):
            if chosen.any():
                bodies = [f"{before}{number}{after}" for number in numbers[chosen]]
                number = records.SEVERITIES.index(severity) * 4 - 3
                rows = {"time_ns": calls.time_ns[chosen], "body": bodies}
                constants = {
                    "service": step.entity,
                    "severity": severity,
                    "severity_number": number,
                    "ordinal": 0,
                }
                self.logs.append(_table(rows, constants, records.LOGS))

    def _events(self) -> pa.Table:
        released = [fault for fault in self.shop.faults if fault.kind == "release"]
        rows = [
            {
                "time_ns": self.shop.onset_ns(fault) - 5 * SECOND_NS,
                "kind": "deploy",
                "entity": fault.entity,
                "service": fault.entity,
                "instance": f"{fault.entity}-new",
                "reason": "deployment.finished",
                "message": f"{fault.entity} 1.0.0 → 1.1.0",
                "attributes": [("service.version", "1.1.0")],
            }
            for fault in released
        ]
        return pa.Table.from_pylist(rows, schema=records.EVENTS)

    def _metrics(self, whole: Window) -> tuple[pa.Table, pa.Table]:
        """CPU and memory of every instance, and its requests as a counter, each 10 s."""
        series, samples = [], []
        times = np.arange(whole.start_ns + 3 * SECOND_NS, whole.end_ns, 10 * SECOND_NS)
        for service, parts in sorted(self.requests.items()):
            when = np.concatenate([time for time, _ in parts])
            which = np.concatenate([instance for _, instance in parts])
            for i in range(self._count(service)):
                for named, alive in self._lives(service, i, times):
                    rate = (
                        np.bincount(np.searchsorted(times, when[which == i]), minlength=len(times) + 1)[: len(times)]
                        / 10.0
                    )
                    for name, unit, kind, values in self._instance_metrics(service, times, rate):
                        series_id = 1 + len(series)
                        series.append(
                            {
                                "series_id": series_id,
                                "name": name,
                                "unit": unit,
                                "type": kind,
                                "temporality": "CUMULATIVE" if kind == "sum" else "UNSPECIFIED",
                                "monotonic": kind == "sum",
                                "service": service,
                                "instance": named,
                                "attributes": [],
                                "first_ns": int(times[0]),
                            }
                        )
                        rows = {"time_ns": times[alive], "value": values[alive]}
                        samples.append(_table(rows, {"series_id": series_id}, records.SAMPLES))
        return pa.Table.from_pylist(series, schema=records.SERIES), _concat(samples, records.SAMPLES)

    def _lives(self, service: str, i: int, times: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """Instances behind number i, and when each was alive."""
        dead, _ = self._hit("crash", service, times)
        released, _ = self._hit("release", service, times)
        if i == 0 and dead.any():
            return [(f"{service}-0", ~dead)]
        if i == 0 and released.any():
            return [(f"{service}-0", ~released), (f"{service}-new", released)]
        return [(f"{service}-{i}", np.ones(len(times), dtype=bool))]

    def _instance_metrics(
        self, service: str, times: np.ndarray, rate: np.ndarray
    ) -> list[tuple[str, str, str, np.ndarray]]:
        n = len(times)
        cpu = 0.05 + 0.04 * rate + np.abs(self.rng.normal(0.0, 0.01, n))
        burning, _ = self._hit("cpu", service, times)
        cpu = np.where(burning, self.rng.uniform(0.93, 1.0, n), np.minimum(cpu, 1.0))
        memory = MEMORY_BYTES * (1.0 + 0.02 * self.rng.standard_normal(n) + 0.01 * np.sin(np.arange(n) / 9.0))
        leaking, speed = self._hit("leak", service, times)
        memory += np.cumsum(leaking) * 10.0 * speed
        served = np.cumsum(rate * 10.0)
        return [
            ("process.cpu.utilization", "1", "gauge", cpu),
            ("process.memory.usage", "By", "gauge", memory),
            ("app.requests", "{request}", "sum", served),
        ]


def _counted(
    times: np.ndarray, duration_ms: np.ndarray, failed: np.ndarray, *, own_ms: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Rollup rows by (slot, latency bucket)."""
    duration_ns = (duration_ms * 1e6).astype(np.int64)
    bucket = bucket_of(duration_ns)
    slot = times // STEP_NS
    cell, place = np.unique(slot * 1024 + bucket, return_inverse=True)
    size = len(cell)
    rows = {
        "slot_ns": cell // 1024 * STEP_NS,
        "latency_bucket": cell % 1024,
        "calls": np.bincount(place, minlength=size),
        "errors": np.bincount(place, weights=failed, minlength=size),
        "duration_ns_sum": np.bincount(place, weights=duration_ns, minlength=size),
    }
    if own_ms is not None:
        rows["self_ns_sum"] = np.bincount(place, weights=own_ms * 1e6, minlength=size)
    return rows


def _by_minute(times: np.ndarray, duration_ms: np.ndarray, failed: np.ndarray) -> dict[str, np.ndarray]:
    """Rollup rows by minute."""
    slot, place = np.unique(times // MINUTE_NS * MINUTE_NS, return_inverse=True)
    size = len(slot)
    return {
        "slot_ns": slot,
        "calls": np.bincount(place, minlength=size),
        "errors": np.bincount(place, weights=failed, minlength=size),
        "duration_ns_sum": np.bincount(place, weights=(duration_ms * 1e6).astype(np.int64), minlength=size),
    }


def _spread(rows: dict[str, np.ndarray], total: float) -> np.ndarray:
    """A total shared out over the rows by their calls."""
    calls = rows["calls"]
    return calls * (total / max(calls.sum(), 1))


def _table(rows: dict[str, np.ndarray | list], constants: dict[str, object], schema: pa.Schema) -> pa.Table:
    size = len(next(iter(rows.values())))
    columns = []
    for column in schema:
        if column.name in rows:
            values = rows[column.name]
            array = pa.array(np.asarray(values)) if not isinstance(values, list) else pa.array(values)
            columns.append(array.cast(column.type, safe=False))
        elif column.name in constants:
            columns.append(pa.repeat(pa.scalar(constants[column.name], column.type), size))
        else:
            columns.append(pa.nulls(size, column.type))
    return pa.table(columns, schema=schema)


def _log_counts(logs: pa.Table) -> pa.Table:
    slot = pa.array(logs.column("time_ns").to_numpy() // STEP_NS * STEP_NS)
    keyed = logs.select(["service", "severity", "template_id"]).add_column(0, "slot_ns", slot)
    names = ["slot_ns", "service", "severity", "template_id"]
    return keyed.group_by(names).aggregate([([], "count_all")]).rename_columns([*names, "lines"])


def _concat(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *tables])
