"""Samples written to and read from a Prometheus-compatible server. Prints one JSON object.

    python -m benchmarks.samples [--server prometheus|victoria-metrics] [--series 1000] [--points 1000] [--url URL]

Starts a server of its own unless `--url` names one. CPU of this process and of the server are told apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from benchmarks import machine
from causeway import records
from causeway.stores.contract import Batch
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.stores.prometheus.store import PrometheusStore
from causeway.window import SECOND_NS, Window
from tests.servers.prometheus import prometheus
from tests.servers.victoriametrics import victoria_metrics

SERVERS = {"prometheus": prometheus, "victoria-metrics": victoria_metrics}
INTERVAL_NS = 10 * SECOND_NS
SERVICES = 50


def main() -> None:
    """Write, write again, and read everything in one window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=sorted(SERVERS), default="victoria-metrics")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--flushes", type=int, default=10)
    parser.add_argument("--url")
    parser.add_argument("--json", action="store_true", help="the only format there is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _server(options, Path(folder)) as (url, pid):
        machine.report(_measure(options, url, pid))


@contextmanager
def _server(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, int | None]]:
    if options.url:
        yield options.url, None
        return
    with SERVERS[options.server](folder) as server:
        yield server.url, server.child.process.pid


def _measure(options: argparse.Namespace, url: str, pid: int | None) -> dict[str, Any]:
    run = {"run": uuid4().hex}
    store = PrometheusStore(PrometheusSettings(url=url, labels=run, match=run))
    start_ns = (time.time_ns() - options.points * INTERVAL_NS) // SECOND_NS * SECOND_NS
    window = Window(start_ns, start_ns + options.points * INTERVAL_NS)
    series, parts = _series(options.series), _parts(options, start_ns)
    _warm(store, start_ns)
    count = options.series * options.points
    write = _timed(pid, lambda: _write(store, series, parts))
    again = _timed(pid, lambda: _write(store, series, parts))
    read = _timed(pid, lambda: store.samples(window))
    found = read.pop("result")
    result = {
        "benchmark": "samples",
        "server": store.status().kind,
        "samples": count,
        "series": options.series,
        "lost": count - found.num_rows,
        "doubled": found.num_rows
        - len(set(zip(found["series_id"].to_pylist(), found["time_ns"].to_pylist(), strict=True))),
        "refused": sum(store.sink.counts.refused.values()),
        **_rates("written", count, write),
        **_rates("written_again", count, again),
        **_rates("read", count, read),
    }
    store.close()
    return result


def _timed(pid: int | None, work: Any) -> dict[str, Any]:
    before, own, began = machine.cpu_s(pid) if pid else 0.0, _own_cpu_s(), time.perf_counter()
    result = work()
    took = time.perf_counter() - began
    return {
        "s": took,
        "own_cpu_s": _own_cpu_s() - own,
        "server_cpu_s": machine.cpu_s(pid) - before if pid else None,
        "result": result,
    }


def _rates(name: str, count: int, measured: dict[str, Any]) -> dict[str, Any]:
    rates = {
        f"{name}_per_s": round(count / measured["s"]),
        f"{name}_per_own_cpu_s": round(count / measured["own_cpu_s"]),
    }
    if measured["server_cpu_s"]:
        rates[f"{name}_per_server_cpu_s"] = round(count / measured["server_cpu_s"])
    return rates


def _own_cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def _write(store: PrometheusStore, series: pa.Table, parts: list[pa.Table]) -> None:
    for part in parts:
        store.add(Batch({"series": series, "samples": part}))
        store.flush()


def _warm(store: PrometheusStore, start_ns: int) -> None:
    """Compile the kernels; these samples lie before the window."""
    _write(store, _series(2), [_points(2, start_ns - 100 * INTERVAL_NS, 2)])
    store.samples(Window(start_ns - 200 * INTERVAL_NS, start_ns - 50 * INTERVAL_NS))


def _series(count: int) -> pa.Table:
    rows = [
        {
            "series_id": number,
            "name": f"shop.metric.{number % 20}",
            "unit": "By",
            "type": "sum",
            "temporality": "CUMULATIVE",
            "monotonic": True,
            "service": f"service-{number % SERVICES}",
            "instance": f"service-{number % SERVICES}-{number // SERVICES % 4}",
            "resource_id": number % SERVICES,
            "description": "",
            "attributes": [("http.route", f"/route/{number}"), ("http.request.method", "GET")],
            "first_ns": 0,
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=records.SERIES)


def _parts(options: argparse.Namespace, start_ns: int) -> list[pa.Table]:
    each = options.points // options.flushes
    return [_points(options.series, start_ns + first * each * INTERVAL_NS, each) for first in range(options.flushes)]


def _points(series: int, start_ns: int, points: int) -> pa.Table:
    """By time, as they would arrive; values that grow unevenly, as counters do."""
    rng = np.random.default_rng(series)
    times = start_ns + np.repeat(np.arange(points), series) * INTERVAL_NS
    values = np.cumsum(rng.integers(0, 10_000, (points, series)), axis=0).ravel().astype(np.float64)
    columns = {"series_id": np.tile(np.arange(series), points), "time_ns": times, "start_ns": None, "value": values}
    rows = len(times)
    arrays = [pa.nulls(rows, pa.int64()) if column is None else pa.array(column) for column in columns.values()]
    return pa.Table.from_arrays(arrays, schema=records.SAMPLES)


if __name__ == "__main__":
    main()
