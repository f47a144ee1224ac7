"""The way into an embedded store: a journal whose one drain commits to the tables, and the housekeeping beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from causeway.errors import StoreError
from causeway.stores.embedded.maintenance import Maintenance, MaintenanceConfig
from causeway.stores.embedded.writer import TableWriter
from causeway.stores.journal.drain import Decode, DrainPlan, JournalConfig, Tables
from causeway.stores.journal.journal import Journal, own

DRAIN = "tables"
_CLOSE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedConfig(JournalConfig):
    """Bounds of the way in, and the housekeeping of the tables."""

    flush_bytes: int = 72 << 20  # about 130,000 spans: enough to write a file in its final form
    flush_age_s: float = 4.0  # so that answers lag ten seconds at the most
    buffer_bytes_max: int = 112 << 20
    maintenance: MaintenanceConfig = field(default_factory=MaintenanceConfig)


class EmbeddedJournal(Journal):
    """An embedded store opened for writing; one process at a time."""

    def __init__(self, folder: Path, *, decode: Decode, config: EmbeddedConfig | None = None) -> None:
        """Open or create the store, replay what the last run left in the log, start the flushing thread.

        decode: turns payloads of a signal into tables, as at intake. Raises StoreError when another process writes
        the store, or when it is damaged.
        """
        config = config or EmbeddedConfig()
        self._own = own(folder)
        self.writer = TableWriter(folder)
        self.maintenance = Maintenance(self.writer, config.maintenance)
        plan = DrainPlan(
            _TableSink(self.writer, self.maintenance),
            half_flushed=max(self.writer.log_positions().values()),
            cursor="cursor",
        )
        super().__init__(folder, {DRAIN: plan}, decode=decode, config=config)
        self.replayed = self.start(catch_up=True)
        self.maintenance.start()

    def close(self, *, timeout_s: float = _CLOSE_S) -> bool:
        """Flush and stop. What cannot be flushed stays in the log for the next start."""
        self.maintenance.stop()
        ended = super().close(timeout_s=timeout_s)
        os.close(self._own)
        return ended


class _TableSink:
    """The writer of the tables as a drain sees it."""

    def __init__(self, writer: TableWriter, maintenance: Maintenance) -> None:
        self._writer, self._maintenance = writer, maintenance
        self._crashed: str | None = None

    def flush(self, batches: list[Tables], *, log_position: int) -> int:
        """Commit the batches. Raises StoreError; after a crash always, for the writer's memory is not to be trusted."""
        if self._crashed is not None:
            raise StoreError(f"the writer of the tables crashed ({self._crashed}); restart the collector")
        try:
            fresh = self._writer.flush(batches, log_position=log_position)
        except (StoreError, OSError, pa.ArrowException):
            raise
        except Exception as error:
            self._crashed = f"{type(error).__name__}: {error}"
            raise
        self._maintenance.wake()
        return fresh

    def close(self) -> None:
        """Nothing is open."""
