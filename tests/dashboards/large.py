"""Services over a made-up system of any size: what the map page is looked at and measured with."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa

from analytics.callgraph.graph import CallGraph, call_graph
from analytics.impact.scores import ServiceImpact, impact_scores
from causeway import records
from causeway.findings import Incident
from causeway.latency import bucket_of
from causeway.state.records import PatrolRun
from causeway.window import MINUTE_NS, Window
from tests.dashboards.fakes import ShopServices
from tests.table_store import TableStore
from tests.worlds import EPOCH_NS

LAYERS = 7
TEAMS = ("shop", "pay", "stock", "ship", "user", "search", "risk", "core")
# Of every ten nodes in the last layer this many keep data.
STORE_SHARE = 0.12
MINUTES = 75
# How much rarer calls to a team are that is neither one's own nor the next.
STRANGE = 0.02


class LargeServices(ShopServices):
    """`services` nodes in layers and about `edges` edges; one service fails, one is slow, in the last ten minutes.

    Names carry their team (`pay.api-017`). Same seed, same system. The last edges appear only in the window.
    """

    def __init__(self, *, services: int, edges: int, seed: int = 7) -> None:
        self.reports = None
        self.window = Window(EPOCH_NS, EPOCH_NS + MINUTES * MINUTE_NS)
        self.store = TableStore(_tables(services, edges, np.random.default_rng(seed)))
        self._worlds = {}
        self._patrols = {}
        self._kept_graphs: dict[Window, CallGraph] = {}
        self._kept_impacts: dict[Window, tuple[ServiceImpact, ...]] = {}

    def now_ns(self) -> int:
        return self.window.end_ns

    def graph(self, window: Window) -> CallGraph:
        if window not in self._kept_graphs:
            self._kept_graphs[window] = call_graph(self.world(window))
        return self._kept_graphs[window]

    def impact(self, window: Window) -> tuple[ServiceImpact, ...]:
        if window not in self._kept_impacts:
            self._kept_impacts[window] = tuple(impact_scores(self.world(window), self.graph(window)))
        return self._kept_impacts[window]

    def measured_impact(self, window: Window, *, patient: bool = True) -> None:
        """There are no traces to measure in."""

    @cached_property
    def _incidents(self) -> list[Incident]:
        return []

    @cached_property
    def _runs(self) -> list[PatrolRun]:
        return []


def _tables(services: int, edges: int, rng: np.random.Generator) -> dict[str, pa.Table]:
    layer = np.sort(rng.integers(0, LAYERS, services))
    layer[: max(1, services // 60)] = 0
    stores = (rng.random(services) < STORE_SHARE) & (layer >= LAYERS // 2)
    names = np.array([_name(place, bool(stores[place]), int(layer[place])) for place in range(services)])
    caller, callee = _arcs(layer, stores, edges, rng)
    rate = np.maximum(1, np.round(10 ** rng.uniform(0.5, 3.2, len(caller)))).astype(np.int64)  # calls a minute
    ms = 10 ** rng.uniform(0.5, 2.2, services)
    failing, slow = _unwell(callee, stores, services)
    minute = np.arange(MINUTES)
    late = minute >= MINUTES - 10
    # (edges, minutes)
    calls = np.maximum(1, rng.poisson(np.repeat(rate[:, None], MINUTES, axis=1)))
    fresh = np.arange(len(caller)) >= len(caller) - max(1, len(caller) // 200)
    calls[fresh[:, None] & (minute < MINUTES - 15)] = 0
    share = np.where((callee[:, None] == failing) & late, 0.12, 0.001)
    failed = rng.binomial(calls, share)
    lasting = ms[callee][:, None] * np.where((callee[:, None] == slow) & late, 8.0, 1.0)
    slots = EPOCH_NS + minute * MINUTE_NS
    edge_rows = _rows(calls, failed, lasting, slots)
    which, keep = edge_rows.pop("row"), edge_rows.pop("keep")
    kinds = np.where(stores[callee] & (callee % 5 == 0), "async", "sync")
    types = np.where(stores, np.where(np.arange(services) % 5 == 0, "queue", "database"), "service")
    edge_table = {
        "caller": names[caller][which],
        "caller_type": types[caller][which],
        "callee": names[callee][which],
        "callee_type": types[callee][which],
        "kind": kinds[which],
        "protocol": np.where(stores[callee], "postgresql", "http")[which],
        **edge_rows,
    }
    del keep
    served = np.zeros((services, MINUTES), dtype=np.int64)
    wrong = np.zeros_like(served)
    np.add.at(served, callee, calls)
    np.add.at(wrong, callee, failed)
    roots = np.flatnonzero(~np.isin(np.arange(services), callee))
    served[roots] = rng.poisson(600, (len(roots), MINUTES))
    plain = np.flatnonzero(~stores)
    took = ms[plain][:, None] * np.where((plain[:, None] == slow) & late, 8.0, 1.0)
    operation_rows = _rows(served[plain], wrong[plain], took, slots)
    which, _ = operation_rows.pop("row"), operation_rows.pop("keep")
    entry = np.isin(plain, roots)
    operation_table = {
        "service": names[plain][which],
        "operation": np.where(which % 2 == 0, "GET /", "POST /"),
        "kind": np.full(len(which), "SERVER"),
        "inbound": np.ones(len(which), dtype=bool),
        "entry": entry[which],
        **operation_rows,
    }
    coverage = {
        "slot_ns": np.repeat(slots, len(plain)),
        "service": np.tile(names[plain], MINUTES),
        "spans": served[plain].T.ravel(),
        "roots": (served[plain] * entry[:, None]).T.ravel(),
        "linked": (served[plain] * ~entry[:, None]).T.ravel() * 99 // 100,
    }
    return {
        "rollup_edges": _table(edge_table, records.EDGES),
        "rollup_operations": _table(operation_table, records.OPERATIONS),
        "rollup_coverage": _table(coverage, records.COVERAGE),
    }


def _name(place: int, store: bool, layer: int) -> str:
    role = "db" if store else ("gateway", "api", "order", "price", "rule", "task", "base")[layer]
    return f"{TEAMS[place * 7 % len(TEAMS)]}.{role}-{place:03d}"


def _arcs(layer: np.ndarray, stores: np.ndarray, edges: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each arc leads to a deeper layer; everything but the first layer is called; a few are called by many."""
    services = len(layer)
    weight = rng.pareto(1.3, services) + 0.2
    team = np.arange(services) * 7 % len(TEAMS)
    pairs: set[tuple[int, int]] = set()
    callers = np.flatnonzero(~stores & (layer < LAYERS - 1))
    for place in np.flatnonzero(layer > 0).tolist():
        above = callers[(layer[callers] < layer[place]) & (team[callers] == team[place])]
        above = above if len(above) else callers[layer[callers] < layer[place]]
        pairs.add((int(rng.choice(above)), place))
    while len(pairs) < edges:
        a = int(rng.choice(callers))
        deeper = np.flatnonzero((layer > layer[a]) & (layer <= layer[a] + 2))
        if len(deeper):
            near = np.where((team[deeper] - team[a]) % len(TEAMS) < 2, weight[deeper], weight[deeper] * STRANGE)
            pairs.add((a, int(rng.choice(deeper, p=near / near.sum()))))
    caller, callee = np.array(sorted(pairs)).T
    order = rng.permutation(len(caller))
    return caller[order], callee[order]


