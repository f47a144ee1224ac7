"""How fast a server takes in spans, what it costs, and that nothing it acknowledged is lost or doubled.

    python -m benchmarks.ingest --json            # a million spans, then compaction, then a trickle
    python -m benchmarks.ingest --json --kill     # the server is killed right after the last acknowledgement
    python -m benchmarks.ingest --json --store elasticsearch [--url http://host:9200] [--warm 300000]

The spans are sent over OTLP/gRPC by a process of its own. `spans_per_cpu_s` divides by the server's CPU seconds alone,
commits, rollups and compaction included; `bytes_per_span` is everything on disk (tables and rollups, without the log)
after compaction; `idle_cpu_percent` is all of `causeway up` under 100 spans/s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from benchmarks import machine
from causeway.stores import open_store
from causeway.stores.embedded import file_index
from causeway.stores.embedded.delta import DeltaSignal
from causeway.window import DAY_NS, Window

SETTLE_S = 45.0  # longer than it takes until quiet tables are compacted


def free_port() -> int:
    """A port below those that the kernel gives to whoever asks for any: nobody takes it until the server listens."""
    while True:
        port = 10_000 + secrets.randbelow(5_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(port: int, *, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} after {timeout_s:g} s")


@contextlib.contextmanager
def server(data: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A Causeway process on `data`; yields it with its gRPC and HTTP ports."""
    grpc_port, http_port = free_port(), free_port()
    ports = ["--grpc-port", str(grpc_port), "--http-port", str(http_port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "causeway", *command, "--data", str(data), *ports], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(grpc_port)
        wait_for(http_port)
        yield process, grpc_port, http_port
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


@contextlib.contextmanager
def sender(port: int, *, spans: int, truth: Path, seed: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds a load ready to be sent."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "benchmarks.load", "--endpoint", f"127.0.0.1:{port}", "--spans", str(spans),
            "--truth", str(truth), "--seed", str(seed), "--wait",
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.wait(timeout=60)


def stored(data: Path) -> dict[str, int]:
    """Rows, distinct spans and calls between services that a reader sees."""
    reader = open_store(data)
    window = Window(time.time_ns() - 2 * DAY_NS, time.time_ns() + DAY_NS)
    table = reader.spans(window, columns=["trace_id", "span_id"], limit=None).table
    distinct = table.group_by(["trace_id", "span_id"]).aggregate([]).num_rows
    edges = reader.edges(window)
    between = pc.and_(pc.equal(edges["caller_type"], "service"), pc.equal(edges["callee_type"], "service"))
    calls = pc.sum(edges.filter(between)["calls"]).as_py() or 0
    reader.close()
    return {"rows": table.num_rows, "distinct": distinct, "calls": calls}


def table_bytes(data: Path) -> int:
    """Bytes of all tables, by what their logs name as live, with the filters beside the files of spans."""
    reader = open_store(data)
    status = reader.status()
    live = {Path(file.path).stem for file in DeltaSignal(data, "spans").files()}
    reader.close()
    filters = sum(path.stat().st_size for path in data.glob(f"spans/*/*{file_index.SUFFIX}") if path.stem in live)
    return sum(table.bytes for table in status.tables) + filters


def measure(data: Path, *, spans: int, kill: bool, settle_s: float) -> dict[str, Any]:
    """Send a load to a fresh server and see what is stored; with `kill`, by the next server."""
    truth_file = data.parent / "truth.json"
    with server(data, "collect") as (process, grpc_port, _), sender(grpc_port, spans=spans, truth=truth_file) as load:
        time.sleep(3)  # start-up is not part of it
        before = machine.cpu_s(process.pid)
        out, _ = load.communicate(b"\n")
        sent = json.loads(out)
        if kill:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            result = {}
        else:
            lag_s = _visible_after(data, sent["spans"])
            time.sleep(settle_s)
            cpu = machine.cpu_s(process.pid) - before
            result = {
                "spans_per_cpu_s": round(sent["spans"] / cpu),
                "server_cpu_s": round(cpu, 2),
                "peak_rss_mb": machine.peak_rss_mb(process.pid),
                "bytes_per_span": round(table_bytes(data) / sent["spans"], 1),
                "visible_after_s": lag_s,
            }
    if kill:
        with server(data, "collect"):
            time.sleep(1)
    found = stored(data)
    acked = sent["acked"] * 1000 if sent["failed"] else sent["spans"]
    truth = json.loads(truth_file.read_text())
    return {
        "spans_per_s": round(sent["spans"] / sent["seconds"]),
        **result,
        "acked": acked,
        "stored": found["distinct"],
        "lost": acked - found["distinct"],
        "doubled": found["rows"] - found["distinct"],
        "calls_sent": sum(truth["edges"].values()),
        "calls_in_graph": found["calls"],
        "encoded_bytes_per_span": round(sent["bytes"] / sent["spans"], 1),
        "ack_ms_p50": sent["ack_ms_p50"],
        "ack_ms_p99": sent["ack_ms_p99"],
        "retries": sent["retries"],
        "killed": kill,
    }


def _visible_after(data: Path, spans: int) -> float | None:
    """Seconds after the last acknowledgement until a reader counts all spans; None if not within a minute."""
    started = time.monotonic()
    while time.monotonic() - started < 60:
        reader = open_store(data)
        rows = reader.status().table("spans").rows
        reader.close()
        if rows >= spans:
            return round(time.monotonic() - started, 1)
        time.sleep(0.2)
    return None


def trickle(data: Path, *, seconds: float, per_s: int = 100) -> dict[str, Any]:
    """What all of `causeway up` costs under a trickle of spans, percent of one core, and how long until they show."""
    import grpc

    from benchmarks.load import METHOD, Load

    with server(data, "up", "--port", str(free_port())) as (process, grpc_port, _):
        time.sleep(20)  # start-up is not idling
        call = grpc.insecure_channel(f"127.0.0.1:{grpc_port}").unary_unary(METHOD)
        before, started = machine.cpu_s(process.pid), time.monotonic()
        sent = 0
        while time.monotonic() - started < seconds:
            load = Load(
                spans=per_s, seed=int(started) + sent, per_request=per_s // 2, end_ns=time.time_ns(), spread_s=1
            )
            for request in load.requests():
                call(request, timeout=10)
            sent += per_s
            time.sleep(max(0.0, started + sent / per_s - time.monotonic()))
        cpu = machine.cpu_s(process.pid) - before
        lag_s = _visible_after(data, sent)
        elapsed = time.monotonic() - started
        peak = machine.peak_rss_mb(process.pid)
    return {
        "idle_cpu_percent": round(100 * cpu / min(elapsed, seconds), 1),
        "idle_visible_after_s": lag_s,
        "up_peak_rss_mb": peak,
    }


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--kill", action="store_true", help="kill the server right after the last acknowledgement")
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="seconds of the server's CPU to count after it")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="length of the trickle; 0 leaves it out")
    parser.add_argument("--store", choices=("embedded", "elasticsearch"), default="embedded")
    parser.add_argument("--url", help="a running Elasticsearch; default: one of its own")
    parser.add_argument("--warm", type=int, default=0, help="Elasticsearch: so many other spans first, uncounted")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="causeway-bench-"))
    try:
        if options.store == "elasticsearch":
            from benchmarks import ingest_elasticsearch

            result = ingest_elasticsearch.measure(folder, spans=options.spans, warm=options.warm, url=options.url)
        else:
            result = measure(folder / "data", spans=options.spans, kill=options.kill, settle_s=options.settle)
        if options.idle_seconds and not options.kill and options.store == "embedded":
            result |= trickle(folder / "idle", seconds=options.idle_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine.report(result)


if __name__ == "__main__":
    main()
