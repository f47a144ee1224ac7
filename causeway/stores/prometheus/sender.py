"""Samples on their way out: cut into requests, over several connections, the part that is refused told from the rest.

Prometheus takes nothing of a request in which one sample is out of order, too old or another one for the same time.
Such a request is sent again in halves, the older half first, until the bad samples stand alone; they are counted and
left out.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import xxhash

from causeway.stores.prometheus.client import Client, Refused
from causeway.stores.prometheus.remote_write import Points, cuts, request
from causeway.stores.prometheus.settings import PrometheusSettings


@dataclass(slots=True)
class Sent:
    """What became of the samples of one flush. refused: samples by the server's reason."""

    accepted: int = 0
    requests: int = 0
    splits: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Sender:
    """Sends through one client. Requests that were taken are remembered until `forget`, so that a retry skips them."""

    def __init__(self, client: Client, settings: PrometheusSettings) -> None:
        self._client = client
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.shards, thread_name_prefix="remote-write")
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def close(self) -> None:
        self._pool.shutdown()

    def forget(self) -> None:
        """The flush is over."""
        self._taken.clear()

    def send(self, points: Points) -> Sent:
        """All samples, those of one series in order of time. Raises StoreError when the server cannot take them now."""
        sent = Sent()
        shards = _shards(points, self._settings.shards, self._settings.samples_per_request)
        tasks = [self._pool.submit(self._send_shard, points, first, last, sent) for first, last in shards]
        failures = [failure for task in tasks if (failure := task.exception()) is not None]
        if failures:
            raise failures[0]
        return sent

    def _send_shard(self, points: Points, first: int, last: int, sent: Sent) -> None:
        part = Points(
            points.series[first:last], points.times_ms[first:last], points.bits[first:last], points.labels, points.ends
        )
        borders = cuts(part, samples_max=self._settings.samples_per_request, bytes_max=self._settings.request_bytes)
        for start, end in itertools.pairwise(borders.tolist()):
            if end > start:
                self._send_rows(part, np.arange(start, end), sent)

    def _send_rows(self, points: Points, rows: np.ndarray, sent: Sent) -> None:
        body = request(points, rows)
        identity = xxhash.xxh3_64_intdigest(body)
        if identity in self._taken:
            with self._lock:
                sent.accepted += len(rows)
            return
        try:
            self._client.write(body)
        except Refused as refusal:
            self._divide(points, rows, sent, refusal)
            return
        with self._lock:
            self._taken.add(identity)
            sent.requests += 1
            sent.accepted += len(rows)

    def _divide(self, points: Points, rows: np.ndarray, sent: Sent, refusal: Refused) -> None:
        with self._lock:
            sent.splits += 1
            hopeless = len(rows) == 1 or (sent.splits > self._settings.splits_max and not refusal.too_large)
            if hopeless:
                sent.refused[str(refusal)] += len(rows)
        if hopeless:
            return
        for half in _halves(points, rows):
            self._send_rows(points, half, sent)


def _halves(points: Points, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The older and the newer half; each ascending, so that a series stays in order within it."""
    by_time = rows[np.argsort(points.times_ms[rows], kind="stable")]
    middle = len(rows) // 2
    return np.sort(by_time[:middle]), np.sort(by_time[middle:])


def _shards(points: Points, count: int, samples_min: int) -> list[tuple[int, int]]:
    """Ranges of rows with whole series, at most `count`, none much below `samples_min`."""
    count = max(1, min(count, len(points) // samples_min))
    borders = [0]
    for place in range(1, count):
        at = len(points) * place // count
        at = int(np.searchsorted(points.series, points.series[at], side="left"))
        borders.append(max(at, borders[-1]))
    borders.append(len(points))
    return [(first, last) for first, last in itertools.pairwise(borders) if last > first]