def _unwell(callee: np.ndarray, stores: np.ndarray, services: int) -> tuple[int, int]:
    """Which service fails and which is slow: the two busiest callees in the middle that keep no data."""
    fan_in = np.bincount(callee, minlength=services) * ~stores
    first, second = np.argsort(-fan_in, kind="stable")[:2]
    return int(first), int(second)


def _rows(calls: np.ndarray, failed: np.ndarray, ms: np.ndarray, slots: np.ndarray) -> dict[str, np.ndarray]:
    """Rollup rows of (n, t) counts: a usual bucket with nine tenths of the calls, a slow one with the rest."""
    row, minute = np.nonzero(calls)
    count, bad, took = calls[row, minute], failed[row, minute], np.broadcast_to(ms, calls.shape)[row, minute]
    tail = count // 10
    ns = (took * 1e6).astype(np.int64)
    parts = [(count - tail, bad, ns), (tail, np.zeros_like(bad), ns * 3)]
    return {
        "row": np.concatenate([row] * 2),
        "keep": np.concatenate([count] * 2),
        "slot_ns": np.concatenate([slots[minute]] * 2),
        "latency_bucket": np.concatenate([bucket_of(times) for _, _, times in parts]),
        "calls": np.concatenate([number for number, _, _ in parts]),
        "errors": np.concatenate([errors for _, errors, _ in parts]),
        "duration_ns_sum": np.concatenate([number * times for number, _, times in parts]),
    }


def _table(columns: dict[str, np.ndarray], schema: pa.Schema) -> pa.Table:
    rows = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else _zeros(rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _zeros(rows: int, kind: pa.DataType) -> pa.Array:
    return pa.array(np.zeros(rows, dtype=np.int64)).cast(kind) if pa.types.is_integer(kind) else pa.nulls(rows, kind)
