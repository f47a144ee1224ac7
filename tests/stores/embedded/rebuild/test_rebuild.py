"""Rollups made anew from stored records are those made at intake, row for row; what differs is found and put right."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from causeway import records
from causeway.errors import ConfigError, StoreError
from causeway.stores.embedded import parquet
from causeway.stores.embedded.maintenance import Maintenance, MaintenanceConfig
from causeway.stores.embedded.rebuild import commands
from causeway.stores.embedded.rebuild.build import ROLLUPS, SPAN_ROLLUPS
from causeway.stores.embedded.rebuild.rebuild import Checked, check, look, rebuild
from causeway.stores.embedded.writer import TableWriter
from causeway.stores.journal.journal import own
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.stores.linking.random_spans import START_NS, random_spans

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of random spans and some logs, written in five flushes."""
    fill(tmp_path / "store", seed=3, flushes=5)
    return tmp_path / "store"


def fill(folder: Path, *, seed: int, flushes: int, traces: int = 60) -> None:
    """Spans in no order, and logs, in so many flushes."""
    spans, logs = _complete(random_spans(seed, traces=traces), records.SPANS), _logs(200)
    writer = TableWriter(folder)
    for flush in range(flushes):
        parts = {"spans": spans, "logs": logs}
        batch = {name: table.take(np.arange(flush, table.num_rows, flushes)) for name, table in parts.items()}
        writer.flush([batch], log_position=flush + 1)


def checked(folder: Path, window: Window | None = None) -> Checked:
    return check(folder, window, advance=_ignore)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_intake_makes_what_the_records_make(tmp_path_factory: pytest.TempPathFactory, seed: int, flushes: int) -> None:
    """Every rollup table, whatever the spans and however they were grouped."""
    place = tmp_path_factory.mktemp("store")
    fill(place, seed=seed, flushes=flushes, traces=25)
    found = checked(place)
    assert [difference for difference in found.differences if difference.rows] == []
    assert {difference.table for difference in found.differences} == set(ROLLUPS)
    assert all(found.made.rows[name] for name in ("rollup_edges", "rollup_operations", "rollup_logs"))


def test_what_is_wrong_is_named_and_put_right(folder: Path) -> None:
    """A call too many, and a table whose rows are gone: `check` tells both, `rebuild` ends both."""
    tables = TableWriter(folder).tables
    row = parquet.read(tables["rollup_edges"], tables["rollup_edges"].files()).slice(0, 1)
    one = row.set_column(row.schema.get_field_index("calls"), "calls", pa.array([1], pa.int64()))
    for measure in (
        "errors",
        "duration_ns_sum",
        "gap_calls",
        "gap_ns_sum",
        "estimated_milli",
        "lag_calls",
        "lag_ns_sum",
    ):
        one = one.set_column(one.schema.get_field_index(measure), measure, pa.array([0], pa.int64()))
    tables["rollup_edges"].commit(parquet.write(tables["rollup_edges"], one, compacted=False, level=1))
    tables["rollup_instances"].commit([], tables["rollup_instances"].files())
    wrong = {difference.table: difference for difference in checked(folder).differences if difference.rows}
    assert set(wrong) == {"rollup_edges", "rollup_instances"}
    edges = wrong["rollup_edges"]
    assert (edges.rows, edges.sums["calls"], edges.sums["errors"]) == (1, 1, 0)
    assert edges.examples[0]["caller"] == row["caller"][0].as_py()
    assert edges.window == Window(row["slot_ns"][0].as_py(), row["slot_ns"][0].as_py() + records.ROLLUP_STEP_NS)
    assert wrong["rollup_instances"].sums["spans"] == -_spans(folder)
    made = rebuild(folder, advance=_ignore)
    assert made.records["spans"] == _spans(folder)
    assert checked(folder).identical


def test_only_the_window_is_touched(folder: Path) -> None:
    """Rollups of other minutes stay even where they are wrong; a window of parts of minutes is cut to whole ones."""
    tables = TableWriter(folder).tables
    for name in SPAN_ROLLUPS:
        tables[name].commit([], tables[name].files())
    minute = Window(START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS)
    made = rebuild(folder, Window(minute.start_ns - SECOND_NS, minute.end_ns + SECOND_NS), advance=_ignore)
    assert made.windows["spans"] == minute
    assert checked(folder, minute).identical
    assert not checked(folder, minute.shifted(MINUTE_NS)).identical
    rebuild(folder, minute.shifted(MINUTE_NS), advance=_ignore)
    assert checked(folder, Window(minute.start_ns, minute.end_ns + MINUTE_NS)).identical
    with pytest.raises(ConfigError, match="no whole minute"):
        rebuild(folder, Window(START_NS + 1, START_NS + MINUTE_NS - 1), advance=_ignore)


