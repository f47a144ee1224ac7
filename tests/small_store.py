"""A small shop's telemetry as columns: consistent spans, logs, samples and one event, made from a seed.

    frontend -> cart -> redis (database)
    frontend -> payment -> postgresql (database)
    frontend -> orders (queue) -> shipping

One service may become slow or fail from some minute on, as a fault would make it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.stores.contract import Batch
from causeway.window import MINUTE_NS, SECOND_NS, Window

START_NS = 1_760_000_040 * SECOND_NS  # a whole minute
MS_NS = 1_000_000
SAMPLE_STEP_NS = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Shop:
    """What the shop lives through; `slow` and `failing` begin `fault_minute` minutes after `start_ns`."""

    start_ns: int = START_NS
    minutes: int = 40
    traces_per_minute: int = 60
    slow: str | None = None
    slow_by_ms: float = 300.0
    failing: str | None = None
    failing_ratio: float = 0.5
    fault_minute: int = 30
    seed: int = 7

    @property
    def window(self) -> Window:
        """All of it."""
        return Window(self.start_ns, self.start_ns + self.minutes * MINUTE_NS)

    @property
    def fault_window(self) -> Window:
        """From the fault to the end."""
        return Window(self.start_ns + self.fault_minute * MINUTE_NS, self.window.end_ns)


@dataclass(frozen=True, slots=True)
class Step:
    """One span of every trace: `parent` is a place in STEPS, `own_ms` the median of its own time."""

    service: str
    operation: str
    kind: str
    parent: int | None
    own_ms: float
    peer: str | None = None
    peer_type: str | None = None
    protocol: str = "http"


STEPS = (
    Step("frontend", "GET /checkout", "SERVER", None, 4.0),
    Step("frontend", "GET /cart", "CLIENT", 0, 1.0, "cart"),
    Step("cart", "GET /cart", "SERVER", 1, 3.0),
    Step("cart", "GET", "CLIENT", 2, 1.5, "redis", "database", "redis"),
    Step("frontend", "POST /charge", "CLIENT", 0, 1.0, "payment"),
    Step("payment", "POST /charge", "SERVER", 4, 12.0),
    Step("payment", "INSERT payments", "CLIENT", 5, 5.0, "postgresql", "database", "postgresql"),
    Step("frontend", "send orders", "PRODUCER", 0, 0.8, "orders", "queue", "kafka"),
    Step("shipping", "process orders", "CONSUMER", 7, 8.0, "orders", "queue", "kafka"),
)
SERVICES = ("cart", "frontend", "payment", "shipping")
VERSIONS = dict.fromkeys(SERVICES, "1.0.0")
# Name, unit, type, level and spread of what every instance reports.
METRICS = (
    ("process.cpu.utilization", "1", "gauge", 0.2, 0.02),
    ("process.memory.usage", "By", "gauge", 120e6, 1e6),
)


def shop_batch(shop: Shop = Shop()) -> Batch:
    """Every table of the shop's telemetry, rollups left out as a store derives them."""
    rng = np.random.default_rng(shop.seed)
    times_ns, failed, durations_ns = _traces(shop, rng)
    return Batch(
        {
            "spans": _spans(times_ns, failed, durations_ns, rng),
            "logs": _logs(times_ns, failed),
            "series": _series(shop),
            "samples": _samples(shop, rng),
            "resources": _resources(shop),
            "events": _events(shop),
        }
    )


def instance(service: str) -> str:
    """The one instance of a service."""
    return f"{service}-1"


