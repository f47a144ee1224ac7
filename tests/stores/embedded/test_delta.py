"""The Delta log of a table stays small, and readers far behind it catch up."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake.exceptions import DeltaError

from causeway import records
from causeway.errors import StoreError
from causeway.stores.embedded import parquet
from causeway.stores.embedded.delta import CHECKPOINT_EVERY, VERSIONS_KEPT, DataFile, DeltaSignal
from causeway.window import SECOND_NS


def log_versions(table: DeltaSignal) -> list[int]:
    return sorted(int(path.stem) for path in (table.folder / "_delta_log").glob("*.json") if path.stem.isdigit())


def a_file(table: DeltaSignal) -> list[DataFile]:
    """One stored row."""
    row = {field.name: None for field in records.LOG_COUNTS} | {"slot_ns": 10 * SECOND_NS, "service": "a", "lines": 1}
    return parquet.write(table, pa.Table.from_pylist([row], records.LOG_COUNTS), compacted=False, level=1)


def many_commits(table: DeltaSignal, count: int) -> None:
    last: list[DataFile] = []
    for position in range(count):
        added = a_file(table)
        table.commit(added, last, log_position=position + 1)
        last = added


def test_old_log_entries_go_and_readers_behind_them_catch_up(tmp_path: Path) -> None:
    """However many commits there were: the log holds the last ones only, and says all that is live, to any reader."""
    table = DeltaSignal(tmp_path, "rollup_logs", create=True)
    early = DeltaSignal(tmp_path, "rollup_logs")
    table.commit(a_file(table))
    many_commits(table, VERSIONS_KEPT + 2 * CHECKPOINT_EVERY)
    versions = log_versions(table)
    assert versions == list(range(versions[0], table.version + 1))
    assert VERSIONS_KEPT <= len(versions) <= VERSIONS_KEPT + CHECKPOINT_EVERY
    assert early.version < versions[0]
    early.refresh()
    for reader in (early, DeltaSignal(tmp_path, "rollup_logs")):
        assert reader.files() == table.files()
        assert reader.log_position() == VERSIONS_KEPT + 2 * CHECKPOINT_EVERY
    assert len(table.files()) == 2


def test_a_log_entry_that_goes_while_it_is_read_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose listing is out of date lists again; one that fails again says so."""
    table = DeltaSignal(tmp_path, "rollup_logs", create=True)
    reader = DeltaSignal(tmp_path, "rollup_logs")
    table.commit(a_file(table))
    update, failures = reader._table.update_incremental, [DeltaError("gone")]

    def failing() -> None:
        if failures:
            raise failures.pop()
        update()

    monkeypatch.setattr(reader._table, "update_incremental", failing)
    reader.refresh()
    assert reader.files() == table.files()
    failures += [DeltaError("gone"), DeltaError("gone")]
    with pytest.raises(StoreError, match="cannot be read"):
        reader.refresh()
