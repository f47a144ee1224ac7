"""A store that was written before some tables and columns were there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from causeway import records
from causeway.stores.embedded.reader import EmbeddedReader
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import MINUTE_NS, Window
from tests.contracts.store_contract import SHOP, WINDOW, edges_by_hand
from tests.small_store import shop_batch

NEW_TABLES = ("rollup_calls", "rollup_instance_calls")
OLD_COLUMNS = {
    "spans": [name for name in records.SPANS.names if name != "adjusted_count_milli"],
    "rollup_edges": records.EDGES.names[: records.EDGES.names.index("estimated_milli")],
    "rollup_coverage": ["slot_ns", "service", "spans", "roots", "linked", "skewed"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small shop as it was written before."""
    store = EmbeddedStore(tmp_path)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    for name in NEW_TABLES:
        shutil.rmtree(tmp_path / name)
    for name, columns in OLD_COLUMNS.items():
        for path in (tmp_path / name).glob("day=*/*.parquet"):
            pq.write_table(pq.ParquetFile(path).read(columns), path, store_schema=False)
        _forget(tmp_path / name / "_delta_log", {*columns, "day"})
    return tmp_path


def _forget(log: Path, columns: set[str]) -> None:
    """Take all other columns out of the schema in the table's log."""
    first = min(log.glob("*.json"))
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            schema = json.loads(line["metaData"]["schemaString"])
            schema["fields"] = [field for field in schema["fields"] if field["name"] in columns]
            line["metaData"]["schemaString"] = json.dumps(schema)
    first.write_text("\n".join(map(json.dumps, lines)) + "\n")
    for checkpoint in log.glob("*checkpoint*"):
        checkpoint.unlink()


def test_reading_finds_no_more_than_was_written(folder: Path) -> None:
    """Tables that are not there are empty, columns that are not there null or 0."""
    reader = EmbeddedReader(folder)
    assert reader.calls(WINDOW).num_rows == reader.instance_calls(WINDOW, step_ns=MINUTE_NS).num_rows == 0
    assert reader.calls(WINDOW).schema.names == [name for name in records.CALLS.names if name != "slot_ns"]
    edges, coverage = reader.edges(WINDOW), reader.coverage(WINDOW)
    assert pc.sum(edges["calls"]).as_py() > 0
    assert edges["estimated_milli"].unique().to_pylist() == coverage["clients"].unique().to_pylist() == [0]
    spans = reader.spans(WINDOW, limit=None).table
    assert spans.num_rows and spans["adjusted_count_milli"].null_count == spans.num_rows
    assert reader.trace(spans["trace_id"][0].as_py()).num_rows > 1
    assert reader.status().table("rollup_calls").rows == 0
    reader.close()


def test_writing_goes_on(folder: Path) -> None:
    """What is stored is not stored again; what is new is counted in full beside what is old; merging keeps both."""
    later = shop_batch(SHOP).tables["spans"]
    place = later.schema.get_field_index("start_ns")
    later = later.set_column(place, "start_ns", pc.add(later["start_ns"], 30 * MINUTE_NS))
    ids = later.schema.get_field_index("trace_id")
    later = later.set_column(ids, "trace_id", pc.binary_reverse(later["trace_id"]))
    wide = Window(WINDOW.start_ns, WINDOW.end_ns + 60 * MINUTE_NS)
    store = EmbeddedStore(folder)
    old = store.status().table("spans").rows
    store.add(shop_batch(SHOP))
    store.add(type(shop_batch(SHOP))({"spans": later}))
    store.flush()
    assert store.status().table("spans").rows == old + later.num_rows
    calls = sum(edges_by_hand(later).values())
    for _ in range(2):
        edges = store.edges(wide)
        assert pc.sum(edges["estimated_milli"]).as_py() == calls * 1000
        assert pc.sum(edges["calls"]).as_py() == calls + sum(edges_by_hand(shop_batch(SHOP).tables["spans"]).values())
        assert pc.sum(store.calls(wide)["calls"]).as_py() == calls
        assert store.spans(wide, limit=None).table.num_rows == old + later.num_rows
        store.journal.maintenance.settle()
        store.expire_listing()
    store.close()
