"""From spans in a store to the call graph: how long, at what cost, and is it the true one.

Spans are written before the clock starts. It runs while workers, each a process, share the minutes out as analyzers do
and compute their rollups, and until the whole graph has been read.

    python -m benchmarks.graph --store elasticsearch --spans 1000000 --services 100 --workers 2 --json
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import structlog

from analytics.rollup import RollupOptions, job
from benchmarks.machine import report
from causeway import records
from causeway.deployment import Deployment
from causeway.errors import StoreError
from causeway.jobs import JobContext
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from causeway.window import MINUTE_NS, SECOND_NS, Window

HOPS = 5
SPANS_A_TRACE = 1 + 2 * HOPS
TRACES_AT_ONCE = 5_000
START_NS = 1_790_000_040 * SECOND_NS
CALLEES = 3  # of each service
RETRY_S = 0.5


class Calls:
    """Traces of HOPS calls, one inside the other, over a fixed graph; `edges` counts the calls made."""

    def __init__(self, *, services: int, minutes: int, seed: int = 7) -> None:
        self._rng = np.random.default_rng(seed)
        self._names = np.array([f"service-{place:03}" for place in range(services)])
        self._callees = self._rng.integers(0, services - 1, (services, CALLEES))
        self._callees += self._callees >= np.arange(services)[:, None]
        self._minutes = minutes
        self.edges: dict[tuple[str, str], int] = {}

    def tables(self, spans: int) -> Iterator[pa.Table]:
        """About so many spans in all."""
        for first in range(0, max(1, spans // SPANS_A_TRACE), TRACES_AT_ONCE):
            yield self._table(min(TRACES_AT_ONCE, max(1, spans // SPANS_A_TRACE) - first))

    def _table(self, traces: int) -> pa.Table:
        rng = self._rng
        path = np.empty((traces, HOPS + 1), np.int64)
        path[:, 0] = rng.integers(0, len(self._names), traces)
        for hop in range(HOPS):
            path[:, hop + 1] = self._callees[path[:, hop], rng.integers(0, CALLEES, traces)]
        pairs, counts = np.unique(path[:, :-1].ravel() * len(self._names) + path[:, 1:].ravel(), return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            edge = (str(self._names[pair // len(self._names)]), str(self._names[pair % len(self._names)]))
            self.edges[edge] = self.edges.get(edge, 0) + count
        # Columns by span: server 0, client 1, server 1, client 2, ...
        place = np.arange(SPANS_A_TRACE)
        client = place % 2 == 1
        service = path[:, place // 2]
        service[:, client] = path[:, (place[client] - 1) // 2]
        peer = path[:, (place + 1) // 2]
        began = START_NS + (rng.random(traces) * self._minutes * MINUTE_NS).astype(np.int64)
        start = began[:, None] + place * 2_000_000
        duration = (SPANS_A_TRACE - place) * 4_000_000 + rng.integers(0, 1_000_000, (traces, SPANS_A_TRACE))
        rows = traces * SPANS_A_TRACE
        ids = np.frombuffer(rng.bytes(8 * rows), "S8").reshape(traces, SPANS_A_TRACE)
        raw = np.frombuffer(ids.tobytes(), "V8").reshape(traces, SPANS_A_TRACE)
        trace = np.repeat(np.frombuffer(rng.bytes(16 * traces), "V16"), SPANS_A_TRACE)
        parent = [
            None if at == 0 else raw[row, at - 1].tobytes() for row in range(traces) for at in range(SPANS_A_TRACE)
        ]
        columns: dict[str, Any] = {
            "trace_id": [one.tobytes() for one in trace],
            "span_id": [one.tobytes() for one in raw.ravel()],
            "parent_span_id": parent,
            "service": self._names[service.ravel()],
            "operation": np.char.add("GET /", (service.ravel() % 20).astype(str)),
            "kind": np.tile(np.where(client, "CLIENT", "SERVER"), traces),
            "start_ns": start.ravel(),
            "duration_ns": duration.ravel(),
            "status": np.where(rng.random(rows) < 0.02, "ERROR", "UNSET"),
            "instance": np.char.add(self._names[service.ravel()], "-1"),
            "version": ["1"] * rows,
            "peer_service": np.where(np.tile(client, traces), self._names[peer.ravel()], ""),
            "protocol": ["http"] * rows,
            "resource_id": service.ravel() + 1,
            "scope": ["benchmark"] * rows,
        }
        columns["peer_service"] = pa.array(columns["peer_service"], mask=~np.tile(client, traces))
        columns["attributes"] = pa.array(
            [[("http.request.method", "GET"), ("url.path", "/x")]] * rows, records.ATTRIBUTES
        )
        arrays = []
        for field in records.SPANS:
            found = columns.get(field.name)
            arrays.append(pa.nulls(rows, field.type) if found is None else pa.array(found).cast(field.type))
        return pa.table(arrays, schema=records.SPANS)


def work(settings: ElasticsearchSettings, folder: Path, answers: multiprocessing.Queue[tuple[float, float]]) -> None:
    """One worker: turns of the job until nothing is due."""
    deployment = Deployment(folder, store=settings)
    reader, state = ElasticsearchReader(settings), deployment.open_state()
    memory: dict[str, Any] = {}
    config = {"rollup": {"turn_s": 5.0}}
    while True:
        log = structlog.get_logger()
        context = JobContext(reader, state, config, START_NS + 3600 * SECOND_NS * 24, deployment, log, memory)
        try:
            if job(context) == RollupOptions().every_s and not state.rollup_leases(deployment.location):
                break
        except StoreError:  # as the runner does: an index that is just being made has no shard yet
            time.sleep(RETRY_S)
        if "rollup" in memory:
            memory["rollup"].whole_ns = 0  # look at everything again
    usage = resource.getrusage(resource.RUSAGE_SELF)
    answers.put((usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3))
    reader.close()
    state.close()


def measure(settings: ElasticsearchSettings, calls: Calls, *, spans: int, workers: int) -> dict[str, Any]:
    """Write, compute, read, compare."""
    sink, written = ElasticsearchSink(settings), 0
    for position, table in enumerate(calls.tables(spans)):
        sink.flush([{"spans": table}], log_position=position + 1)
        written += table.num_rows
    sink.refresh()
    sink.close()
    processes = multiprocessing.get_context("spawn")
    answers: Any = processes.Queue()
    with tempfile.TemporaryDirectory() as folder:
        Deployment(Path(folder), store=settings).open_state().close()
        began = time.perf_counter()
        children = [processes.Process(target=work, args=(settings, Path(folder), answers)) for _ in range(workers)]
        for child in children:
            child.start()
        costs = [answers.get() for _ in children]
        for child in children:
            child.join()
        computed_s = time.perf_counter() - began
    reader = ElasticsearchReader(settings)
    edges = reader.edges(Window(START_NS - 3600 * SECOND_NS, START_NS + 24 * 3600 * SECOND_NS)).to_pylist()
    reader.close()
    seconds = time.perf_counter() - began
    found: dict[tuple[str, str], int] = {}
    for row in edges:
        found[row["caller"], row["callee"]] = found.get((row["caller"], row["callee"]), 0) + row["calls"]
    found = {edge: count for edge, count in found.items() if count}
    return {
        "spans": written,
        "workers": workers,
        "seconds": round(seconds, 2),
        "seconds_rollup": round(computed_s, 2),
        "spans_per_s": round(written / seconds),
        "own_spans_per_cpu_s": round(written / sum(cpu for cpu, _ in costs)),
        "peak_rss_mb_a_worker": round(max(rss for _, rss in costs), 1),
        "edges": len(found),
        "identical": found == calls.edges,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("elasticsearch",), default="elasticsearch")
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--minutes", type=int, default=20, help="over which the spans are spread")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--url", help="a running Elasticsearch; default: one of its own")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        from tests.servers.elasticsearch import Cluster, cluster
        from tests.stores.elasticsearch.namespaces import namespace

        server = Cluster(asked.url) if asked.url else stack.enter_context(cluster(heap_mb=2048))
        settings = stack.enter_context(namespace(server))
        calls = Calls(services=asked.services, minutes=asked.minutes)
        report(measure(settings, calls, spans=asked.spans, workers=asked.workers) | {"services": asked.services})


if __name__ == "__main__":
    main()