def test_compacted_files_are_cut(folder: Path) -> None:
    """A file of rollups that reaches beyond the window keeps its other rows."""
    writer = TableWriter(folder)
    Maintenance(writer, MaintenanceConfig()).settle()
    assert len(writer.tables["rollup_edges"].files()) == 1
    minute = Window(START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS)
    rebuild(folder, minute, advance=_ignore)
    assert checked(folder).identical


def test_rollups_outlive_expired_records(folder: Path) -> None:
    """Where spans may have been dropped by retention rollups are left alone, unless the window is said."""
    tables = TableWriter(folder).tables
    old = tables["rollup_coverage"]
    earlier = parquet.read(old, old.files())
    slots = pa.array(earlier["slot_ns"].to_numpy() - 10 * MINUTE_NS)
    old.commit(parquet.write(old, earlier.set_column(0, "slot_ns", slots), compacted=False, level=1))
    made = rebuild(folder, advance=_ignore)
    last = min(file.last_ns for file in tables["spans"].files())
    assert made.windows["spans"].start_ns == -(-last // MINUTE_NS) * MINUTE_NS
    assert not checked(folder, Window(START_NS - 20 * MINUTE_NS, START_NS + 60 * MINUTE_NS)).identical
    assert checked(folder).identical


def test_files_written_before_a_column_was_added_are_read(folder: Path) -> None:
    """What a file does not have counts as null."""
    for file in TableWriter(folder).tables["spans"].files():
        table = pq.ParquetFile(file.path).read()
        pq.write_table(table.drop_columns(["adjusted_count_milli", "protocol"]), file.path, store_schema=False)
    found = {difference.table: difference.rows for difference in checked(folder).differences}
    assert found["rollup_operations"] == 0
    assert found["rollup_edges"] > 0


def test_a_running_collector_is_not_disturbed(folder: Path) -> None:
    """While another holds the store, `rebuild` refuses and `check` goes on."""
    lock = own(folder)
    try:
        with pytest.raises(StoreError, match="is writing the store"):
            rebuild(folder, advance=_ignore)
        assert checked(folder).identical
    finally:
        os.close(lock)


def test_a_flush_that_was_cut_off_is_no_base(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollups whose spans were not committed cannot be judged."""
    monkeypatch.setattr("causeway.stores.embedded.rebuild.rebuild._WAIT_S", 0.0)
    edges = TableWriter(folder).tables["rollup_edges"]
    edges.commit([], log_position=99)
    with pytest.raises(StoreError, match="was not finished"):
        checked(folder)


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    commands.register(made)
    return made


def test_the_command_tells_and_exits(folder: Path, app: typer.Typer) -> None:
    """--check exits 1 when something differs, names it in both languages and as JSON; after a rebuild it exits 0."""
    instances = TableWriter(folder).tables["rollup_instances"]
    instances.commit([], instances.files())
    bad = RUN.invoke(app, ["rebuild", "--data", str(folder), "--check"])
    assert bad.exit_code == 1
    assert "rollup_instances: " in bad.stdout
    assert "stored is off by" in bad.stdout
    document = json.loads(RUN.invoke(app, ["rebuild", "--data", str(folder), "--check", "--format", "json"]).stdout)
    tables = {table["table"]: table["different"] for table in document["tables"]}
    assert document["identical"] is False
    assert [name for name, different in tables.items() if different] == ["rollup_instances"]
    assert RUN.invoke(app, ["rebuild", "--data", str(folder)]).exit_code == 0
    good = RUN.invoke(app, ["rebuild", "--data", str(folder), "--check", "--lang", "zh-CN"])
    assert good.exit_code == 0
    assert "存储的汇总与记录一致" in good.stdout


def test_an_empty_store_is_left_alone(tmp_path: Path, app: typer.Typer) -> None:
    """Nothing to read is said, and is no difference."""
    TableWriter(tmp_path)
    done = RUN.invoke(app, ["rebuild", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert "holds no spans or logs" in done.stdout


def _spans(folder: Path) -> int:
    return sum(file.rows for file in look(folder).files["spans"])


def _ignore(rows: int) -> None:
    assert rows >= 0


def _complete(table: pa.Table, schema: pa.Schema) -> pa.Table:
    for place, field in enumerate(schema):
        if field.name not in table.column_names:
            table = table.add_column(place, field, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names).cast(schema)


def _logs(count: int) -> pa.Table:
    rows = [
        {
            "time_ns": START_NS + place * SECOND_NS,
            "service": ("web", None)[place % 2],
            "severity": ("INFO", "ERROR")[place // 2 % 2],
            "template_id": place % 3 or None,
            "ordinal": place,
        }
        for place in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=records.LOGS)
