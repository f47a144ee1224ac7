"""The distributed mode as people run it: engines, one collector, analyzers, each a process of its own."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from causeway.deployment import Deployment, Options, deployment
from causeway.errors import StoreError
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, Window
from tests.servers.collector import start_collector
from tests.servers.elasticsearch import Cluster
from tests.servers.ports import free_port
from tests.servers.postgresql import postgresql
from tests.servers.process import wait_for
from tests.servers.victoriametrics import victoria_metrics
from tests.stores.elasticsearch.namespaces import remove

SETTLE_S = 180.0


@dataclass(frozen=True, slots=True)
class Distributed:
    """A running platform. `places` are the options that every command of it takes."""

    deployment: Deployment
    places: tuple[str, ...]
    elasticsearch: Cluster
    collector_url: str

    def open_reader(self) -> Reader:
        return self.deployment.open_reader()

    def settle(self) -> None:
        """Return when everything acknowledged is stored, and the rollups count every stored span."""
        wait_for(self._drained, what="the collector's log to drain", timeout_s=SETTLE_S)
        wait_for(self._rolled_up, what="the rollups to count every span", timeout_s=SETTLE_S)

    def _drained(self) -> bool:
        text = httpx2.get(f"{self.collector_url}/metrics", timeout=10).text
        lines = [line for line in text.splitlines() if line.startswith("causeway_drain_waiting_bytes{")]
        assert lines, text
        return all(float(line.rsplit(" ", 1)[1]) == 0 for line in lines)

    def _rolled_up(self) -> bool:
        reader = self.open_reader()
        try:
            spans = reader.status().table("spans")
            if spans.first_ns is None or spans.last_ns is None:
                return False
            counted = reader.coverage(Window(spans.first_ns, spans.last_ns + 1).aligned(MINUTE_NS))
            return sum(counted["spans"].to_pylist()) == spans.rows
        except StoreError:  # an index of rollups that is just being made
            return False
        finally:
            reader.close()


@contextmanager
def distributed(folder: Path, elasticsearch: Cluster, *, analyzers: int = 2) -> Iterator[Distributed]:
    """A namespace in that cluster, VictoriaMetrics, PostgreSQL, a collector and some analyzers."""
    with ExitStack() as stack:
        samples = stack.enter_context(victoria_metrics(folder / "victoria"))
        state = stack.enter_context(postgresql()).database()
        store = elasticsearch.url.replace("http://", "elasticsearch://") + f"/?namespace=t{secrets.token_hex(6)}"
        places = ("--store", store, "--samples", samples.url, "--state", state)
        stack.callback(lambda: remove(elasticsearch, found.store))
        found = deployment(Options(data=folder / "analyze", store=store, samples=samples.url, state=state), {})
        grpc_port, http_port = free_port(), free_port()
        sinks = ("--store", store, "--samples", samples.url)
        collector = start_collector(folder / "collect", grpc_port=grpc_port, http_port=http_port, options=sinks)
        stack.callback(_end, collector)
        config = folder / "analyze.toml"
        config.write_text("[rollup]\nevery_s = 1\nwhole_every_s = 3\n", encoding="utf-8")
        for number in range(analyzers):
            analyze = (
                sys.executable,
                "-m",
                "causeway",
                "analyze",
                "--data",
                str(folder / f"analyze-{number}"),
                "--config",
                str(config),
            )
            command = [*analyze, *places]
            stack.callback(_end, subprocess.Popen(command, stderr=subprocess.DEVNULL))
        yield Distributed(found, places, elasticsearch, f"http://127.0.0.1:{http_port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(timeout=60) == 0
