"""Rollup documents in a real Elasticsearch: replaced at once, read whole, added up over minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from causeway import records
from causeway.stores.elasticsearch import capabilities, rollup_documents, templates
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.window import DAY_NS, MINUTE_NS, Window
from tests.servers.elasticsearch import Cluster
from tests.stores.elasticsearch.namespaces import namespace

MIDNIGHT_NS = 1_764_028_800_000_000_000
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
