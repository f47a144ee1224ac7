"""Make the rollups of a window anew and put them in the place of the old, or say how the old differ.

Rollups outlive the records they came from. So a window begins, unless it is said, where all records are still there;
what is older stays as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from causeway.errors import ConfigError, StoreError
from causeway.stores.embedded import parquet
from causeway.stores.embedded.delta import DataFile, DeltaSignal
from causeway.stores.embedded.rebuild import files as rollup_files
from causeway.stores.embedded.rebuild.build import (
    LOG_ROLLUP,
    ROLLUPS,
    SPAN_ROLLUPS,
    Advance,
    Rows,
    log_rows,
    overlapping,
    span_rows,
)
from causeway.stores.embedded.rebuild.compare import Difference, compare
from causeway.stores.journal.journal import own
from causeway.window import MINUTE_NS, Window

_SOURCES = {"spans": (SPAN_ROLLUPS, "rollup_coverage"), "logs": ((LOG_ROLLUP,), LOG_ROLLUP)}
_TRIES, _WAIT_S = 40, 0.25  # for a flush to end


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made.

    windows: by signal (`spans`, `logs`), absent where there is nothing. records: how many were read, by signal, some
    around the window included. rows: by rollup table.
    """

    windows: dict[str, Window]
    records: dict[str, int]
    rows: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """How each rollup table compares with what its records make."""

    made: Rebuilt
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        return not any(difference.rows for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Source:
    """A store as it was at one moment: the live files of its tables, and what of them can be made anew."""

    files: Mapping[str, tuple[DataFile, ...]]
    windows: Mapping[str, Window]

    @property
    def rows(self) -> int:
        """Records that will be read, about."""
        return sum(file.rows for name, window in self.windows.items() for file in overlapping(self.files[name], window))


def look(folder: Path, asked: Window | None = None) -> Source:
    """The files of a store between two flushes; a collector may be running. asked: default all that can be made anew.

    Raises StoreError when there is no store, or when it was stopped in the middle of a flush; ConfigError for a window
    of less than a minute.
    """
    tables = {name: DeltaSignal(folder, name) for name in ("spans", "logs", *ROLLUPS)}
    if asked is not None:
        asked = _whole_minutes(asked)
    for _ in range(_TRIES):
        if not _half_flushed(tables):
            files = {name: table.files() for name, table in tables.items()}
            return Source(files, _windows(files, asked))
        time.sleep(_WAIT_S)
        for table in tables.values():
            table.refresh()
    raise StoreError(
        f"the last flush into {folder} was not finished: start `causeway collect --data {folder}` once, so that it is"
    )


def made_rows(source: Source, *, advance: Advance) -> Iterator[Rows]:
    """All rollup rows of the source's windows, made from its records."""
    if "spans" in source.windows:
        yield from span_rows(source.files["spans"], source.windows["spans"], advance=advance)
    if "logs" in source.windows:
        yield from log_rows(source.files["logs"], source.windows["logs"], advance=advance)


def rebuild(folder: Path, asked: Window | None = None, *, advance: Advance) -> Rebuilt:
    """Put rollups made from the records in the place of the stored ones, each table in one commit.

    When it is stopped in between, some tables are new and some old: run it again. Raises StoreError while a collector
    runs, or when the store cannot be read or written.
    """
    began = time.monotonic()
    lock = own(folder)
    try:
        source = look(folder, asked)
        tables = {name: DeltaSignal(folder, name) for name in ROLLUPS}
        made = rollup_files.write(made_rows(source, advance=advance), tables)
        for signal, window in source.windows.items():
            for name in _SOURCES[signal][0]:
                removed, kept = _cut_out(tables[name], overlapping(source.files[name], window), window)
                added = [*made.get(name, []), *kept]
                if added or removed:
                    tables[name].commit(added, removed)
        return _told(source, made, began)
    finally:
        os.close(lock)


def check(folder: Path, asked: Window | None = None, *, advance: Advance) -> Checked:
    """Compare the stored rollups with those made from the records, row by row. Nothing of the store is changed.

    A collector may run meanwhile. The made rows lie in a folder in `folder` while they are compared.
    """
    began = time.monotonic()
    source = look(folder, asked)
    scratch = Path(tempfile.mkdtemp(prefix="rebuild-", dir=folder))
    try:
        tables = {name: DeltaSignal(scratch, name, create=True) for name in ROLLUPS}
        made = rollup_files.write(made_rows(source, advance=advance), tables)
        differences = [
            compare(name, source.files[name], made.get(name, []), window)
            for signal, window in source.windows.items()
            for name in _SOURCES[signal][0]
        ]
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"the store in {folder} cannot be read: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Checked(_told(source, made, began), tuple(differences))


def _told(source: Source, made: Mapping[str, list[DataFile]], began: float) -> Rebuilt:
    return Rebuilt(
        dict(source.windows),
        {name: sum(file.rows for file in overlapping(source.files[name], w)) for name, w in source.windows.items()},
        {name: sum(file.rows for file in made.get(name, [])) for name in ROLLUPS},
        time.monotonic() - began,
    )


def _cut_out(table: DeltaSignal, old: list[DataFile], window: Window) -> tuple[list[DataFile], list[DataFile]]:
    """The files that go, and new files with those of their rows that stay."""
    kept = []
    for file in old:
        if file.first_ns < window.start_ns or file.last_ns >= window.end_ns:
            rows = parquet.read(table, (file,))
            slots = rows["slot_ns"].to_numpy()
            outside = rows.filter(pa.array((slots < window.start_ns) | (slots >= window.end_ns)))
            if outside.num_rows:
                kept += parquet.write(table, outside, compacted=file.compacted, level=3)
    return old, kept


def _windows(files: Mapping[str, tuple[DataFile, ...]], asked: Window | None) -> dict[str, Window]:
    found = {}
    for signal, (_, oldest) in _SOURCES.items():
        if files[signal]:
            window = asked or _complete_window(files[signal], files[oldest])
            if overlapping(files[signal], window):
                found[signal] = window
    return found


def _complete_window(stored: tuple[DataFile, ...], rolled_up: tuple[DataFile, ...]) -> Window:
    """Where no record can have expired: retention drops files whose last record is older than all it keeps."""
    first = min(file.first_ns for file in stored) // MINUTE_NS * MINUTE_NS
    if rolled_up and min(file.first_ns for file in rolled_up) < first:
        first = -(-min(file.last_ns for file in stored) // MINUTE_NS) * MINUTE_NS
    end = max(file.last_ns for file in stored) // MINUTE_NS * MINUTE_NS + MINUTE_NS
    return Window(min(first, end - MINUTE_NS), end)


def _whole_minutes(window: Window) -> Window:
    """The whole minutes within: rows of a part of a minute cannot be told from the rest of its rows."""
    start, end = -(-window.start_ns // MINUTE_NS) * MINUTE_NS, window.end_ns // MINUTE_NS * MINUTE_NS
    if end <= start:
        raise ConfigError("the window holds no whole minute; rollups are made for whole minutes")
    return Window(start, end)


def _half_flushed(tables: Mapping[str, DeltaSignal]) -> bool:
    """Whether rollups are committed whose records are not: a flush commits these last."""
    return any(
        max(tables[name].log_position() for name in rollups) > tables[signal].log_position()
        for signal, (rollups, _) in _SOURCES.items()
    )
