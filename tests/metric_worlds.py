"""Worlds of a system that sends metrics and names its dependencies, but no traces: what a cloud's service map knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from analytics.world import World
from analytics.world_build import build_world
from causeway import records
from causeway.window import MINUTE_NS, SECOND_NS, Window
from collectors.replay.petshop import DEPENDENCY
from tests.table_store import TableStore

EPOCH_NS = 1_790_000_040 * SECOND_NS
HISTORY_MINUTES, WINDOW_MINUTES, FAULT_AFTER = 90, 10, 3


@dataclass(frozen=True)
class MetricSystem:
    """edges: caller -> callees, an acyclic graph. slow and failing: what is added to the fault's service, if any.

    own_ms: of each service, times a random spread of `noise` on every minute.
    """

    edges: Mapping[str, Sequence[str]]
    seed: int = 0
    slow: tuple[str, float] | None = None
    failing: tuple[str, float] | None = None
    noise: float = 0.05
    silent: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    shuffled: int | None = None


def metric_world(system: MetricSystem) -> World:
    """The World of ten minutes after ninety; the fault begins in the fourth."""
    window = Window(EPOCH_NS, EPOCH_NS + WINDOW_MINUTES * MINUTE_NS)
    baseline = window.before(HISTORY_MINUTES * MINUTE_NS)
    return build_world(TableStore(_tables(system, baseline)), window, baseline)


def _tables(system: MetricSystem, baseline: Window) -> dict[str, pa.Table]:
    rows = _series(system)
    order = np.arange(len(rows))
    if system.shuffled is not None:
        order = np.random.default_rng(system.shuffled).permutation(order)
    series, samples = [], []
    for number, place in enumerate(order.tolist(), start=1):
        service, name, unit, attributes, values = rows[place]
        series.append(
            {
                "series_id": number,
                "name": name,
                "unit": unit,
                "type": "gauge",
                "temporality": "UNSPECIFIED",
                "monotonic": False,
                "service": service,
                "instance": "",
                "attributes": list(attributes.items()),
                "first_ns": baseline.start_ns,
            }
        )
        times = baseline.start_ns + np.arange(len(values), dtype=np.int64) * MINUTE_NS
        samples.append(
            pa.table({"series_id": pa.array([number] * len(values), pa.int64()), "time_ns": times, "value": values})
        )
    points = pa.concat_tables(samples).append_column("start_ns", pa.nulls(sum(map(len, samples)), pa.int64()))
    return {
        "series": pa.Table.from_pylist(series, schema=records.SERIES),
        "samples": points.select(records.SAMPLES.names).cast(records.SAMPLES),
    }


def _series(system: MetricSystem) -> list[tuple[str, str, str, dict[str, str], np.ndarray]]:
    rng = np.random.default_rng(system.seed)
    minutes = HISTORY_MINUTES + WINDOW_MINUTES
    after = np.arange(minutes) >= HISTORY_MINUTES + FAULT_AFTER
    names = list(dict.fromkeys([*system.edges, *(callee for callees in system.edges.values() for callee in callees)]))
    requests = _requests(system, names, rng, minutes)
    latency, failing = {}, {}
    for name in reversed(_callers_first(system.edges, names)):
        own = rng.uniform(5, 40) * rng.lognormal(0, system.noise, minutes)
        errors = rng.binomial(np.maximum(requests[name], 1).astype(int), 0.002) / np.maximum(requests[name], 1)
        if system.slow and name == system.slow[0]:
            own += system.slow[1] * after
        if system.failing and name == system.failing[0]:
            errors = errors + system.failing[1] * after
        latency[name] = own + sum((latency[callee] for callee in system.edges.get(name, ())), np.zeros(minutes))
        failing[name] = errors + sum((failing[callee] for callee in system.edges.get(name, ())), np.zeros(minutes))
    said = {name: system.renamed.get(name, name) for name in names}
    found = []
    for name in names:
        if name not in system.silent:
            found.append((said[name], "server.latency", "ms", {"statistic": "Average"}, latency[name]))
            found.append((said[name], "server.requests", "{request}", {}, requests[name]))
            found.append((said[name], "server.success_ratio", "1", {}, 1.0 - np.clip(failing[name], 0.0, 1.0)))
        for callee in system.edges.get(name, ()):
            pair = {"client": said[name], "server": said[callee]}
            found.append((said[name], DEPENDENCY, "1", pair, np.ones(minutes)))
    return found


def _requests(system: MetricSystem, names: list[str], rng: np.random.Generator, minutes: int) -> dict[str, np.ndarray]:
    """Requests a minute: some from outside at services nobody calls, and one each for every request of a caller."""
    requests = {name: np.zeros(minutes) for name in names}
    called = {callee for callees in system.edges.values() for callee in callees}
    for name in names:
        if name not in called:
            requests[name] += np.round(600 * rng.lognormal(0, 0.03, minutes))
    for name in _callers_first(system.edges, names):
        for callee in system.edges.get(name, ()):
            requests[callee] += requests[name]
    return requests


def _callers_first(edges: Mapping[str, Sequence[str]], names: list[str]) -> list[str]:
    order: list[str] = []
    while len(order) < len(names):
        left = [name for name in names if name not in order]
        order += [name for name in left if not any(name in edges.get(other, ()) for other in left if other != name)]
    return order
