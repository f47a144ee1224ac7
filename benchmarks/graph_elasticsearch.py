"""From spans in Elasticsearch to the call graph: workers, each a process, share the minutes out as analyzers do.

Spans are written before the clock starts. It runs until the whole graph has been read.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from analytics.rollup import RollupOptions, job
from benchmarks.calls import START_NS, Calls
from causeway.deployment import Deployment
from causeway.errors import StoreError
from causeway.jobs import JobContext
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from causeway.window import SECOND_NS, Window

RETRY_S = 0.5


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


def run(*, spans: int, services: int, minutes: int, workers: int, url: str | None) -> dict[str, Any]:
    """Measure on a running cluster, or on one of its own."""
    from tests.servers.elasticsearch import Cluster, cluster
    from tests.stores.elasticsearch.namespaces import namespace

    with contextlib.ExitStack() as stack:
        server = Cluster(url) if url else stack.enter_context(cluster(heap_mb=2048))
        settings = stack.enter_context(namespace(server))
        calls = Calls(services=services, minutes=minutes)
        return measure(settings, calls, spans=spans, workers=workers) | {"services": services}
