"""How fast `causeway attach` reads what Jaeger keeps in Elasticsearch, what that costs, and what it takes on disk.

    python -m benchmarks.attach --json                       # 200,000 documents, an Elasticsearch of its own
    python -m benchmarks.attach --url http://127.0.0.1:9200 --spans 1000000 --modes rollups copy

The documents have Jaeger's shape: traces of five services with random ids, 12 tags a span and 6 a process, in an index
with the mapping of Jaeger's template as far as attaching needs it. Times are of the attach process alone, start-up
included in `wall_s` and `cpu_s`; `cpu_us_per_span` is CPU without the start-up of an attach that finds nothing new.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil

from benchmarks import machine

INDEX = "test-bench-jaeger-span-2026-01-01"
CHAIN = ("web", "api", "orders", "stock", "payment")
START_US = 1_767_225_600_000_000
SPANS_PER_S = 2_000
BULK_DOCUMENTS = 5_000
MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "traceID": {"type": "keyword"},
        "spanID": {"type": "keyword"},
        "parentSpanID": {"type": "keyword"},
        "operationName": {"type": "keyword"},
        "startTime": {"type": "long"},
        "startTimeMillis": {"type": "date", "format": "epoch_millis"},
        "duration": {"type": "long"},
        "tags": {"type": "nested", "dynamic": False, "properties": {"key": {"type": "keyword"}}},
        "process": {"properties": {"serviceName": {"type": "keyword"}}},
    },
}


def documents(count: int, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Spans in order of time: each service has a server span and, but for the last, a client span."""
    rng = random.Random(seed)
    made = 0
    while made < count:
        trace, parent = f"{rng.getrandbits(128):032x}", ""
        start = START_US + made * 1_000_000 // SPANS_PER_S
        for depth, service in enumerate(CHAIN):
            for kind in ("server", "client") if service != CHAIN[-1] else ("server",):
                span = f"{rng.getrandbits(64):016x}"
                yield _document(rng, trace, span, parent, service, kind, start + depth * 700)
                made, parent = made + 1, span


def _document(
    rng: random.Random, trace: str, span: str, parent: str, service: str, kind: str, start: int
) -> dict[str, Any]:
    tags = {
        "span.kind": kind,
        "otel.scope.name": "io.opentelemetry.http",
        "http.request.method": "GET",
        "http.route": f"/{service}/{{id}}",
        "http.response.status_code": 200,
        "url.path": f"/{service}/{rng.randrange(100_000)}",
        "server.address": f"{service}.shop.svc",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "client.address": f"10.0.{rng.randrange(256)}.{rng.randrange(256)}",
        "user_agent.original": "okhttp/4.12.0",
        "thread.id": rng.randrange(200),
    }
    process = {
        "k8s.pod.name": f"{service}-5b67c48447-{rng.randrange(4)}",
        "k8s.namespace.name": "shop",
        "telemetry.sdk.language": "java",
        "telemetry.sdk.name": "opentelemetry",
        "service.version": "1.4.2",
        "host.arch": "amd64",
    }
    reference = [{"refType": "CHILD_OF", "traceID": trace, "spanID": parent}] if parent else []
    return {
        "traceID": trace,
        "spanID": span,
        "operationName": f"GET /{service}/{{id}}",
        "references": reference,
        "startTime": start,
        "startTimeMillis": start // 1000,
        "duration": int(rng.lognormvariate(7, 1)),
        "tags": [_tag(key, value) for key, value in tags.items()],
        "logs": None,
        "process": {"serviceName": service, "tags": [_tag(key, value) for key, value in process.items()]},
    }


def _tag(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "type": "int64" if isinstance(value, int) else "string", "value": value}


