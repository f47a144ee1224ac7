"""How fast critical paths are computed over many made spans.

    python -m benchmarks.paths --spans 1000000

Traces of a hundred spans: four levels, some calls side by side, some consumers, a little clock skew. Compiling is
left out by a first small run. `forest` is linking and fitting, `critical` the paths, `speed_up` the replays of every
operation, `patterns` all patterns; each in spans a second on one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa

from analytics.patterns.find import find_patterns
from analytics.traces.critical import critical_self_ns, speed_up_saves_ns
from analytics.traces.forest import COLUMNS, Forest, build_forest
from benchmarks import machine
from causeway import records

PER_TRACE = 100
SERVICES = 40
MS_NS = 1_000_000


def spans(count: int, *, seed: int = 1) -> pa.Table:
    """A table of about that many spans by start, whole traces only."""
    rng = np.random.default_rng(seed)
    traces = max(1, count // PER_TRACE)
    parent = np.array([-1, *((place - 1) // 4 for place in range(1, PER_TRACE))])
    start, took = np.zeros((traces, PER_TRACE), np.int64), np.zeros((traces, PER_TRACE), np.int64)
    start[:, 0] = np.sort(rng.integers(0, 3_600_000, traces)) * MS_NS
    took[:, 0] = rng.integers(200, 2000, traces) * MS_NS
    for place in range(1, PER_TRACE):
        above = took[:, parent[place]]
        begin = ((place - 1) % 4) * above // 4 + (rng.random(traces) * 0.1 * above).astype(np.int64)
        took[:, place] = (rng.uniform(0.1, 0.4, traces) * above).astype(np.int64)
        start[:, place] = start[:, parent[place]] + begin - (rng.random(traces) < 0.01) * MS_NS
    ids = np.arange(1, traces * PER_TRACE + 1, dtype=np.uint64).reshape(traces, PER_TRACE)
    above_ids = np.where(parent >= 0, ids[:, np.maximum(parent, 0)], 0)
    service = rng.integers(0, SERVICES, PER_TRACE)
    order = np.argsort(start.ravel(), kind="stable")

    def column(values: list[str]) -> pa.Array:
        return pa.array(values).dictionary_encode().take(pa.array(order % PER_TRACE)).dictionary_decode()

    known = {
        "trace_id": _binary(np.stack([ids[:, :1].repeat(PER_TRACE, 1), ids[:, :1].repeat(PER_TRACE, 1)], 2), order, 16),
        "span_id": _binary(ids, order, 8),
        "parent_span_id": pa.array(_binary(above_ids, order, 8), mask=(above_ids.ravel() == 0)[order]),
        "service": column([f"service-{number:02d}" for number in service]),
        "operation": column([f"GET /{place % 17}" for place in range(PER_TRACE)]),
        "kind": column(["CONSUMER" if place % 29 == 28 else "SERVER" for place in range(PER_TRACE)]),
        "start_ns": pa.array(start.ravel()[order]),
        "duration_ns": pa.array(took.ravel()[order]),
        "status": column(["UNSET"] * PER_TRACE),
        "instance": column([f"service-{number:02d}-0" for number in service]),
    }
    fields = [records.SPANS.field(name) for name in COLUMNS]
    arrays = [known.get(field.name, pa.nulls(len(order), field.type)) for field in fields]
    return pa.table(arrays, schema=pa.schema(fields))


def _binary(numbers: np.ndarray, order: np.ndarray, width: int) -> pa.Array:
    raw = np.ascontiguousarray(numbers).reshape(-1, width // 8)[order]
    offsets = pa.py_buffer(np.arange(0, len(raw) * width + 1, width, dtype=np.int32).tobytes())
    return pa.Array.from_buffers(pa.binary(), len(raw), [None, offsets, pa.py_buffer(raw.tobytes())])


def measured(table: pa.Table) -> tuple[Forest, dict[str, float]]:
    """Seconds of each step."""
    marks = [time.perf_counter()]
    forest = build_forest(table)
    marks.append(time.perf_counter())
    tops = forest.entries
    own = critical_self_ns(forest, tops)
    marks.append(time.perf_counter())
    speed_up_saves_ns(forest, tops, own, factor=0.9)
    marks.append(time.perf_counter())
    find_patterns(forest)
    marks.append(time.perf_counter())
    return forest, dict(zip(("forest", "critical", "speed_up", "patterns"), np.diff(marks).tolist(), strict=True))


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    measured(spans(2_000))
    table = spans(options.spans)
    runs = [measured(table) for _ in range(options.runs)]
    forest = runs[0][0]
    best = {name: min(seconds[name] for _, seconds in runs) for name in runs[0][1]}
    best["forest_and_critical"] = best["forest"] + best["critical"]
    machine.report(
        {
            "benchmark": "paths",
            "spans": len(forest),
            "traces": forest.traces,
            "operations": len(forest.names),
            "moved": int(forest.moved.sum()),
            "seconds": {name: round(value, 4) for name, value in best.items()},
            "spans_per_s": {name: round(len(forest) / value) for name, value in best.items()},
        }
    )


if __name__ == "__main__":
    main()