def _traces(shop: Shop, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts (n,), failed (n, steps) bool, and own time plus that of the children (n, steps) ns."""
    count = shop.minutes * shop.traces_per_minute
    spread = MINUTE_NS / shop.traces_per_minute
    times_ns = (shop.start_ns + (np.arange(count) + rng.random(count) * 0.9) * spread).astype(np.int64)
    own_ms = rng.lognormal(np.log([step.own_ms for step in STEPS]), 0.15, (count, len(STEPS)))
    during = times_ns >= shop.start_ns + shop.fault_minute * MINUTE_NS
    failed = np.zeros((count, len(STEPS)), bool)
    for place, step in enumerate(STEPS):
        if step.kind in {"SERVER", "CONSUMER"}:
            if step.service == shop.slow:
                own_ms[during, place] += shop.slow_by_ms
            if step.service == shop.failing:
                failed[:, place] = during & (rng.random(count) < shop.failing_ratio)
    durations_ns = (own_ms * MS_NS).astype(np.int64)
    for place in range(len(STEPS) - 1, 0, -1):
        parent = STEPS[place].parent
        if parent is not None and STEPS[place].kind != "CONSUMER":
            durations_ns[:, parent] += durations_ns[:, place]
            failed[:, parent] |= failed[:, place]
    return times_ns, failed, durations_ns


def _starts(times_ns: np.ndarray, durations_ns: np.ndarray) -> np.ndarray:
    """(n, steps) ns: children run one after the other inside their parent, a consumer after its producer."""
    starts_ns = np.zeros_like(durations_ns)
    starts_ns[:, 0] = times_ns
    free_ns = starts_ns + MS_NS // 10
    free_ns[:, 0] = times_ns + MS_NS // 10
    for place, step in enumerate(STEPS[1:], start=1):
        parent = step.parent or 0
        starts_ns[:, place] = free_ns[:, parent]
        if step.kind == "CONSUMER":
            starts_ns[:, place] = starts_ns[:, parent] + durations_ns[:, parent] + MS_NS
        free_ns[:, place] = starts_ns[:, place] + MS_NS // 10
        free_ns[:, parent] = starts_ns[:, place] + durations_ns[:, place]
    return starts_ns


def _spans(times_ns: np.ndarray, failed: np.ndarray, durations_ns: np.ndarray, rng: np.random.Generator) -> pa.Table:
    count, steps = durations_ns.shape
    rows = count * steps
    trace_ids = [_bytes(16, 1 + trace) for trace in range(count) for _ in range(steps)]
    span_ids = np.array([_bytes(8, 1 + row) for row in range(rows)], dtype=object).reshape(count, steps)
    parents = np.full((count, steps), None, dtype=object)
    for place, step in enumerate(STEPS):
        if step.parent is not None:
            parents[:, place] = span_ids[:, step.parent]
    status = np.where(failed, "ERROR", "UNSET").ravel()
    order = rng.permutation(rows)  # telemetry does not come in order
    columns: dict[str, object] = {
        "trace_id": trace_ids,
        "span_id": list(span_ids.ravel()),
        "parent_span_id": list(parents.ravel()),
        "start_ns": _starts(times_ns, durations_ns).ravel(),
        "duration_ns": durations_ns.ravel(),
        "status": status,
        "status_message": np.where(status == "ERROR", "refused", None),
        "service": [step.service for step in STEPS] * count,
        "operation": [step.operation for step in STEPS] * count,
        "kind": [step.kind for step in STEPS] * count,
        "instance": [instance(step.service) for step in STEPS] * count,
        "version": [VERSIONS[step.service] for step in STEPS] * count,
        "peer_service": [step.peer for step in STEPS] * count,
        "peer_type": [step.peer_type for step in STEPS] * count,
        "protocol": [step.protocol for step in STEPS] * count,
        "resource_id": [SERVICES.index(step.service) + 1 for step in STEPS] * count,
        "scope": ["shop"] * rows,
        "attributes": [[("shop.step", str(place))] for place in range(steps)] * count,
        "events": [[] for _ in range(rows)],
        "links": [[] for _ in range(rows)],
    }
    return _table(records.SPANS, columns, rows).take(order)


def _logs(times_ns: np.ndarray, failed: np.ndarray) -> pa.Table:
    """One line of payment per request: INFO, or ERROR where it failed."""
    place = next(number for number, step in enumerate(STEPS) if (step.service, step.kind) == ("payment", "SERVER"))
    bad = failed[:, place]
    rows = len(times_ns)
    columns: dict[str, object] = {
        "time_ns": times_ns + MS_NS,
        "observed_ns": times_ns + 2 * MS_NS,
        "service": ["payment"] * rows,
        "instance": [instance("payment")] * rows,
        "severity": np.where(bad, "ERROR", "INFO"),
        "severity_number": np.where(bad, 17, 9),
        "body": [
            f"charge of order {order} refused by bank" if is_bad else f"charged order {order}"
            for order, is_bad in enumerate(bad)
        ],
        "template_id": np.where(bad, 2, 1),
        "trace_id": [_bytes(16, 1 + trace) for trace in range(rows)],
        "span_id": [_bytes(8, 1 + trace * len(STEPS) + place) for trace in range(rows)],
        "resource_id": [SERVICES.index("payment") + 1] * rows,
        "scope": ["shop"] * rows,
        "attributes": [[] for _ in range(rows)],
        "ordinal": [0] * rows,
    }
    return _table(records.LOGS, columns, rows)


def _series(shop: Shop) -> pa.Table:
    kinds = [(service, metric) for service in SERVICES for metric in METRICS]
    columns: dict[str, object] = {
        "series_id": np.arange(1, len(kinds) + 1),
        "name": [metric[0] for _, metric in kinds],
        "unit": [metric[1] for _, metric in kinds],
        "type": [metric[2] for _, metric in kinds],
        "temporality": ["UNSPECIFIED"] * len(kinds),
        "monotonic": [False] * len(kinds),
        "service": [service for service, _ in kinds],
        "instance": [instance(service) for service, _ in kinds],
        "resource_id": [SERVICES.index(service) + 1 for service, _ in kinds],
        "attributes": [[] for _ in kinds],
        "first_ns": [shop.start_ns] * len(kinds),
    }
    return _table(records.SERIES, columns, len(kinds))


def _samples(shop: Shop, rng: np.random.Generator) -> pa.Table:
    times_ns = np.arange(shop.start_ns, shop.window.end_ns, SAMPLE_STEP_NS)
    levels = np.tile([metric[3] for metric in METRICS], len(SERVICES))
    spreads = np.tile([metric[4] for metric in METRICS], len(SERVICES))
    values = rng.normal(levels[:, None], spreads[:, None], (len(levels), len(times_ns)))
    columns: dict[str, object] = {
        "series_id": np.repeat(np.arange(1, len(levels) + 1), len(times_ns)),
        "time_ns": np.tile(times_ns, len(levels)),
        "value": values.ravel(),
    }
    return _table(records.SAMPLES, columns, values.size)


def _resources(shop: Shop) -> pa.Table:
    columns: dict[str, object] = {
        "resource_id": np.arange(1, len(SERVICES) + 1),
        "service": list(SERVICES),
        "instance": [instance(service) for service in SERVICES],
        "version": [VERSIONS[service] for service in SERVICES],
        "attributes": [[("service.name", service), ("service.version", "1.0.0")] for service in SERVICES],
        "first_ns": [shop.start_ns] * len(SERVICES),
    }
    return _table(records.RESOURCES, columns, len(SERVICES))


def _events(shop: Shop) -> pa.Table:
    columns: dict[str, object] = {
        "time_ns": [shop.start_ns + 5 * MINUTE_NS],
        "kind": ["deploy"],
        "entity": ["shipping"],
        "service": ["shipping"],
        "instance": [instance("shipping")],
        "reason": ["rollout"],
        "message": ["shipping 1.0.0 rolled out"],
        "attributes": [[("service.version", "1.0.0")]],
    }
    return _table(records.EVENTS, columns, 1)


def _table(schema: pa.Schema, columns: dict[str, object], rows: int) -> pa.Table:
    """A table of that schema; columns that are not given are null."""
    assert set(columns) <= set(schema.names), sorted(set(columns) - set(schema.names))
    arrays = [
        pa.array(columns[field.name], type=field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _bytes(width: int, number: int) -> bytes:
    return number.to_bytes(width, "big")
