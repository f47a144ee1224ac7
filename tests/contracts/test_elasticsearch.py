"""Elasticsearch keeps the store contract: spans, logs and events alone, samples only beside another server."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from causeway import records
from causeway.errors import UnsupportedQuery
from causeway.stores.combined import CombinedReader
from causeway.stores.contract import Batch, SampleFilter, Store
from causeway.stores.elasticsearch.store import WRITTEN, ElasticsearchStore
from causeway.stores.prometheus.sink import READS
from causeway.stores.prometheus.store import PrometheusStore
from causeway.window import MINUTE_NS
from tests.contracts.samples_only import samples_store
from tests.contracts.store_contract import SHOP, WINDOW, StoreContract, sent
from tests.servers.elasticsearch import Cluster
from tests.servers.victoriametrics import victoria_metrics
from tests.small_store import shop_batch
from tests.stores.elasticsearch.namespaces import namespace


class RecordsStore(ElasticsearchStore):
    """What a collector delivers to Elasticsearch of each batch."""

    def add(self, batch: Batch) -> None:
        super().add(Batch({name: table for name, table in batch.tables.items() if name in WRITTEN}))


@pytest.fixture(scope="module")
def records_store(elasticsearch: Cluster) -> Iterator[RecordsStore]:
    """A store that holds the small shop. Tests may add to it outside of the shop's window."""
    with namespace(elasticsearch) as settings:
        store = RecordsStore(settings)
        store.add(shop_batch(SHOP))
        store.flush()
        yield store
        store.close()


@pytest.fixture(scope="module")
def samples_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A VictoriaMetrics for the samples."""
    with victoria_metrics(tmp_path_factory.mktemp("victoriametrics")) as server:
        yield server.url


class TestElasticsearch(StoreContract):
    """Everything but samples, which are refused with the name of the setting that is missing."""

    @pytest.fixture
    def store(self, records_store: RecordsStore) -> Store:
        return records_store

    def test_gives_samples_by_series(self, store: Store) -> None:
        """Elasticsearch keeps no samples."""
        _refused(store)

    def test_samples_read_back_as_sent(self, store: Store) -> None:
        """Elasticsearch keeps no samples."""
        _refused(store)

    def test_sample_windows_are_half_open(self, store: Store) -> None:
        """Elasticsearch keeps no samples."""
        _refused(store)

    def test_histograms_read_back_as_sent(self, store: Store) -> None:
        """Elasticsearch keeps no samples."""
        _refused(store)

    def test_an_empty_window_is_an_empty_answer(self, store: Store) -> None:
        """Nothing there is a table with the right columns and no rows."""
        nowhere = WINDOW.shifted(-1000 * MINUTE_NS)
        assert store.spans(nowhere).table.schema.names == records.SPANS.names
        assert store.spans(nowhere).table.num_rows == store.logs(nowhere).table.num_rows == 0
        assert store.traces(nowhere).table.num_rows == store.edges(nowhere).num_rows == 0
        assert store.calls(nowhere).num_rows == store.instance_calls(nowhere, step_ns=MINUTE_NS).num_rows == 0
        assert store.events(nowhere).table.num_rows == store.log_counts(nowhere).num_rows == 0


class TestElasticsearchWithSamples(StoreContract):
    """Nothing is opted out of where VictoriaMetrics holds the samples."""

    value_tolerance = 1e-11  # as for VictoriaMetrics alone

    @pytest.fixture
    def store(self, records_store: RecordsStore, samples_url: str) -> Iterator[Store]:
        """Records as they are; samples under a label of this test's own."""
        with samples_store(samples_url) as samples:
            yield BothStore(records_store, samples)

    def test_exemplars_lie_beside_the_spans(self, store: Store) -> None:
        """They are kept with the records, once, and found by what the samples know of their series."""
        series = sent("series")
        rows = [
            {"series_id": series_id, "time_ns": WINDOW.start_ns + place, "value": place / 4, "trace_id": b"\1" * 16}
            | {"span_id": b"\2" * 8, "attributes": [("key", "汉字")]}
            for place, series_id in enumerate(sorted(series["series_id"].to_pylist())[:4])
        ]
        batch = Batch({"exemplars": pa.Table.from_pylist(rows, schema=records.EXEMPLARS)})
        for _ in range(2):
            store.add(batch)
            store.flush()
        assert store.exemplars(WINDOW).to_pylist() == rows
        names = {row["series_id"]: row["name"] for row in series.to_pylist()}
        wanted = names[rows[0]["series_id"]]
        found = store.exemplars(WINDOW, SampleFilter(names=[wanted])).to_pylist()
        assert found == [row for row in rows if names[row["series_id"]] == wanted]
        assert store.exemplars(WINDOW.shifted(-10 * MINUTE_NS)).num_rows == 0


class BothStore(CombinedReader):
    """Writes each table where a collector delivers it to."""

    def __init__(self, records: ElasticsearchStore, samples: PrometheusStore) -> None:
        super().__init__(records, samples)
        self._stores = ((records, WRITTEN), (samples, READS))

    def add(self, batch: Batch) -> None:
        for store, names in self._stores:
            store.add(Batch({name: table for name, table in batch.tables.items() if name in names}))

    def flush(self) -> None:
        for store, _ in self._stores:
            store.flush()


def _refused(store: Store) -> None:
    assert not store.capabilities().samples
    for ask in (
        lambda: store.samples(WINDOW, SampleFilter(names=["cpu"])),
        lambda: store.histograms(WINDOW),
        lambda: store.exemplars(WINDOW),
        store.series,
    ):
        with pytest.raises(UnsupportedQuery, match="CAUSEWAY_SAMPLES"):
            ask()
