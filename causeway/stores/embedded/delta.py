"""One signal as a Delta Lake table of Parquet files that we write ourselves and commit in one step.

Every file holds one UTC day (the partition `day`) and carries in the Delta log its row count and the first and last
time in it, so that readers open only what a window needs. A commit may carry the write-ahead-log position it covers
(a Delta application transaction), which makes replay after a crash exact.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import (
    AddAction,
    CommitProperties,
    PostCommitHookProperties,
    RemoveAction,
    Transaction,
)

from causeway.errors import StoreError
from causeway.records import TABLES

APP_ID = "causeway.wal"
CHECKPOINT_EVERY = 50  # commits: keeps opening a table quick
# Versions whose log entries stay; every commit lists the log, 1.5 ms for a thousand. A multiple of CHECKPOINT_EVERY.
VERSIONS_KEPT = 200
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_DAY = "day"
_VERSION_DIGITS = 20  # the names of log entries and checkpoints begin with so many


@dataclass(frozen=True, slots=True)
class DataFile:
    """A live Parquet file of a table. `path` is absolute; first_ns and last_ns are inclusive."""

    path: str
    day: str
    rows: int
    bytes: int
    first_ns: int
    last_ns: int
    compacted: bool


class DeltaSignal:
    """A table opened for reading, or for writing by the one process that owns the store."""

    def __init__(self, folder: Path, name: str, *, create: bool = False) -> None:
        """Open the table, creating it if asked. Raises StoreError when it is not there or unreadable."""
        self.name = name
        self.folder = folder / name
        self.schema, self.time_column = TABLES[name]
        self._files: tuple[DataFile, ...] | None = None
        try:
            if create and not deltalake.DeltaTable.is_deltatable(str(self.folder)):
                self._create()
            self._table = deltalake.DeltaTable(str(self.folder))
            if create:
                self._add_columns()
        except TableNotFoundError as error:
            raise StoreError(f"no table {name!r} in {folder}") from error
        except (DeltaError, OSError) as error:
            raise StoreError(f"the table {name!r} in {folder} cannot be opened: {error}") from error

    def _create(self) -> None:
        schema = self.schema.append(pa.field(_DAY, pa.string()))
        deltalake.DeltaTable.create(
            str(self.folder),
            schema,
            mode="ignore",
            partition_by=[_DAY],
            name=self.name,
            configuration={
                "delta.logRetentionDuration": "interval 1 hours",
                "delta.deletedFileRetentionDuration": "interval 0 hours",
                "delta.dataSkippingStatsColumns": self.time_column,
            },
        )

    def _add_columns(self) -> None:
        """Columns that came after the table was made; rows from before have null there."""
        held = {field.name for field in self._table.schema().fields}
        added = pa.schema([field for field in self.schema if field.name not in held])
        if len(added):
            self._table.alter.add_columns(deltalake.Schema.from_arrow(added).fields)

    @property
    def version(self) -> int:
        return int(self._table.version())

    def refresh(self) -> None:
        """See what others have committed since."""
        before = self._table.version()
        try:
            self._update()
        except (DeltaError, OSError) as error:
            raise StoreError(f"the table {self.name!r} cannot be read: {error}") from error
        if self._table.version() != before:
            self._files = None

    def _update(self) -> None:
        try:
            self._table.update_incremental()
        except (DeltaError, OSError):  # the writer may have deleted an entry between its listing and its reading
            self._table.update_incremental()

    def log_position(self) -> int:
        """The write-ahead-log position up to which this table has everything; 0 for a new table."""
        return int(self._table.transaction_version(APP_ID) or 0)

    def files(self) -> tuple[DataFile, ...]:
        """The live files by (first_ns, path)."""
        if self._files is None:
            self._files = self._list_files()
        return self._files

    def new_path(self, day: str, *, compacted: bool) -> tuple[str, Path]:
        """A fresh file name: relative to the table for the Delta log, and absolute (its folder exists)."""
        kind = "c" if compacted else "m"
        relative = f"{_DAY}={day}/{kind}-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return relative, path

    def commit(
        self, added: Sequence[DataFile], removed: Sequence[DataFile] = (), *, log_position: int | None = None
    ) -> None:
        """Make the added files live and the removed ones not, in one step. Raises StoreError.

        The files must be on disk already; they are synced here, before the log names them.
        """
        before = self.files()
        for file in added:
            _sync(Path(file.path))
        properties = CommitProperties(
            app_transactions=[] if log_position is None else [Transaction(APP_ID, log_position)],
            max_commit_retries=20,
        )
        # A rewrite (compaction) changes no data: readers of the change feed may skip it.
        moved = bool(removed) and sum(f.rows for f in added) == sum(f.rows for f in removed)
        actions: list[AddAction | RemoveAction] = [self._add(file, data_change=not moved) for file in added]
        actions += [self._remove(file, data_change=not moved) for file in removed]
        try:
            self._table.create_write_transaction(
                actions,
                "append",
                self._table.schema(),
                commit_properties=properties,
                post_commithook_properties=_NO_HOOKS,
            )
            self._table.update_incremental()
            if self._table.version() % CHECKPOINT_EVERY == 0:
                self._table.create_checkpoint()
                self._forget_old_versions()
        except (DeltaError, OSError) as error:
            raise StoreError(f"the table {self.name!r} cannot be written: {error}") from error
        gone = {file.path for file in removed}
        kept = [file for file in before if file.path not in gone]
        self._files = tuple(sorted([*kept, *added], key=_by_time))

    def clean(self) -> None:
        """Write a checkpoint and delete log entries older than the retention."""
        self._table.create_checkpoint()
        self._table.cleanup_metadata()

    def _forget_old_versions(self) -> None:
        """Delete log entries before the checkpoint VERSIONS_KEPT ago, which has all that they say."""
        oldest = self.version - VERSIONS_KEPT
        for path in (self.folder / "_delta_log").iterdir():
            version = path.name[:_VERSION_DIGITS]
            if version.isdigit() and int(version) < oldest:
                path.unlink(missing_ok=True)

    def _list_files(self) -> tuple[DataFile, ...]:
        rows = pa.table(self._table.get_add_actions(flatten=True))
        if rows.num_rows == 0:
            return ()
        names = rows.column_names
        low, high = f"min.{self.time_column}", f"max.{self.time_column}"
        if low not in names:
            raise StoreError(f"{self.folder}: the files carry no times; was something else written into it?")
        columns = [
            rows[column].to_pylist() for column in ("path", f"partition.{_DAY}", "num_records", "size_bytes", low, high)
        ]
        found = [
            DataFile(str(self.folder / path), day, count, size, first, last, Path(path).name.startswith("c-"))
            for path, day, count, size, first, last in zip(*columns, strict=True)
        ]
        return tuple(sorted(found, key=_by_time))

    def _add(self, file: DataFile, *, data_change: bool) -> AddAction:
        stats = {
            "numRecords": file.rows,
            "minValues": {self.time_column: file.first_ns},
            "maxValues": {self.time_column: file.last_ns},
            "nullCount": {},
        }
        relative = str(Path(file.path).relative_to(self.folder))
        return AddAction(
            relative, file.bytes, {_DAY: file.day}, int(time.time() * 1000), data_change, json.dumps(stats)
        )

    def _remove(self, file: DataFile, *, data_change: bool) -> RemoveAction:
        relative = str(Path(file.path).relative_to(self.folder))
        return RemoveAction(relative, data_change, int(time.time() * 1000), file.bytes, {_DAY: file.day})


def _by_time(file: DataFile) -> tuple[int, str]:
    return (file.first_ns, file.path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)
