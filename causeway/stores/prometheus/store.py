"""A Prometheus-compatible server opened for reading and writing in one process: for tests and small tools."""

from __future__ import annotations

import pyarrow as pa

from causeway import records
from causeway.errors import StoreError
from causeway.stores.contract import Batch
from causeway.stores.prometheus.client import Client
from causeway.stores.prometheus.reader import PrometheusReader
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.stores.prometheus.sink import READS, PrometheusSink


class PrometheusStore(PrometheusReader):
    """Reader and Writer of `causeway.stores.contract` over one server. Other tables than it holds are refused."""

    def __init__(self, settings: PrometheusSettings) -> None:
        super().__init__(settings)
        self.sink = PrometheusSink(settings)
        self._waiting: list[dict[str, pa.Table]] = []
        self._flusher = Client(settings)

    def add(self, batch: Batch) -> None:
        """Keep the records until `flush`. Raises StoreError for a table that this store does not hold."""
        unknown = set(batch.tables) - set(READS)
        if unknown:
            raise StoreError(f"no place for {', '.join(sorted(unknown))}: {self._settings.location()} holds samples")
        self._waiting.append({name: table.cast(records.TABLES[name][0]) for name, table in batch.tables.items()})

    def flush(self) -> None:
        self.sink.flush(self._waiting, log_position=0)
        self._waiting = []
        # VictoriaMetrics shows samples a second later unless told to; others do not know this path.
        self._flusher.text("/internal/force_flush")
        self._interpreter.refresh(now=True)

    def close(self) -> None:
        self.sink.close()
        self._flusher.close()
        super().close()
