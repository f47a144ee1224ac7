"""A cluster is never asked for more than its share, and asked again when it is busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError

from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from collectors.attach import patience
from collectors.attach.patience import THREADS_MAX, PatientClient, allowed_threads
from tests.servers.elasticsearch import Cluster


class _Server:
    """Stands in for the official client: refuses as often as told."""

    def __init__(self, refusals: int, status: int = 429) -> None:
        self.refusals, self.status = refusals, status
        self.asked: list[str] = []
        self.busy, self.most = 0, 0
        self.hold: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def options(self, **_: Any) -> _Server:
        return self

    def perform_request(self, method: str, target: str, **_: Any) -> str:
        with self._lock:
            self.asked.append(f"{method} {target}")
            self.busy += 1
            self.most = max(self.most, self.busy)
            refused, self.refusals = self.refusals > 0, self.refusals - 1
        self.hold()
        with self._lock:
            self.busy -= 1
        if refused:
            meta = ApiResponseMeta(self.status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "x", 1))
            raise ApiError("rejected execution", meta, {})
        return "answer"


def _patient(server: _Server, *, threads: int = 1) -> PatientClient:
    return PatientClient(server, threads=threads, stopping=threading.Event())  # type: ignore[arg-type]


def test_a_busy_cluster_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals of a full queue are waited out, with one shard of a node at a time."""
    monkeypatch.setattr(patience, "WAIT_FIRST_S", 0.001)
    server = _Server(refusals=3)
    client = _patient(server)
    assert client.perform_request("POST", "/_search?a=1") == "answer"
    assert server.asked == ["POST /_search?a=1&max_concurrent_shard_requests=1"] * 4
    assert client.waits == 3


def test_a_mistake_is_not_repeated() -> None:
    """What will never be answered is raised at once."""
    server = _Server(refusals=1, status=400)
    with pytest.raises(ApiError):
        _patient(server).perform_request("POST", "/_search")
    assert len(server.asked) == 1


def test_asked_to_stop_while_waiting() -> None:
    """Nobody waits for a busy cluster after Ctrl-C."""
    server, stopping = _Server(refusals=1), threading.Event()
    stopping.set()
    with pytest.raises(StoreError, match="asked to stop"):
        PatientClient(server, threads=1, stopping=stopping).perform_request("GET", "/")  # type: ignore[arg-type]


def test_never_more_at_once_than_allowed() -> None:
    """Whatever number of threads asks."""
    server = _Server(refusals=0)
    meeting = threading.Barrier(2)
    server.hold = lambda: meeting.wait(timeout=10)  # each waits for a second one, so that two are there together
    client = _patient(server, threads=2)
    threads = [threading.Thread(target=client.perform_request, args=("GET", "/")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 8 and server.most == 2


def test_the_share_of_a_real_node(elasticsearch: Cluster) -> None:
    """All of a node's search threads are more than a quarter of them; there is always one."""
    client = connect(ElasticsearchSettings(hosts=(elasticsearch.url,)))
    try:
        nodes = elasticsearch.get("/_nodes/thread_pool")["nodes"].values()
        size = min(node["thread_pool"]["search"]["size"] for node in nodes)
        assert allowed_threads(client, 1.0) == min(size, THREADS_MAX)
        assert allowed_threads(client, 0.001) == 1
        for share in (0, -0.1, 1.1):
            with pytest.raises(ConfigError, match="--share"):
                allowed_threads(client, share)
    finally:
        client.close()
