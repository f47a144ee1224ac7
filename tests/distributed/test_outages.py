"""Whatever part of the distributed mode goes away: what was acknowledged is stored, and stored once."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import orjson
import pytest

from causeway.deployment import Options, deployment
from causeway.stores.elasticsearch.names import Names
from causeway.window import HOUR_NS, Window
from tests.servers.collector import start_collector
from tests.servers.elasticsearch import Cluster, cluster
from tests.servers.ports import free_port
from tests.servers.process import wait_for
from tests.servers.senders import Sender

# Any setting makes it a server of our own, which these tests stop and start.
OWN = "action.destructive_requires_name: false"
SENDERS = 2
KILLS = 5
PAUSE_S = 0.1  # between requests of a sender: the log must not outgrow what a small node can take in a minute
PATIENCE_S = 10.0  # how long OpenTelemetry's exporters wait for an answer
SPOOL_FULL = 3 << 20
PAGE = 5000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def single() -> Iterator[Cluster]:
    """One node for the tests of this module, each in a namespace of its own."""
    with cluster(settings=OWN) as found:
        yield found


@dataclass(slots=True)
class Collector:
    """A collector process over a cluster, which can be killed and started again."""

    elasticsearch: Cluster
    store: str
    folder: Path
    config: Path | None
    grpc_port: int
    http_port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start_collector(
            self.folder,
            grpc_port=self.grpc_port,
            http_port=self.http_port,
            config=self.config,
            options=("--store", self.store),
        )

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ready(self) -> tuple[int, str]:
        answer = httpx2.get(f"http://127.0.0.1:{self.http_port}/readyz", timeout=10)
        return answer.status_code, answer.text

    def number(self, name: str) -> float:
        text = httpx2.get(f"http://127.0.0.1:{self.http_port}/metrics", timeout=10).text
        line = next(line for line in text.splitlines() if line.startswith(f'{name}{{drain="elasticsearch"}}'))
        return float(line.rsplit(" ", 1)[1])

    def wait_until_drained(self) -> None:
        look = lambda: self.number("causeway_drain_waiting_bytes") == 0  # noqa: E731
        wait_for(look, what="the log to drain", timeout_s=180)


@contextmanager
def collecting(folder: Path, found: Cluster, *, config: str = "", more: str = "") -> Iterator[Collector]:
    """A running collector with a namespace of its own; stopped, and checked to stop cleanly, at the end."""
    hosts = ",".join(url.removeprefix("http://") for url in found.urls)
    store = f"elasticsearch://{hosts}/?namespace=t{secrets.token_hex(6)}{more}"
    path = folder / "causeway.toml"
    path.write_text(config)
    collector = Collector(found, store, folder / "data", path, free_port(), free_port())
    collector.start()
    try:
        yield collector
    finally:
        assert collector.process is not None
        collector.process.terminate()
        assert collector.process.wait(timeout=60) == 0


@contextmanager
def sending(collector: Collector) -> Iterator[list[Sender]]:
    """Senders that go on until the end of the block, and whose last requests are then acknowledged."""
    senders = [Sender(collector.grpc_port, first_seed=n * 1_000_000, pause_s=PAUSE_S) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        yield senders
        for sender in senders:
            sender.finish()
    finally:
        for sender in senders:
            sender.stopping.set()


def assert_stored_once(collector: Collector, senders: list[Sender]) -> None:
    """The documents are exactly the acknowledged spans."""
    collector.wait_until_drained()
    found = stored_spans(collector)
    assert len(found) == sum(sender.spans for sender in senders)
    assert len(set(found)) == len(found)
    assert {trace for trace, _ in found} == {trace for sender in senders for trace in sender.acknowledged}


def stored_spans(collector: Collector) -> list[tuple[str, str]]:
    """(trace_id, span_id) of every document, read from Elasticsearch itself."""
    url = collector.elasticsearch.url
    stream = Names(collector.store.partition("namespace=")[2].partition("&")[0]).spans
    httpx2.post(f"{url}/{stream}/_refresh", timeout=60).raise_for_status()
    point = orjson.loads(httpx2.post(f"{url}/{stream}/_pit?keep_alive=2m", timeout=60).content)["id"]
    found: list[tuple[str, str]] = []
    after: list[int] | None = None
    while True:
        body = {
            "size": PAGE,
            "_source": ["trace_id", "span_id"],
            "pit": {"id": point, "keep_alive": "2m"},
            "sort": [{"_shard_doc": "asc"}],
            "track_total_hits": False,
            **({"search_after": after} if after else {}),
        }
        headers = {"content-type": "application/json"}
        answer = httpx2.post(f"{url}/_search", content=orjson.dumps(body), headers=headers, timeout=60)
        answer.raise_for_status()
        hits = orjson.loads(answer.content)["hits"]["hits"]
        found += [(hit["_source"]["trace_id"], hit["_source"]["span_id"]) for hit in hits]
        if len(hits) < PAGE:
            return found
        after = hits[-1]["sort"]


def test_elasticsearch_away_for_longer_than_clients_wait(tmp_path: Path, single: Cluster) -> None:
    """No sender notices; the collector says what it waits for; afterwards everything is there once."""
    (node,) = single.nodes
    with collecting(tmp_path, single) as collector:
        with sending(collector) as senders:
            senders[0].wait_for_progress(10)
            wait_for(lambda: collector.number("causeway_drain_flushes_total") > 0, what="a first flush")
            began = time.monotonic()
            node.stop()
            wait_for(lambda: collector.number("causeway_drain_failing") == 1, what="the outage", timeout_s=120)
            status, text = collector.ready()
            assert status == 200
            assert "elasticsearch does not take records" in text
            for sender in senders:
                sender.wait_for_progress(10)
            wait_for(lambda: time.monotonic() - began > PATIENCE_S, what="clients to lose patience")
            assert collector.number("causeway_drain_lag_seconds") > 1
            node.start()
            wait_for(lambda: collector.number("causeway_drain_failing") == 0, what="the recovery", timeout_s=120)
        assert [dict(sender.errors) for sender in senders] == [{}] * SENDERS
        assert_stored_once(collector, senders)


def test_a_killed_collector(tmp_path: Path, single: Cluster) -> None:
    """Killed at any moment, it delivers what it had acknowledged when it is started again, once."""
    rng = random.Random(5)
    with collecting(tmp_path, single) as collector:
        with sending(collector) as senders:
            for _ in range(KILLS):
                senders[0].wait_for_progress(rng.randrange(2, 20))
                time.sleep(rng.uniform(0.0, 1.0))
                collector.kill()
                collector.start()
        assert_stored_once(collector, senders)


def test_a_full_log_tells_clients_to_come_back(tmp_path: Path, single: Cluster) -> None:
    """With no room left requests are refused with a time to wait; what is acknowledged later is in as well."""
    (node,) = single.nodes
    config = f"[collect.spool]\nspool_bytes_max = {SPOOL_FULL}\n"
    with collecting(tmp_path, single, config=config) as collector:
        with sending(collector) as senders:
            senders[0].wait_for_progress(3)
            node.stop()
            wait_for(lambda: all(sender.told_to_wait_s for sender in senders), what="refusals", timeout_s=120)
            status, text = collector.ready()
            assert status == 503, text
            assert "no room" in text
            acknowledged = [sender.spans for sender in senders]
            node.start()
            for sender, before in zip(senders, acknowledged, strict=True):
                wait_for(lambda: sender.spans > before, what="senders to be taken again", timeout_s=120)  # noqa: B023
        for sender in senders:
            assert set(sender.errors) == {"UNAVAILABLE"}
            assert min(sender.told_to_wait_s) >= 1
        assert_stored_once(collector, senders)


def test_one_of_three_nodes_away(tmp_path: Path) -> None:
    """With a copy of every shard, writing and reading go on while a node is away."""
    with (
        cluster(nodes=3, heap_mb=512, settings=OWN) as found,
        collecting(tmp_path, found, more="&replicas=1") as collector,
    ):
        with sending(collector) as senders:
            senders[0].wait_for_progress(5)
            wait_for(lambda: collector.number("causeway_drain_flushes_total") > 0, what="a first flush")
            wait_for(lambda: _green(found), what="copies of the shards", timeout_s=120)
            found.nodes[2].stop()
            before = collector.number("causeway_drain_flushes_total")
            for sender in senders:
                sender.wait_for_progress(5)
            wait_for(
                lambda: collector.number("causeway_drain_flushes_total") > before + 2,
                what="flushes without the node",
                timeout_s=120,
            )
            assert _services(collector)
            found.nodes[2].start()
        assert_stored_once(collector, senders)


def _green(found: Cluster) -> bool:
    return bool(found.get("/_cluster/health")["status"] == "green")


def _services(collector: Collector) -> list[str]:
    reader = deployment(Options(store=collector.store), {}).open_reader()
    try:
        now_ns = time.time_ns()
        return reader.services(Window(now_ns - HOUR_NS, now_ns))
    finally:
        reader.close()
