"""Rollup rows into files of a table, not yet part of it: some at a time are added up and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from causeway.stores.embedded import parquet
from causeway.stores.embedded.delta import DataFile, DeltaSignal
from causeway.stores.embedded.maintenance import add_up
from causeway.stores.embedded.rebuild.build import Rows

ROWS_A_FILE = 500_000
_LEVEL = 3


def write(rows: Iterable[Rows], tables: Mapping[str, DeltaSignal]) -> dict[str, list[DataFile]]:
    """Files of `tables` with the rows, by table; nothing is committed. Another thread writes while rows are made."""
    pending: dict[str, list[pa.Table]] = {}
    writing: list[tuple[str, Future[list[DataFile]]]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="rollups") as pool:
        for name, table in rows:
            parts = pending.setdefault(name, [])
            parts.append(_encoded(table))
            if sum(part.num_rows for part in parts) >= ROWS_A_FILE:
                writing.append((name, pool.submit(_write, tables[name], pending.pop(name))))
                _wait_for_last_but_one(writing)
        writing += [(name, pool.submit(_write, tables[name], parts)) for name, parts in pending.items()]
        found: dict[str, list[DataFile]] = {}
        for name, files in writing:
            found.setdefault(name, []).extend(files.result())
    return found


def _write(signal: DeltaSignal, parts: list[pa.Table]) -> list[DataFile]:
    rows = add_up(pa.concat_tables(parts).unify_dictionaries(), signal.name)
    return parquet.write(signal, rows, compacted=True, level=_LEVEL) if rows.num_rows else []


def _wait_for_last_but_one(writing: list[tuple[str, Future[list[DataFile]]]]) -> None:
    """So that no more than two files' rows wait in memory."""
    if len(writing) > 1:
        writing[-2][1].result()


def _encoded(table: pa.Table) -> pa.Table:
    """Text as small integers while it waits."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, table.column(place).dictionary_encode())
    return table