def fill(url: str, count: int) -> int:
    """Put the documents into a new index; returns the bytes of their JSON."""
    httpx2.delete(f"{url}/{INDEX}", timeout=60)
    body = {"mappings": MAPPINGS, "settings": {"number_of_replicas": 0, "refresh_interval": -1}}
    httpx2.put(f"{url}/{INDEX}", json=body, timeout=60).raise_for_status()
    total, lines = 0, []
    for number, document in enumerate(documents(count), 1):
        line = orjson.dumps(document)
        total += len(line)
        lines.append(b'{"create":{}}\n' + line + b"\n")
        if len(lines) == BULK_DOCUMENTS or number == count:
            _send(url, b"".join(lines))
            lines.clear()
    if lines:
        _send(url, b"".join(lines))
    httpx2.post(f"{url}/{INDEX}/_refresh", timeout=120).raise_for_status()
    return total


def _send(url: str, body: bytes) -> None:
    headers = {"content-type": "application/x-ndjson"}
    answer = httpx2.post(f"{url}/{INDEX}/_bulk", content=body, headers=headers, timeout=300)
    if answer.status_code != 200 or b'"errors":false' not in answer.content[:200]:
        raise RuntimeError(answer.text[:500])


def attach(url: str, data: Path, mode: str, share: float) -> dict[str, float]:
    """One run of the command: wall and CPU seconds, and the largest resident size."""
    location = f"elasticsearch://{url.removeprefix('http://')}"
    arguments = [*("attach", location, "--index", INDEX, "--layout", "jaeger", "--once", "--spans", mode)]
    began = time.monotonic()
    process = psutil.Popen(
        [sys.executable, "-m", "causeway", *arguments, "--share", str(share), "--data", str(data)],
        stderr=subprocess.DEVNULL,
    )
    cpu_s, rss_mb = 0.0, 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            rss_mb = max(rss_mb, machine.peak_rss_mb(process.pid))  # the end shows none
            cpu_s = max(cpu_s, sum(process.cpu_times()[:2]))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"causeway attach ended with {process.returncode}")
    return {"wall_s": time.monotonic() - began, "cpu_s": cpu_s, "rss_mb": rss_mb}


def measure(url: str, mode: str, share: float, folder: Path) -> dict[str, Any]:
    """A first run over everything, then one that finds nothing new."""
    from causeway.stores import open_store
    from causeway.window import Window

    data = folder / mode
    first, again = attach(url, data, mode, share), attach(url, data, mode, share)
    reader = open_store(data)
    try:
        spans = reader.spans(Window(0, 1 << 62), columns=["start_ns"], limit=None).table.num_rows
    finally:
        reader.close()
    folders = [path for path in data.iterdir() if path.is_dir() and path.name not in {"wal", "run", "attach"}]
    size = sum(file.stat().st_size for path in folders for file in path.rglob("*.parquet"))
    working_s = max(first["cpu_s"] - again["cpu_s"], 1e-9)
    return {
        "spans": spans,
        "documents_per_s": round(spans / first["wall_s"]),
        "wall_s": round(first["wall_s"], 2),
        "cpu_s": round(first["cpu_s"], 2),
        "cpu_us_per_span": round(working_s / spans * 1e6, 2),
        "rss_mb": first["rss_mb"],
        "bytes_per_span": round(size / spans, 1),
        "nothing_new_wall_s": round(again["wall_s"], 2),
        "nothing_new_cpu_s": round(again["cpu_s"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the only output there is")
    parser.add_argument("--url", help="an Elasticsearch that runs already; else one is started")
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--modes", nargs="+", default=["rollups", "copy"])
    given = parser.parse_args()
    from tests.servers.elasticsearch import Cluster, cluster

    running = contextlib.nullcontext(Cluster(given.url)) if given.url else cluster(heap_mb=1024)
    folder = Path(tempfile.mkdtemp(prefix="causeway-attach-"))
    with running as server:
        try:
            source_bytes = fill(server.url, given.spans)
            found = {mode: measure(server.url, mode, given.share, folder) for mode in given.modes}
            result = {"documents": given.spans, "json_bytes_per_document": round(source_bytes / given.spans), **found}
            machine.report(result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            httpx2.delete(f"{server.url}/{INDEX}", timeout=60)


if __name__ == "__main__":
    main()
