"""The store contract for a store of samples: what is about samples unchanged, the rest refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pyarrow as pa
import pytest

from causeway.errors import StoreError, UnsupportedQuery
from causeway.stores.contract import Batch, LogFilter, Store
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.stores.prometheus.store import PrometheusStore
from causeway.window import MINUTE_NS
from tests.contracts.store_contract import SHOP, WINDOW, StoreContract, sent
from tests.small_store import shop_batch

HELD = ("series", "samples", "resources")


@contextmanager
def samples_store(url: str) -> Iterator[PrometheusStore]:
    """A store with the shop's samples; its own label keeps it apart from others on the same server."""
    run = {"run": uuid4().hex}
    store = PrometheusStore(PrometheusSettings(url=url, labels=run, match=run))
    tables = shop_batch(SHOP).tables
    store.add(Batch({name: tables[name] for name in HELD}))
    store.flush()
    try:
        yield store
    finally:
        store.close()


def refuses(*questions: Callable[[Store], object]) -> Callable[[StoreContract, Store], None]:
    """A test that these questions are refused: the store holds samples only."""

    def test(self: StoreContract, store: Store) -> None:
        for ask in questions:
            with pytest.raises(UnsupportedQuery, match="holds samples only"):
                ask(store)

    test.__doc__ = "Refused, as the store holds samples only."
    return test


_NO_SPANS = refuses(lambda store: store.spans(WINDOW))
_NO_ROLLUPS = refuses(
    lambda store: store.edges(WINDOW),
    lambda store: store.calls(WINDOW),
    lambda store: store.instance_calls(WINDOW),
    lambda store: store.operations(WINDOW),
    lambda store: store.instances(WINDOW),
    lambda store: store.coverage(WINDOW),
)


class SamplesContract(StoreContract):
    """Opted out of: everything about spans, traces, logs, events and rollups."""

    test_returns_every_span_once_in_order = _NO_SPANS
    test_keeps_every_column_as_it_came = _NO_SPANS
    test_windows_are_half_open = _NO_SPANS
    test_a_capped_answer_says_so = _NO_SPANS
    test_newest_first_reverses_the_order = _NO_SPANS
    test_filters_compare_exactly = _NO_SPANS
    test_finds_spans_by_attribute = _NO_SPANS
    test_gives_a_trace_with_its_resources = refuses(lambda store: store.trace(b"\x01" * 16))
    test_summarises_traces_newest_first = refuses(lambda store: store.traces(WINDOW))
    test_finds_log_lines = refuses(lambda store: store.logs(WINDOW, LogFilter(contains="a")))
    test_finds_lines_by_template = refuses(lambda store: store.log_templates())
    test_edges_count_calls_between_services = _NO_ROLLUPS
    test_disorderly_spans_are_counted_as_by_hand = _NO_ROLLUPS
    test_calls_of_a_service_begin_or_end_there = _NO_ROLLUPS
    test_windows_of_calls_are_half_open = _NO_ROLLUPS
    test_rollups_add_up_over_steps = _NO_ROLLUPS
    test_coverage_counts_every_span = _NO_ROLLUPS
    test_counts_log_lines = refuses(lambda store: store.log_counts(WINDOW))
    test_gives_events = refuses(lambda store: store.events(WINDOW))

    def test_late_spans_reopen_their_slot(self, store: Store) -> None:
        """Spans are not taken at all."""
        with pytest.raises(StoreError, match="no place for spans"):
            store.add(Batch({"spans": sent("spans")}))

    def test_adding_again_changes_nothing(self, store: Store) -> None:
        """The same samples added a second time are given once."""
        before = store.samples(WINDOW)
        tables = shop_batch(SHOP).tables
        store.add(Batch({name: tables[name] for name in HELD}))
        store.flush()
        assert store.samples(WINDOW).equals(before)

    def test_an_empty_window_is_an_empty_answer(self, store: Store) -> None:
        """Nothing there is a table with the right columns and no rows."""
        nowhere = WINDOW.shifted(-1000 * MINUTE_NS)
        for found in (store.samples(nowhere), store.histograms(nowhere)):
            assert isinstance(found, pa.Table) and found.num_rows == 0
        assert store.samples(nowhere).schema.names == store.samples(WINDOW).schema.names
