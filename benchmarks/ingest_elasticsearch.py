"""What it costs to take spans in and write them to Elasticsearch; part of `benchmarks.ingest`.

One collector (OTLP/gRPC in, its write-ahead log, one drain) and one node with one shard and no replica.
`own_spans_per_cpu_s` divides by all CPU seconds of the collector, `elasticsearch_spans_per_cpu_s` by those of the
server, from the first span until its merges rest. With `warm`, so many other spans go first, uncounted: a server that
just started spends much of its time compiling.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import machine
from causeway.stores.elasticsearch.names import Names
from tests.servers.elasticsearch import cluster

REST_S = 180.0


class Server:
    """What the benchmark asks of a node."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        answer = httpx2.get(f"{self.url}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def cpu_s(self) -> float:
        """CPU seconds of the server's process so far."""
        nodes = self.get("/_nodes/stats/process?filter_path=nodes.*.process.cpu.total_in_millis")["nodes"]
        return sum(node["process"]["cpu"]["total_in_millis"] for node in nodes.values()) / 1e3

    def count(self, index: str) -> int:
        """Documents that a search sees, 0 while there is no index."""
        answer = httpx2.get(f"{self.url}/{index}/_count?ignore_unavailable=true", timeout=60)
        if answer.status_code == 503:  # it is being made
            return 0
        answer.raise_for_status()
        return int(answer.json()["count"])

    def rest(self, index: str) -> None:
        """Return when everything is on disk and nothing merges."""
        httpx2.post(f"{self.url}/{index}/_flush", timeout=120).raise_for_status()
        deadline = time.monotonic() + REST_S
        while self.get(f"/{index}/_stats/merge")["_all"]["total"]["merges"]["current"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{index} still merges after {REST_S:g} s")
            time.sleep(0.5)
        httpx2.post(f"{self.url}/{index}/_flush", timeout=120).raise_for_status()

    def bytes(self, index: str) -> int:
        """Of the primary shards, on disk."""
        return int(self.get(f"/{index}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"])


def wait_for_count(server: Server, index: str, spans: int, *, timeout_s: float = 300) -> float:
    """Seconds until a search sees so many documents."""
    started = time.monotonic()
    while server.count(index) < spans:
        if time.monotonic() - started > timeout_s:
            raise TimeoutError(f"{server.count(index)} of {spans} spans in {index} after {timeout_s:g} s")
        time.sleep(0.2)
    return round(time.monotonic() - started, 1)


def distinct(server: Server, index: str) -> int:
    """Different spans in the index, by trace and span id."""
    ids: set[tuple[str, str]] = set()
    body: dict[str, Any] = {"size": 10_000, "_source": ["trace_id", "span_id"], "sort": ["_shard_doc"]}
    opened = httpx2.post(f"{server.url}/{index}/_pit?keep_alive=5m", timeout=60)
    opened.raise_for_status()
    body["pit"] = {"id": opened.json()["id"], "keep_alive": "5m"}
    while True:
        answer = httpx2.post(
            f"{server.url}/_search?filter_path=hits.hits._source,hits.hits.sort", json=body, timeout=120
        )
        answer.raise_for_status()
        hits = answer.json().get("hits", {}).get("hits", [])
        if not hits:
            return len(ids)
        ids.update((hit["_source"]["trace_id"], hit["_source"]["span_id"]) for hit in hits)
        body["search_after"] = hits[-1]["sort"]


def measure(folder: Path, *, spans: int, warm: int, url: str | None) -> dict[str, Any]:
    """Send the load and see what it cost and what is stored."""
    from benchmarks import ingest

    with contextlib.ExitStack() as stack:
        server = Server(url or stack.enter_context(cluster(heap_mb=2048)).url)
        namespace = f"bench{secrets.token_hex(4)}"
        stream = Names(namespace).spans
        location = f"{server.url.replace('http://', 'elasticsearch://')}/?namespace={namespace}&replicas=0"
        command = ("collect", "--store", location)
        process, port, _ = stack.enter_context(ingest.server(folder / "data", *command))
        if warm:
            with ingest.sender(port, spans=warm, truth=folder / "warm.json", seed=99) as load:
                load.communicate(b"\n")
            wait_for_count(server, stream, warm)
        with ingest.sender(port, spans=spans, truth=folder / "truth.json") as load:
            time.sleep(3)  # start-up is not part of it
            own, theirs = machine.cpu_s(process.pid), server.cpu_s()
            out, _ = load.communicate(b"\n")
        sent = json.loads(out)
        lag_s = wait_for_count(server, stream, warm + sent["spans"])
        own = machine.cpu_s(process.pid) - own
        server.rest(stream)
        theirs = server.cpu_s() - theirs
        rows = server.count(stream)
        size = server.bytes(stream)
        stored = distinct(server, stream)
        peak = machine.peak_rss_mb(process.pid)
    acked = warm + (sent["acked"] * 1000 if sent["failed"] else sent["spans"])
    return {
        "store": "elasticsearch",
        "spans_per_s": round(sent["spans"] / sent["seconds"]),
        "own_spans_per_cpu_s": round(sent["spans"] / own),
        "elasticsearch_spans_per_cpu_s": round(sent["spans"] / theirs),
        "own_cpu_s": round(own, 2),
        "elasticsearch_cpu_s": round(theirs, 2),
        "bytes_per_span": round(size / rows, 1),
        "visible_after_s": lag_s,
        "peak_rss_mb": peak,
        "warm": warm,
        "acked": acked,
        "stored": stored,
        "lost": acked - stored,
        "doubled": rows - stored,
        "ack_ms_p50": sent["ack_ms_p50"],
        "ack_ms_p99": sent["ack_ms_p99"],
        "retries": sent["retries"],
    }
