"""The way into the store: exactly once through failures, restarts and clean-up."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest

from causeway.errors import QueueFull, StoreError
from causeway.stores.contract import Batch
from causeway.stores.embedded import journal as journal_module
from causeway.stores.embedded.delta import DeltaSignal
from causeway.stores.embedded.journal import EmbeddedConfig
from causeway.stores.embedded.maintenance import MaintenanceConfig, Retention
from causeway.stores.embedded.store import EmbeddedStore
from causeway.stores.embedded.writer import COMMIT_ORDER, TableWriter
from causeway.window import DAY_NS
from tests.contracts.store_contract import SHOP, WINDOW, edges_by_hand
from tests.small_store import Shop, shop_batch

ALL = shop_batch(SHOP)
LAZY = EmbeddedConfig(flush_age_s=3600)


def _state(store: EmbeddedStore) -> dict[str, object]:
    """What must be the same however often something failed."""
    edges = store.edges(WINDOW).group_by(["caller", "callee"]).aggregate([("calls", "sum")]).to_pylist()
    counts = {name: store.status().table(name).rows for name in ("spans", "logs", "samples", "events")}
    return {**counts, "edges": {(row["caller"], row["callee"]): row["calls_sum"] for row in edges if row["calls_sum"]}}


def _wanted() -> dict[str, object]:
    counts = {name: ALL.tables[name].num_rows for name in ("spans", "logs", "samples", "events")}
    return {**counts, "edges": edges_by_hand(ALL.tables["spans"])}


@pytest.mark.parametrize("table", COMMIT_ORDER)
def test_a_crash_between_any_two_commits_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """The process ends before it commits this table of a flush: the next one stores the rest, and nothing twice."""

    class Crash(BaseException):
        """Nothing of ours catches it."""

    commit = DeltaSignal.commit

    def crash(self: DeltaSignal, *args: object, **kwargs: object) -> None:
        if self.name == table:
            raise Crash
        commit(self, *args, **kwargs)  # type: ignore[arg-type]

    store = EmbeddedStore(tmp_path, config=LAZY)
    store.add(ALL)
    log_position = store.journal._wal.end
    # The journal's thread holds the records in memory: what a crash loses. The flush is made here, half of it.
    writer = TableWriter(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(DeltaSignal, "commit", crash)
        if table in {name for name in COMMIT_ORDER if name in ALL.tables or name.startswith("rollup_")}:
            try:
                writer.flush([ALL.tables], log_position=log_position)
            except Crash:
                crashed = True
            else:
                crashed = False
            assert crashed or table not in ALL.tables
    _abandon(store)

    again = EmbeddedStore(tmp_path, config=LAZY)
    again.flush()
    assert _state(again) == _wanted()
    again.close()


def _abandon(store: EmbeddedStore) -> None:
    """Let go of a store as a killed process does: nothing is flushed."""
    store.journal.maintenance.stop()
    store.journal.drains["tables"].forget_memory()
    store.journal.close()
    store._duck.close()


def test_a_failing_disk_delays_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While commits fail the journal says so and tries again; then everything is there once."""
    commit, failures = DeltaSignal.commit, iter(range(3))

    def fail_at_first(self: DeltaSignal, *args: object, **kwargs: object) -> None:
        if self.name == "rollup_operations" and next(failures, None) is not None:
            raise StoreError("no space left on device")
        commit(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(DeltaSignal, "commit", fail_at_first)
    store = EmbeddedStore(tmp_path, config=LAZY)
    store.add(ALL)
    store.flush()
    assert next(failures, None) is None
    assert _state(store) == _wanted()
    store.close()


def test_a_full_buffer_refuses_and_keeps_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound QueueFull is raised before anything is written to the log."""
    config = EmbeddedConfig(flush_age_s=3600, buffer_bytes_max=10, room_wait_s=0.05)
    store = EmbeddedStore(tmp_path, config=config)
    spans = ALL.tables["spans"]
    store.add(Batch({"spans": spans.slice(0, 10)}))
    end = store.journal._wal.end
    with pytest.raises(QueueFull):
        store.add(Batch({"spans": spans.slice(10)}))
    assert store.journal._wal.end == end
    store.flush()
    assert store.status().table("spans").rows == 10
    store.close()


def test_one_process_writes(tmp_path: Path) -> None:
    """A second writer is refused with the process that holds the store."""
    store = EmbeddedStore(tmp_path)
    with pytest.raises(StoreError, match="is writing the store"):
        EmbeddedStore(tmp_path)
    store.close()
    EmbeddedStore(tmp_path).close()


def test_old_records_expire_by_signal(tmp_path: Path) -> None:
    """Spans beyond their days go, rollups stay; what is younger stays."""
    now_ns = time.time_ns()
    old, young = Shop(start_ns=now_ns - 9 * DAY_NS, minutes=2), Shop(start_ns=now_ns - DAY_NS, minutes=2, seed=8)
    config = EmbeddedConfig(maintenance=MaintenanceConfig(retention=Retention(spans=7)))
    store = EmbeddedStore(tmp_path, config=config)
    for shop in (old, young):
        store.add(shop_batch(shop))
        store.flush()
    store.journal.maintenance.expire(now_ns)
    store.expire_listing()
    assert store.spans(old.window).table.num_rows == 0
    assert store.edges(old.window).num_rows > 0
    assert store.spans(young.window, limit=None).table.num_rows == shop_batch(young).tables["spans"].num_rows
    store.close()


def test_readers_see_files_taken_out_until_the_grace_ends(tmp_path: Path) -> None:
    """A compacted file stays on disk for those who have it open; a reader never sees a row twice."""
    store = EmbeddedStore(tmp_path)
    spans = ALL.tables["spans"]
    for part in range(4):
        store.add(Batch({"spans": spans.slice(part * 100, 100)}))
        store.flush()
    before = {file.path for file in store.journal.writer.tables["spans"].files()}
    store.journal.maintenance.settle()
    store.expire_listing()
    live = {file.path for file in store.journal.writer.tables["spans"].files()}
    assert not before & live
    assert all(Path(path).exists() for path in before)
    assert store.status().table("spans").rows == 400
    store.close()


def test_plain_tools_read_the_tables(tmp_path: Path) -> None:
    """deltalake, polars and pandas give the rows of the documented schema without us."""
    import deltalake
    import polars as pl

    store = EmbeddedStore(tmp_path)
    store.add(ALL)
    store.flush()
    wanted = ALL.tables["spans"].num_rows
    assert pa.table(deltalake.DeltaTable(str(tmp_path / "spans")).scan().read_all()).num_rows == wanted
    assert pl.read_delta(str(tmp_path / "spans")).height == wanted
    assert len(deltalake.DeltaTable(str(tmp_path / "spans")).to_pandas()) == wanted
    store.close()


def test_the_default_configuration_is_bounded() -> None:
    """Every bound of the way in is a positive number."""
    config = journal_module.EmbeddedConfig()
    assert 0 < config.flush_bytes <= config.buffer_bytes_max
    assert config.flush_age_s < 10
