"""Rollup documents in a real Elasticsearch: replaced at once, read whole, added up over minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from causeway import records
from causeway.stores.elasticsearch import capabilities, rollup_documents, templates
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.reader import ElasticsearchReader
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.stores.linking.linker import Linker
from causeway.window import DAY_NS, MINUTE_NS, Window
from tests.contracts.store_contract import edges_by_hand
from tests.servers.elasticsearch import Cluster
from tests.small_store import Shop, shop_batch
from tests.stores.elasticsearch.namespaces import namespace

MIDNIGHT_NS = 1_764_028_800_000_000_000
# What documents held before there were rollups of calls.
OLD_COLUMNS = {
    "rollup_operations": records.OPERATIONS.names,
    "rollup_instances": records.INSTANCES.names,
    "rollup_edges": records.EDGES.names[: records.EDGES.names.index("estimated_milli")],
    "rollup_coverage": ["slot_ns", "service", "spans", "roots", "linked", "skewed"],
}
WHOLE = Window(MIDNIGHT_NS - DAY_NS, MIDNIGHT_NS + DAY_NS)


@pytest.fixture(scope="module")
def rollups(elasticsearch: Cluster) -> Iterator[RollupDocuments]:
    """The rollups of a namespace with its templates. Each test uses minutes of its own."""
    with namespace(elasticsearch) as settings:
        client = connect(settings)
        templates.install(client, settings, capabilities.ask(client))
        yield RollupDocuments(client, Names(settings.namespace))
        client.close()


def coverage(*rows: tuple[int, int]) -> dict[str, pa.Table]:
    """(slot, spans) as rows of the coverage of one service."""
    columns = [{"slot_ns": slot, "service": "s", "spans": n, "roots": 0, "linked": 0, "skewed": 0} for slot, n in rows]
    return {"rollup_coverage": pa.Table.from_pylist(columns, schema=records.COVERAGE)}


def spans_in(rollups: RollupDocuments, window: Window) -> list[tuple[int, int]]:
    rows = rollups.read("rollup_coverage", window).to_pylist()
    return sorted((row["slot_ns"], row["spans"]) for row in rows)


def test_the_latest_computation_wins(rollups: RollupDocuments) -> None:
    """A minute computed again replaces the whole document; one computed before it changes nothing."""
    minute = MIDNIGHT_NS
    window = Window(minute, minute + MINUTE_NS)
    assert rollups.write_minute(minute, coverage((minute, 3)), spans=3, computed_ns=10)
    rollups.refresh()
    assert spans_in(rollups, window) == [(minute, 3)]
    assert rollups.write_minute(minute, coverage((minute, 5)), spans=5, computed_ns=20)
    assert not rollups.write_minute(minute, coverage((minute, 4)), spans=4, computed_ns=15)
    rollups.refresh()
    assert spans_in(rollups, window) == [(minute, 5)]
    assert rollups.read_counts(window) == {minute: (5, 20)}


def test_corrections_lie_in_other_slots(rollups: RollupDocuments) -> None:
    """Rows of a minute for slots of the day before are found in the window of those slots."""
    minute, before = MIDNIGHT_NS + 10 * MINUTE_NS, MIDNIGHT_NS - 2 * MINUTE_NS
    rollups.write_minute(minute, coverage((minute, 2), (before, -1)), spans=2, computed_ns=1)
    rollups.refresh()
    assert spans_in(rollups, Window(before, before + MINUTE_NS)) == [(before, -1)]
    assert spans_in(rollups, Window(minute, minute + MINUTE_NS)) == [(minute, 2)]


def test_counts_are_seen_before_a_refresh(rollups: RollupDocuments) -> None:
    """What was written is in counts, versions and tables at once, whether days or minutes are asked for."""
    minute = MIDNIGHT_NS - 20 * MINUTE_NS
    rollups.write_minute(minute, coverage((minute, 7)) | {"watch": pa.table({"a": [1]})}, spans=7, computed_ns=9)
    assert rollups.read_counts(Window(minute, minute + 5 * MINUTE_NS)) == {minute: (7, 9)}
    assert rollups.versions([minute, minute + MINUTE_NS]) == {minute: 9}
    assert rollups.tables_of([minute, minute + MINUTE_NS], "watch")[minute].to_pydict() == {"a": [1]}
    rollups.refresh()
    assert rollups.read_counts(WHOLE)[minute] == (7, 9)


def test_many_minutes_over_pages(rollups: RollupDocuments, monkeypatch: pytest.MonkeyPatch) -> None:
    """More minutes than one answer holds, some of them empty, are all there, also with little memory to keep them."""
    monkeypatch.setattr(rollup_documents, "PAGE_DOCUMENTS", 7)
    monkeypatch.setattr(rollup_documents, "FETCHED_AT_ONCE", 5)
    first = MIDNIGHT_NS + 100 * MINUTE_NS
    minutes = [first + place * MINUTE_NS for place in range(30)]
    for place, minute in enumerate(minutes):
        rollups.write_minute(minute, coverage((minute, place)) if place else {}, spans=place, computed_ns=1)
    rollups.refresh()
    small = RollupDocuments(rollups._client, rollups._names, kept_bytes_max=1)
    wanted = [(minute, place) for place, minute in enumerate(minutes) if place]
    for _ in range(2):
        assert spans_in(small, Window(first, minutes[-1] + MINUTE_NS)) == wanted
        assert spans_in(rollups, Window(first, minutes[-1] + MINUTE_NS)) == wanted


def test_no_documents_yet(elasticsearch: Cluster) -> None:
    """A namespace that has no rollups is empty, not wrong."""
    with namespace(elasticsearch) as settings:
        client = connect(settings)
        found = RollupDocuments(client, Names(settings.namespace))
        assert found.read("rollup_edges", WHOLE).schema == records.EDGES
        assert found.read_counts(WHOLE) == found.read_counts(Window(0, MINUTE_NS)) == {}
        client.close()


def test_minutes_computed_before_some_tables_and_columns_were_there(elasticsearch: Cluster) -> None:
    """Tables that are not in a document have no rows, columns that are not sum to 0; beside them newer minutes count.

    A minute that is computed again is there in full.
    """
    minute = MIDNIGHT_NS
    spans = shop_batch(Shop(minutes=2, traces_per_minute=5, start_ns=minute)).tables["spans"]
    linker = Linker()
    linker.add(spans)
    full = linker.take()
    old = {name: full[name].select(columns) for name, columns in OLD_COLUMNS.items()}
    window, calls = Window(minute, minute + 2 * MINUTE_NS), sum(edges_by_hand(spans).values())
    with namespace(elasticsearch) as settings:
        reader = ElasticsearchReader(settings)
        templates.install(reader.client, settings, capabilities.ask(reader.client))
        reader.rollups.write_minute(minute, old, spans=spans.num_rows, computed_ns=1)
        reader.rollups.refresh()
        edges, coverage = reader.edges(window), reader.coverage(window, step_ns=MINUTE_NS)
        assert pc.sum(edges["calls"]).as_py() == calls
        assert edges["estimated_milli"].unique().to_pylist() == coverage["clients"].unique().to_pylist() == [0]
        assert pc.sum(coverage["spans"]).as_py() == spans.num_rows
        assert reader.calls(window).num_rows == reader.instance_calls(window, step_ns=MINUTE_NS).num_rows == 0
        reader.rollups.write_minute(minute + DAY_NS, _later(full, DAY_NS), spans=spans.num_rows, computed_ns=1)
        reader.rollups.refresh()
        both = Window(window.start_ns, window.end_ns + DAY_NS)
        assert pc.sum(reader.edges(both)["calls"]).as_py() == 2 * calls
        assert pc.sum(reader.edges(both)["estimated_milli"]).as_py() == calls * 1000
        assert pc.sum(reader.calls(both)["calls"]).as_py() == calls
        reader.rollups.write_minute(minute, full, spans=spans.num_rows, computed_ns=2)
        reader.rollups.refresh()
        assert pc.sum(reader.calls(both)["calls"]).as_py() == 2 * calls
        assert pc.sum(reader.edges(both)["estimated_milli"]).as_py() == 2 * calls * 1000
        reader.close()


def _later(tables: dict[str, pa.Table], by_ns: int) -> dict[str, pa.Table]:
    return {
        name: table.set_column(0, table.schema.field("slot_ns"), pc.add(table["slot_ns"], by_ns))
        for name, table in tables.items()
    }
