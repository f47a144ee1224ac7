"""Where the spans go: an embedded store through its log, or our indices in Elasticsearch."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from causeway.deployment import Deployment
from causeway.errors import ConfigError, QueueFull, StoreError
from causeway.stores.contract import Batch, Reader
from causeway.stores.elasticsearch.settings import LAYOUT_OURS
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from causeway.stores.embedded.journal import EmbeddedConfig
from causeway.stores.embedded.maintenance import MaintenanceConfig, Retention
from causeway.stores.embedded.store import EmbeddedStore

WRITE_ROWS = 50_000  # spans sent to Elasticsearch in one flush


class Target(Protocol):
    """Takes spans in. What was taken before is left alone; records are known by their ids."""

    def add(self, tables: dict[str, pa.Table]) -> None:
        """Take the tables `spans` and `resources`; they are durable after `settle`. Waits while the target is full."""
        ...

    def settle(self) -> None:
        """Return when everything added is durable."""
        ...

    def reader(self) -> Reader:
        """Reads what was added; everything is visible."""
        ...

    def close(self) -> None: ...


# Nothing is dropped for its age: a span that is gone would be counted again when its document is read again.
KEEP_ALL = Retention(spans=0, logs=0, samples=0, histograms=0, exemplars=0, events=0, rollups=0)


class EmbeddedTarget:
    """A data folder. Pages are durable at once: they go through the store's write-ahead log."""

    def __init__(self, folder: Path, stopping: threading.Event) -> None:
        """Raises StoreError when another process writes the store."""
        self._store = EmbeddedStore(folder, config=EmbeddedConfig(maintenance=MaintenanceConfig(retention=KEEP_ALL)))
        self._stopping = stopping

    def add(self, tables: dict[str, pa.Table]) -> None:
        while True:
            try:
                self._store.add(Batch(tables))
            except QueueFull as full:
                if self._stopping.wait(full.retry_after_s):
                    raise StoreError("asked to stop while the store was full") from full
            else:
                return

    def settle(self) -> None:
        """Nothing waits: `add` returned when the log was synced."""

    def reader(self) -> Reader:
        self._store.flush()
        return self._store

    def close(self) -> None:
        self._store.close()


class SinkTarget:
    """Our own indices: pages are gathered and sent in bulk, again and again until the cluster takes them."""

    def __init__(self, place: Deployment, stopping: threading.Event) -> None:
        """Raises StoreError when the cluster cannot be set up for writing."""
        if place.store is None or place.store.layout != LAYOUT_OURS:
            raise ConfigError("store: documents of other products are read, never written: leave its layout out")
        self._sink = ElasticsearchSink(place.store)
        self._place, self._stopping = place, stopping
        self._waiting: list[Mapping[str, pa.Table]] = []
        self._rows = 0

    def add(self, tables: dict[str, pa.Table]) -> None:
        self._waiting.append(tables)
        self._rows += tables["spans"].num_rows
        if self._rows >= WRITE_ROWS:
            self.settle()

    def settle(self) -> None:
        wait_s = 1.0
        while self._waiting:
            try:
                self._sink.flush(self._waiting, log_position=0)
            except StoreError:
                if self._stopping.wait(wait_s):
                    raise
                wait_s = min(wait_s * 2, 30.0)
            else:
                self._waiting, self._rows = [], 0

    def reader(self) -> Reader:
        self.settle()
        return self._place.open_reader()

    def close(self) -> None:
        try:
            self.settle()
        finally:
            self._sink.close()


def open_target(place: Deployment, stopping: threading.Event) -> Target:
    """Raises StoreError when it cannot be written."""
    if place.store is None:
        return EmbeddedTarget(place.data, stopping)
    return SinkTarget(place, stopping)
