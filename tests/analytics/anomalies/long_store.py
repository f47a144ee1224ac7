"""Days of a small system's rollups, logs and metrics, made minute by minute from a seed, with faults put in.

    front -> cart -> cart-db (database)
          -> mail

`alone` calls nobody and is called by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.latency import bucket_of
from causeway.window import HOUR_NS, MINUTE_NS, Window
from tests.table_store import TableStore

START_NS = 1_790_000_000_000_000_000 // (24 * HOUR_NS) * 24 * HOUR_NS
SERVICES = ("front", "cart", "mail", "alone")
CALLS = (("front", "cart", "service"), ("front", "mail", "service"), ("cart", "cart-db", "database"))
LATENCY_MS = {"front": 80.0, "cart": 30.0, "mail": 20.0, "alone": 15.0, "cart-db": 5.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """From `minute` on for so many minutes: slower so many times, failing so often, such a share of requests."""

    entity: str
    minute: int
    minutes: int = 15
    slower: float = 1.0
    failing: float = 0.0
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Days:
    """What is made. names: what entities are called instead; silent: minutes in which nothing arrived at all."""

    minutes: int = 2 * 1440 + 240
    faults: tuple[Fault, ...] = ()
    silent: tuple[int, int] = (0, 0)
    seed: int = 1
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    rate: float = 120.0

    @property
    def end_ns(self) -> int:
        return START_NS + self.minutes * MINUTE_NS

    def at(self, minute: int) -> int:
        return START_NS + minute * MINUTE_NS

    def window(self, start: int, end: int | None = None) -> Window:
        return Window(self.at(start), self.end_ns if end is None else self.at(end))


def long_store(days: Days) -> TableStore:
    """The system's tables."""
    rng = np.random.default_rng(days.seed)
    minute = np.arange(days.minutes)
    here = (minute < days.silent[0]) | (minute >= days.silent[1])
    day = 1.0 + 0.3 * np.sin(2 * np.pi * minute / 1440)
    measured = {entity: _entity(entity, days, day, rng) for entity in LATENCY_MS}
    operations = [_operations(days, name, *measured[name], here) for name in SERVICES]
    edges = [_edges(days, *pair, *measured[pair[1]], here) for pair in CALLS]
    logs = [_logs(days, name, measured[name][0], measured[name][1], here) for name in SERVICES]
    series, samples = _samples(days, here, rng)
    coverage = _filled({"slot_ns": [START_NS], "service": ["front"], "spans": [1]}, records.COVERAGE)
    return TableStore(
        {
            "rollup_operations": pa.concat_tables(operations),
            "rollup_edges": pa.concat_tables(edges),
            "rollup_logs": pa.concat_tables(logs),
            "rollup_coverage": coverage,
            "series": series,
            "samples": samples,
        }
    )


def _entity(
    entity: str, days: Days, day: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(t,) calls, errors, and mean milliseconds."""
    minute = np.arange(days.minutes)
    calls = rng.poisson(days.rate * day)
    ratio = np.full(days.minutes, 0.002)
    slower = np.ones(days.minutes)
    for fault in days.faults:
        if fault.entity == entity:
            during = (minute >= fault.minute) & (minute < fault.minute + fault.minutes)
            calls = np.where(during, (calls * fault.share).astype(np.int64), calls)
            ratio = np.where(during, ratio + fault.failing, ratio)
            slower = np.where(during, fault.slower, slower)
    errors = rng.binomial(calls, np.minimum(ratio, 1.0))
    mean_ms = LATENCY_MS[entity] * slower * rng.lognormal(0.0, 0.05, days.minutes)
    return calls, errors, mean_ms


def _operations(
    days: Days, name: str, calls: np.ndarray, errors: np.ndarray, mean_ms: np.ndarray, here: np.ndarray
) -> pa.Table:
    columns = {**_counts(calls, errors, mean_ms, here), "service": days.names.get(name, name)}
    said = {"operation": "work", "kind": "SERVER", "inbound": True, "entry": name == "front", "self_ns_sum": 0}
    return _filled({**columns, **said}, records.OPERATIONS)


def _edges(
    days: Days,
    caller: str,
    callee: str,
    kind: str,
    calls: np.ndarray,
    errors: np.ndarray,
    mean_ms: np.ndarray,
    here: np.ndarray,
) -> pa.Table:
    ends = {"caller": days.names.get(caller, caller), "callee": days.names.get(callee, callee), "callee_type": kind}
    said = {"caller_type": "service", "kind": "sync", "protocol": "http"}
    return _filled({**_counts(calls, errors, mean_ms, here), **ends, **said}, records.EDGES)


def _counts(calls: np.ndarray, errors: np.ndarray, mean_ms: np.ndarray, here: np.ndarray) -> dict[str, object]:
    some = here & (calls > 0)
    times = START_NS + np.flatnonzero(some) * MINUTE_NS
    mean_ns = (mean_ms[some] * 1e6).astype(np.int64)
    return {
        "slot_ns": times,
        "latency_bucket": bucket_of(mean_ns),
        "calls": calls[some],
        "errors": errors[some],
        "duration_ns_sum": mean_ns * calls[some],
    }


def _logs(days: Days, name: str, calls: np.ndarray, errors: np.ndarray, here: np.ndarray) -> pa.Table:
    parts = []
    for severity, lines in (("INFO", calls // 4), ("ERROR", errors)):
        some = here & (lines > 0)
        rows = {"slot_ns": START_NS + np.flatnonzero(some) * MINUTE_NS, "lines": lines[some]}
        parts.append(_filled({**rows, "service": days.names.get(name, name), "severity": severity}, records.LOG_COUNTS))
    return pa.concat_tables(parts)


def _samples(days: Days, here: np.ndarray, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    names = [days.names.get(name, name) for name in SERVICES]
    said = {"name": "process.cpu.utilization", "unit": "1", "type": "gauge", "temporality": "UNSPECIFIED"}
    rows = {"series_id": np.arange(len(names)), "service": names, "instance": [f"{name}-1" for name in names]}
    series = _filled({**rows, **said, "monotonic": False}, records.SERIES)
    times = START_NS + np.flatnonzero(here) * MINUTE_NS + 1
    values = [0.3 + 0.02 * rng.standard_normal(len(times)) for _ in names]
    samples = {
        "series_id": np.repeat(np.arange(len(names)), len(times)),
        "time_ns": np.tile(times, len(names)),
        "value": np.concatenate(values),
    }
    return series, _filled(samples, records.SAMPLES)


def _filled(columns: Mapping[str, object], schema: pa.Schema) -> pa.Table:
    """Single values are repeated; columns that are not given are 0 where they count and null elsewhere."""
    size = max(len(value) for value in columns.values() if isinstance(value, list | np.ndarray))
    made = []
    for one in schema:
        value = columns.get(one.name)
        if isinstance(value, list | np.ndarray):
            made.append(pa.array(value, type=one.type))
        elif value is not None:
            made.append(pa.array([value] * size, type=one.type))
        else:
            counted = pa.types.is_integer(one.type) and one.name not in {"template_id", "resource_id", "start_ns"}
            made.append(pa.array([0 if counted else None] * size, type=one.type))
    return pa.table(made, schema=schema)
