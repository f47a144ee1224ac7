"""How quickly a store answers, over many spans of one hour.

    python -m benchmarks.queries --spans 10000000 --json
    python -m benchmarks.queries --store elasticsearch --spans 1000000 [--url http://127.0.0.1:9200] --json

The store is filled without a collector: one made load is decoded once and stored again and again under other trace ids
and later times, with log lines beside it. Each query runs `--runs` times with other arguments after one warm-up; p50
and p95 are in ms, in a process that has the store open, as the dashboards have.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import machine
from benchmarks.load import SERVICES, Load
from causeway import records
from causeway.stores.contract import Batch, LogFilter, Reader, SpanFilter
from causeway.stores.embedded import EmbeddedReader
from causeway.stores.embedded.maintenance import Maintenance, MaintenanceConfig
from causeway.stores.embedded.writer import TableWriter
from causeway.window import HOUR_NS, SECOND_NS, Window
from collectors.otlp.decode import decode

END_NS = 1_790_000_000 * SECOND_NS // HOUR_NS * HOUR_NS
WINDOW = Window(END_NS - HOUR_NS, END_NS)
CHUNK_SPANS = 125_000
LOG_EVERY = 10  # spans a log line
RARE_WORDS = ("deadlock", "quarantined", "failover", "unreachable")
TEMPLATES = (
    "order {} accepted in {} ms", "cache miss for key {}, loaded in {} ms", "connection to db-{} opened after {} ms",
    "user {} signed in from region {}", "retrying call {} after {} ms",
)  # fmt: skip


def batches(spans: int) -> Iterator[dict[str, pa.Table]]:
    """The tables of one chunk of spans after the other, oldest first."""
    chunks = -(-spans // CHUNK_SPANS)
    base = _decoded(CHUNK_SPANS, spread_s=HOUR_NS / 1e9 / chunks)
    rng = np.random.default_rng(1)
    for chunk in range(chunks):
        later = HOUR_NS - (chunk + 1) * HOUR_NS // chunks
        tables = {**base, "spans": _as_of(base["spans"], chunk, END_NS - later)}
        yield {**tables, "logs": _log_lines(tables["spans"], rng)}
        sys.stderr.write(f"\r{(chunk + 1) * CHUNK_SPANS:,} spans stored")
    sys.stderr.write("\n")


def known_of(tables: dict[str, pa.Table]) -> dict[str, Any]:
    """Arguments for queries that have answers, from the last batch."""
    trace_ids = pc.unique(tables["spans"]["trace_id"]).to_pylist()
    orders = [dict(row).get("app.order_id") for row in tables["spans"]["attributes"].slice(0, 20_000).to_pylist()]
    return {"trace_ids": trace_ids, "orders": [order for order in orders if order]}


@contextlib.contextmanager
def embedded(spans: int, kept: Path | None) -> Iterator[tuple[Reader, dict[str, Any], float]]:
    """An embedded store that was filled, arguments for queries, and the seconds it took."""
    folder = kept or Path(tempfile.mkdtemp(prefix="causeway-queries-"))
    try:
        started = time.perf_counter()
        writer, tables = TableWriter(folder), {}
        for position, tables in enumerate(batches(spans), 1):
            writer.flush([tables], log_position=position)
        Maintenance(writer, MaintenanceConfig()).settle()
        filled_s = time.perf_counter() - started
        reader = EmbeddedReader(folder)
        yield reader, known_of(tables), filled_s
        reader.close()
    finally:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def elasticsearch(spans: int, url: str | None) -> Iterator[tuple[Reader, dict[str, Any], float]]:
    """The same in Elasticsearch, with the rollups of all minutes; its indices are deleted at the end."""
    from causeway.stores.elasticsearch.store import WRITTEN, ElasticsearchStore
    from tests.servers.elasticsearch import Cluster, cluster
    from tests.stores.elasticsearch.namespaces import namespace

    with contextlib.ExitStack() as stack:
        server = Cluster(url) if url else stack.enter_context(cluster(heap_mb=2048))
        store = ElasticsearchStore(stack.enter_context(namespace(server)))
        started, tables = time.perf_counter(), {}
        for tables in batches(spans):
            store.add(Batch({name: table for name, table in tables.items() if name in WRITTEN}))
        store.flush()
        yield store, known_of(tables), time.perf_counter() - started
        store.close()


def _decoded(spans: int, *, spread_s: float) -> dict[str, pa.Table]:
    load = Load(spans=spans, end_ns=END_NS, spread_s=spread_s)
    parts = [decode("traces", [(request, "protobuf")]).tables for request in load.requests()]
    return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}


def _as_of(spans: pa.Table, chunk: int, end_ns: int) -> pa.Table:
    """The same spans under other ids, ending at another time, a tenth of the attribute values new."""
    ids = np.frombuffer(pa.concat_arrays(spans["trace_id"].chunks).buffers()[2], np.uint8).reshape(-1, 16).copy()
    ids[:, :4] ^= np.frombuffer(np.uint32(chunk * 2_654_435_761 % 2**32).tobytes(), np.uint8)
    moved = spans.set_column(0, "trace_id", _binary(ids))
    place = spans.schema.get_field_index("start_ns")
    moved = moved.set_column(place, "start_ns", pc.add(spans["start_ns"], end_ns - END_NS))
    attributes = pa.concat_arrays(spans["attributes"].chunks)
    orders = pc.equal(attributes.keys, "app.order_id")
    values = pc.if_else(orders, pc.binary_join_element_wise(attributes.items, str(chunk), "-"), attributes.items)
    place = spans.schema.get_field_index("attributes")
    return moved.set_column(place, "attributes", pa.MapArray.from_arrays(attributes.offsets, attributes.keys, values))


def _binary(ids: np.ndarray) -> pa.Array:
    offsets = pa.py_buffer(np.arange(0, ids.size + 1, ids.shape[1], dtype=np.int32).tobytes())
    return pa.Array.from_buffers(pa.binary(), len(ids), [None, offsets, pa.py_buffer(ids.tobytes())])


def _log_lines(spans: pa.Table, rng: np.random.Generator) -> pa.Table:
    some = spans.take(pa.array(np.arange(0, spans.num_rows, LOG_EVERY)))
    count = some.num_rows
    numbers = rng.integers(0, 1_000_000, (count, 2))
    bodies = [TEMPLATES[n % len(TEMPLATES)].format(*pair) for n, pair in enumerate(numbers.tolist())]
    for place in rng.integers(0, count, len(RARE_WORDS)).tolist():
        bodies[place] = f"{RARE_WORDS[place % len(RARE_WORDS)]}: {bodies[place]}"
    known = {
        "time_ns": some["start_ns"], "service": some["service"], "instance": some["instance"],
        "body": pa.array(bodies), "severity": pa.repeat("INFO", count), "severity_number": pa.repeat(9, count),
        "trace_id": some["trace_id"], "span_id": some["span_id"], "ordinal": pa.repeat(0, count),
    }  # fmt: skip
    nothing = pa.MapArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), count + 1), pa.array([], pa.string()), pa.array([], pa.string())
    )
    known["attributes"] = nothing
    columns = [known.get(field.name, pa.nulls(count, field.type)) for field in records.LOGS]
    return pa.table(columns, names=records.LOGS.names).cast(records.LOGS)


def queries(reader: Reader, known: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """What is measured: each call picks other arguments."""
    rng = random.Random(3)
    operations = [f"GET /api/v{1 + n % 2}/{{}}/{noun}/{{{{id}}}}" for n, noun in ((1, "list"), (2, "detail"))]

    def service_and_operation() -> SpanFilter:
        service = rng.choice(SERVICES)
        return SpanFilter(service=service, operation=rng.choice(operations).format(service))

    return {
        "trace_by_id": lambda: reader.trace(rng.choice(known["trace_ids"])),
        "traces_of_operation": lambda: reader.traces(WINDOW, service_and_operation(), limit=20),
        "traces_by_rare_attribute": lambda: reader.traces(
            WINDOW, SpanFilter(attributes={"app.order_id": rng.choice(known["orders"])}), limit=20
        ),
        "traces_by_common_attribute": lambda: reader.traces(
            WINDOW, SpanFilter(attributes={"app.tenant": f"tenant-{rng.randrange(60):03d}"}), limit=20
        ),
        "red_of_service": lambda: reader.operations(WINDOW, step_ns=60 * SECOND_NS, service=rng.choice(SERVICES)),
        "slowest_traces": lambda: reader.traces(
            WINDOW, SpanFilter(service=rng.choice(SERVICES)), limit=20, slowest_first=True
        ),
        "graph_of_hour": lambda: reader.edges(WINDOW),
        "graph_by_minute": lambda: reader.edges(WINDOW, step_ns=60 * SECOND_NS),
        "log_counts_by_minute": lambda: reader.log_counts(WINDOW, step_ns=60 * SECOND_NS),
        "services": lambda: reader.services(WINDOW),
        "logs_with_word": lambda: reader.logs(
            WINDOW, LogFilter(contains=rng.choice((*RARE_WORDS, "retrying"))), limit=100, newest_first=True
        ),
    }


def timed(call: Callable[[], Any], runs: int) -> Iterator[float]:
    """Milliseconds of each run, the first left out. Raises when an answer is empty."""
    for run in range(runs + 1):
        started = time.perf_counter()
        answer = call()
        elapsed = (time.perf_counter() - started) * 1e3
        table = answer.table if hasattr(answer, "table") else answer
        if len(table) == 0:
            raise SystemExit("a query of the benchmark found nothing: it measures the wrong thing")
        if run:
            yield elapsed


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--data", type=Path, help="keep the store here, and use it again when it is there")
    parser.add_argument("--store", choices=("embedded", "elasticsearch"), default="embedded")
    parser.add_argument("--url", help="a running Elasticsearch; default: one of its own")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    options = parser.parse_args()
    if options.store == "elasticsearch":
        opened = elasticsearch(options.spans, options.url)
    else:
        opened = embedded(options.spans, options.data)
    with opened as (reader, known, filled_s):
        status = reader.status()
        result: dict[str, Any] = {
            "store": options.store,
            "spans": options.spans,
            "log_lines": status.table("logs").rows,
        }
        for name, call in queries(reader, known).items():
            times = np.array(list(timed(call, options.runs)))
            result[name] = {
                "p50": round(float(np.quantile(times, 0.5)), 1),
                "p95": round(float(np.quantile(times, 0.95)), 1),
            }
        result |= {
            "fill_s": round(filled_s, 1),
            "bytes_per_span": round(status.table("spans").bytes / options.spans, 1),
            "files": status.table("spans").files,
        }
    machine.report(result)


if __name__ == "__main__":
    main()
