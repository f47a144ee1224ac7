"""Requests to a cluster that others work with: never more than a share of its search threads, and patient."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from elastic_transport import ApiError, ConnectionError, ConnectionTimeout  # noqa: A004
from elasticsearch import Elasticsearch

from causeway import logs
from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.scan import request

log = logs.get("attach")

SHARE_DEFAULT = 0.25
THREADS_MAX = 4  # more than one process can decode
WAIT_FIRST_S, WAIT_MAX_S, ATTEMPTS_MAX = 1.0, 30.0, 12
_COME_BACK = (429, 502, 503, 504)


class PatientClient:
    """Stands in for the official client where it scans and counts. Safe from many threads.

    At most `threads` requests are under way; each searches one shard of a node at a time, so that no more than that
    many threads of any node work for it. What a busy or absent server refuses is asked again, later and later.
    """

    def __init__(self, client: Elasticsearch, *, threads: int, stopping: threading.Event) -> None:
        self._client, self._stopping = client.options(max_retries=0), stopping
        self._room = threading.BoundedSemaphore(threads)
        self.threads = threads
        self.waits = 0  # how often the cluster said that it is busy

    def perform_request(self, method: str, target: str, *, headers: Any = None, body: Any = None) -> Any:
        """As the official client's. Raises its errors once patience is at an end, StoreError when asked to stop."""
        if "/_search" in target:
            target += ("&" if "?" in target else "?") + "max_concurrent_shard_requests=1"
        wait_s = WAIT_FIRST_S
        for attempt in range(ATTEMPTS_MAX):
            try:
                with self._room:
                    return self._client.perform_request(method, target, headers=headers, body=body)
            except (ApiError, ConnectionError, ConnectionTimeout) as error:
                if not _may_pass(error) or attempt == ATTEMPTS_MAX - 1:
                    raise
                self.waits += 1
                log.warning("source.busy", error=str(error)[:200], wait_s=wait_s)
            if self._stopping.wait(wait_s):
                raise StoreError("asked to stop while the source was busy")
            wait_s = min(wait_s * 2, WAIT_MAX_S)
        raise AssertionError("unreachable")


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, ApiError) or error.meta.status in _COME_BACK


def allowed_threads(client: Elasticsearch, share: float, *, say: Callable[[str], None] | None = None) -> int:
    """How many searches at once are that share of the smallest node's search threads: 1 to THREADS_MAX.

    Raises ConfigError for a share outside (0, 1]. A user who may not ask for thread pools gets one.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"--share {share:g} must be above 0 and at most 1")
    try:
        with plain_errors("ask for the search threads"):
            path = "/_nodes/thread_pool"
            answer = request(client, "GET", path, None, filter_path="nodes.*.thread_pool.search.size")
    except StoreError as error:
        if say is not None:
            say(str(error))
        return 1
    sizes = [node["thread_pool"]["search"]["size"] for node in answer.get("nodes", {}).values()]
    return max(1, min(THREADS_MAX, int(min(sizes, default=1) * share)))
