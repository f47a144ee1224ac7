"""Elasticsearch opened for reading and writing in one process: for tests, notebooks and small tools."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from causeway import records
from causeway.errors import StoreError
from causeway.stores.contract import Batch
from causeway.stores.elasticsearch.minutes import MinuteWorker, roll_up
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.settings import LAYOUT_OURS, ElasticsearchSettings
from causeway.stores.elasticsearch.sink import ElasticsearchSink
from causeway.window import Window

WRITTEN = ("resources", "spans", "logs", "log_templates", "events", "exemplars")


class ElasticsearchStore(ElasticsearchReader):
    """Reader and Writer of `causeway.stores.contract`. Records are sent by `add`; `flush` computes their rollups."""

    def __init__(self, settings: ElasticsearchSettings) -> None:
        """Open, and install the templates. Raises StoreError, also for a layout that is not ours."""
        if settings.layout != LAYOUT_OURS:
            raise StoreError(f"documents of the layout {settings.layout!r} are read, never written")
        super().__init__(settings)
        self._sink = ElasticsearchSink(settings)
        self._touched: Window | None = None
        self._position = 0

    def add(self, batch: Batch) -> None:
        """Send the records. Raises StoreError for a table that Elasticsearch does not keep."""
        unknown = set(batch.tables) - set(WRITTEN)
        if unknown:
            raise StoreError(f"no place in Elasticsearch for records: {', '.join(sorted(unknown))}")
        tables = {name: table.cast(records.TABLES[name][0]) for name, table in batch.tables.items()}
        self._position += 1
        self._sink.flush([tables], log_position=self._position)
        if "spans" in tables and tables["spans"].num_rows:
            self._touch(tables["spans"])

    def flush(self) -> None:
        """Make records visible and compute the rollups of the minutes that they touched."""
        self._sink.refresh()
        if self._touched is not None:
            roll_up(MinuteWorker(self.source, self.rollups), self._touched)
            self._touched = None

    def close(self) -> None:
        self._sink.close()
        super().close()

    def _touch(self, spans: pa.Table) -> None:
        found = pc.min_max(spans["start_ns"]).as_py()
        before = self._touched or Window(found["min"], found["max"] + 1)
        self._touched = Window(min(before.start_ns, found["min"]), max(before.end_ns, found["max"] + 1))
