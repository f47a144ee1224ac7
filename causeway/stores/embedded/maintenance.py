"""Housekeeping of the tables: compaction, retention, removal of files no longer needed, log clean-up.

One thread, a table at a time, in steps small enough to keep memory flat: a step reads at most `rows_max` rows.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway import logs, records
from causeway.errors import StoreError
from causeway.stores.embedded import file_index, parquet
from causeway.stores.embedded.delta import DataFile, DeltaSignal
from causeway.stores.embedded.writer import REFERENCES, TableWriter
from causeway.stores.linking.tally import Tally
from causeway.stores.rollups import MEASURES
from causeway.window import DAY_NS

log = logs.get("store")

TRIM_EVERY_S = 60.0  # more often costs: what is given back must be taken again
_ROLLUPS = tuple(name for name in records.TABLES if name.startswith("rollup_"))


@dataclass(frozen=True, slots=True)
class Retention:
    """Days kept per signal; 0 keeps for ever. Rollups are small and outlive what they were made from."""

    spans: float = 7
    logs: float = 7
    samples: float = 30
    histograms: float = 30
    exemplars: float = 7
    events: float = 90
    rollups: float = 90


@dataclass(frozen=True, slots=True)
class MaintenanceConfig:
    """When small files are merged, and how large they grow."""

    files_min: int = 16  # so many small files of a day are merged into one
    quiet_s: float = 30.0  # what has waited so long is merged even when the files are few
    rows_max: int = 131_072
    rollup_rows_max: int = 1_000_000  # narrow rows, and merging makes them fewer
    level: int = 6  # zstd
    grace_s: float = 600.0  # a file taken out of a table stays so long for readers that have it open
    every_s: float = 5.0
    retention: Retention = field(default_factory=Retention)


class Maintenance:
    """The housekeeping thread of one writer."""

    def __init__(self, writer: TableWriter, config: MaintenanceConfig) -> None:
        self._writer, self._config = writer, config
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._doomed: list[tuple[float, str]] = []
        self._cleaned = self._trimmed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        self._sweep_orphans()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def wake(self) -> None:
        """Something was flushed: look again soon."""
        self._wake.set()

    def settle(self, *, now_ns: int | None = None) -> None:
        """Merge every small file now, in this thread; for tests and benchmarks of an otherwise idle store."""
        for table in self._writer.tables.values():
            while self._compact(table, quiet_s=0.0, now_ns=now_ns or time.time_ns()):
                pass

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=30.0)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self._round()
            except (StoreError, OSError, pa.ArrowException) as error:
                log.error("maintenance.failed", error=str(error), retry="next round")
            self._stop.wait(self._config.every_s)

    def _round(self) -> None:
        now_ns = time.time_ns()
        for table in self._writer.tables.values():
            while not self._stop.is_set() and self._compact(table, quiet_s=self._config.quiet_s, now_ns=now_ns):
                pass
        if time.monotonic() - self._cleaned > 600:
            self._cleaned = time.monotonic()
            self.expire(now_ns)
            for table in self._writer.tables.values():
                with self._writer.lock:
                    table.clean()
        self._delete_doomed()
        if time.monotonic() - self._trimmed > TRIM_EVERY_S:
            self._trimmed = time.monotonic()
            _give_memory_back()

    # -- compaction ----------------------------------------------------------------------------------------------

    def _compact(self, table: DeltaSignal, *, quiet_s: float, now_ns: int) -> bool:
        """Merge one group of small files; False when there is none."""
        with self._writer.lock:
            files = table.files()
        rows_max = self._config.rollup_rows_max if table.name in _ROLLUPS else self._config.rows_max
        group = pick(files, config=self._config, rows_max=rows_max, quiet_s=quiet_s, now_ns=now_ns)
        if not group:
            return False
        rows = parquet.read(table, group)
        if table.name in _ROLLUPS:
            rows = add_up(rows, table.name)
        final = rows.num_rows * 2 > rows_max
        written = (
            parquet.write(table, rows, compacted=True, level=self._config.level if final else 1)
            if rows.num_rows
            else []
        )
        with self._writer.lock:
            table.commit(written, group)
        until = time.monotonic() + self._config.grace_s
        self._doomed += [(until, file.path) for file in group]
        return True

    # -- retention and clean-up ----------------------------------------------------------------------------------

    def expire(self, now_ns: int) -> None:
        """Take out of the tables the files whose every record is older than its signal is kept."""
        retention = self._config.retention
        for name, table in self._writer.tables.items():
            if name in REFERENCES:
                continue
            days = retention.rollups if name in _ROLLUPS else getattr(retention, name)
            limit = now_ns - int(days * DAY_NS)
            with self._writer.lock:
                old = [file for file in table.files() if days and file.last_ns < limit]
                if old:
                    table.commit([], old)
                    log.info("retention.dropped", table=name, files=len(old), rows=sum(file.rows for file in old))
            self._doomed += [(time.monotonic() + self._config.grace_s, file.path) for file in old]

    def _delete_doomed(self) -> None:
        now = time.monotonic()
        for until, path in self._doomed:
            if until <= now:
                Path(path).unlink(missing_ok=True)
                file_index.index_path(Path(path)).unlink(missing_ok=True)
        self._doomed = [entry for entry in self._doomed if entry[0] > now]

    def _sweep_orphans(self) -> None:
        """Delete files that no table names: an earlier run wrote or replaced them and stopped before the last step."""
        for table in self._writer.tables.values():
            live = {file.path for file in table.files()}
            for path in table.folder.glob("day=*/*.parquet"):
                if str(path) not in live and time.time() - path.stat().st_mtime > self._config.grace_s:
                    path.unlink(missing_ok=True)
                    file_index.index_path(path).unlink(missing_ok=True)


def pick(
    files: tuple[DataFile, ...], *, config: MaintenanceConfig, rows_max: int, quiet_s: float, now_ns: int
) -> tuple[DataFile, ...]:
    """Small files of one day that are worth merging now, oldest first; () for none.

    Small is less than half a full file. They are merged when there are `files_min` of about one size, when they make
    a full file, or when the newest of several has waited `quiet_s`.
    """
    days: dict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        if file.rows * 2 <= rows_max:
            days[file.day].append(file)
    for group in days.values():
        for members in _tiers(group):
            chosen = _up_to(members, rows_max)
            full = sum(file.rows for file in chosen) * 2 > rows_max
            if len(chosen) >= 2 and (len(chosen) >= config.files_min or full):
                return tuple(chosen)
        chosen = _up_to(group, rows_max)
        if len(chosen) >= 2 and quiet_s < (now_ns - max(map(_written_ns, group))) / 1e9:
            return tuple(chosen)
        if quiet_s == 0.0 and len(chosen) == 1 and not chosen[0].compacted:
            return tuple(chosen)
    return ()


def _tiers(group: list[DataFile]) -> list[list[DataFile]]:
    """Files of about one size together, so that a row is rewritten a few times at most, not at every merge."""
    tiers: dict[int, list[DataFile]] = defaultdict(list)
    for file in group:
        tiers[max(file.rows, 1).bit_length() // 4].append(file)
    return list(tiers.values())


def _up_to(group: list[DataFile], rows_max: int) -> list[DataFile]:
    chosen: list[DataFile] = []
    rows = 0
    for file in sorted(group, key=lambda file: (file.first_ns, file.path)):
        if chosen and rows + file.rows > rows_max:
            break
        chosen.append(file)
        rows += file.rows
    return chosen


def _give_memory_back() -> None:
    """Merging takes large blocks for a moment; the C library keeps them for ever unless asked (glibc only)."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _written_ns(file: DataFile) -> int:
    return int(Path(file.path).name.split("-")[1])


def add_up(rows: pa.Table, name: str) -> pa.Table:
    """Rollup rows with equal keys added up, those that come to nothing left out."""
    schema = records.TABLES[name][0]
    measures = MEASURES[name]
    keys = tuple(field.name for field in schema if field.name not in measures)
    columns = {key: rows[key].combine_chunks().dictionary_encode() for key in keys}
    tally = Tally(keys, measures)
    sums = {measure: pc.fill_null(rows[measure], 0).to_numpy() for measure in measures}
    tally.add({key: _codes(column) for key, column in columns.items()}, **sums)
    summed = tally.take()
    if summed is None:
        return schema.empty_table()
    found = {
        key: column.dictionary.take(pa.array(summed[key], mask=summed[key] < 0)) for key, column in columns.items()
    }
    return pa.table({**found, **{measure: summed[measure] for measure in measures}}).select(schema.names).cast(schema)


def _codes(column: pa.DictionaryArray) -> np.ndarray:
    """(n,) int64 places in the dictionary, -1 for null."""
    return pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
