"""A reader of records and a reader of samples together keep the whole store contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from causeway.errors import StoreError, UnsupportedQuery
from causeway.stores.combined import CombinedReader
from causeway.stores.contract import Batch, SampleFilter, Store, StoreStatus
from causeway.stores.embedded.store import EmbeddedStore
from causeway.stores.prometheus.store import PrometheusStore
from tests.contracts.samples_only import HELD, samples_store
from tests.contracts.store_contract import SHOP, WINDOW, StoreContract, histogram_batch
from tests.servers.prometheus import prometheus
from tests.small_store import shop_batch
from tests.table_store import TableStore


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server.url


class Both(CombinedReader):
    """Writes records to one store and samples to the other, as the drains of a collector do."""

    def __init__(self, records: EmbeddedStore, samples: PrometheusStore) -> None:
        super().__init__(records, samples)
        self._stores = (records, samples)

    def add(self, batch: Batch) -> None:
        records, samples = self._stores
        records.add(Batch({name: table for name, table in batch.tables.items() if name not in {"samples", "series"}}))
        samples.add(Batch({name: table for name, table in batch.tables.items() if name in (*HELD, "histograms")}))

    def flush(self) -> None:
        for store in self._stores:
            store.flush()

    def status(self) -> StoreStatus:
        """As ever, with the samples counted by reading them: Prometheus does not count."""
        status = super().status()
        rows = self.samples(WINDOW).num_rows
        tables = [type(table)(table.name, rows, 0, 0, None, None) for table in status.tables if table.name == "samples"]
        others = [table for table in status.tables if table.name != "samples"]
        return StoreStatus(status.kind, status.location, (*others, *tables), status.problems)


class TestCombined(StoreContract):
    """Nothing is opted out of."""

    @pytest.fixture
    def store(self, tmp_path: Path, url: str) -> Iterator[Store]:
        """An embedded store that holds no samples, and a Prometheus that holds nothing else."""
        records = EmbeddedStore(tmp_path)
        tables = shop_batch(SHOP).tables
        records.add(Batch({name: table for name, table in tables.items() if name not in {"samples", "series"}}))
        records.flush()
        with samples_store(url) as samples:
            yield Both(records, samples)
            records.close()


class _Broken(TableStore):
    """Cannot be reached."""

    def status(self) -> StoreStatus:
        raise StoreError("cannot reach http://nowhere: refused")


class _NoPoints(TableStore):
    """Holds no points, as a store of traces."""

    def histograms(self, window: object, where: SampleFilter | None = None) -> pa.Table:  # noqa: ARG002
        raise UnsupportedQuery("no histograms here")


def test_points_of_a_series_that_both_hold_come_from_the_records() -> None:
    """A point that both stores have is given once, as the store of records keeps it; others of both are given."""
    mine = histogram_batch(WINDOW.start_ns).tables
    rows = mine["histograms"].to_pylist()
    rounded = pa.Table.from_pylist(
        [rows[0] | {"min": None}, rows[2] | {"series_id": 7}], schema=mine["histograms"].schema
    )
    both = CombinedReader(TableStore(mine), TableStore({"histograms": rounded}))
    found = both.histograms(WINDOW).to_pylist()
    assert [row for row in found if row["series_id"] != 7] == sorted(
        rows, key=lambda row: (row["series_id"], row["time_ns"])
    )
    assert [row["count"] for row in found if row["series_id"] == 7] == [rows[2]["count"]]


def test_what_one_store_cannot_answer_the_other_does() -> None:
    """A refusal of one is no refusal of both; where both refuse, so does the whole."""
    tables = histogram_batch(WINDOW.start_ns).tables
    assert CombinedReader(_NoPoints(), TableStore(tables)).histograms(WINDOW).num_rows == 5
    assert CombinedReader(TableStore(tables), _NoPoints()).histograms(WINDOW).num_rows == 5
    with pytest.raises(UnsupportedQuery, match="no histograms here"):
        CombinedReader(_NoPoints(), _NoPoints()).histograms(WINDOW)


def test_samples_that_cannot_be_reached_are_a_problem_of_the_status() -> None:
    """The footer of the pages shows the store of records, and says what is wrong with the other."""
    status = CombinedReader(TableStore(), _Broken()).status()
    assert status.problems == ("cannot reach http://nowhere: refused",)
    assert status.kind == "tables"


def test_services_are_those_of_both() -> None:
    """A service that sends only metrics is named beside those that send spans."""
    shop = shop_batch(SHOP).tables
    samples = {name: shop[name] for name in ("series", "samples")}
    logs = shop["logs"].set_column(2, "service", pa.array(["billing"] * shop["logs"].num_rows))
    both = CombinedReader(TableStore({"logs": logs}), TableStore(samples))
    assert both.services(WINDOW) == ["billing", "cart", "frontend", "payment", "shipping"]
