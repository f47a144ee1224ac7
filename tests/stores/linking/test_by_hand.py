"""The rows of any spans in any order are what an independent count of the whole set says, key by key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.stores.linking.linker import Linker
from tests.analytics.recorded import recorded_spans
from tests.small_store import Shop, shop_batch
from tests.stores.linking.by_hand import ByHand, Sums, add_up, without_buckets
from tests.stores.linking.random_spans import random_spans
from tests.stores.linking.test_linker import link


def counted(spans: pa.Table, cuts: list[int]) -> Sums:
    """The tables that `ByHand` knows of."""
    sums = link(spans, cuts)
    return {
        "rollup_edges": without_buckets(sums["rollup_edges"]),
        **{name: sums[name] for name in ("rollup_calls", "rollup_instance_calls", "rollup_coverage")},
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 40), st.integers(1, 14), st.data())
def test_any_spans_in_any_batches(seed: int, traces: int, spans_max: int, data: st.DataObject) -> None:
    """Links, several roots, rings, messages, sampling and skewed clocks included."""
    spans = random_spans(seed, traces=traces, spans_max=spans_max)
    cuts = data.draw(st.lists(st.integers(0, spans.num_rows), max_size=12))
    assert counted(spans, sorted(cuts)) == ByHand(spans).result()


def test_a_shop() -> None:
    """Spans as services send them."""
    spans = shop_batch(Shop(minutes=4, traces_per_minute=30)).tables["spans"]
    assert counted(spans, [100, 101, 500]) == ByHand(spans).result()


@pytest.mark.parametrize("seed", range(12))
def test_a_restart_changes_nothing(seed: int) -> None:
    """Spans that were counted before are read back by minutes, in no order, and corrected like any others."""
    spans = random_spans(seed, traces=30)
    half = spans.num_rows // 2
    before, after = Linker(), Linker()
    before.add(spans.slice(0, half))
    parts = [before.take()]
    for first in np.random.default_rng(seed).permutation(np.arange(0, half, 25)).tolist():
        after.absorb(spans.slice(first, min(25, half - first)))
    for first in range(half, spans.num_rows, 40):
        after.add(spans.slice(first, 40))
        parts.append(after.take())
    assert add_up(parts) == link(spans, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trainticket", "onlineboutique"])
def test_recorded_shops(shared_data, name: str) -> None:
    """Real spans, between services, operations and instances, edge by edge and count by count."""
    spans = recorded_spans(shared_data / "nezha" / name)
    spans = spans.slice(0, 300_000).combine_chunks()  # all of trainticket
    wanted = ByHand(spans).result()
    assert len(wanted["rollup_calls"]) > 100 and len(wanted["rollup_instance_calls"]) > 20
    assert counted(spans, list(range(20_000, spans.num_rows, 20_000))) == wanted
