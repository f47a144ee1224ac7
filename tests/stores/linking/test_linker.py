"""Rollup rows depend on the set of spans seen, not on how they came."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from causeway import records
from causeway.stores.linking.linker import Linker
from tests.contracts.store_contract import edges_by_hand
from tests.small_store import Shop, shop_batch
from tests.stores.linking.by_hand import MEASURES, Sums, add_up

SPANS = shop_batch(Shop(minutes=4, traces_per_minute=30)).tables["spans"]


def link(spans: pa.Table, cuts: list[int]) -> Sums:
    linker, parts = Linker(), []
    bounds = [0, *cuts, spans.num_rows]
    for first, last in itertools.pairwise(bounds):
        linker.add(spans.slice(first, last - first))
        parts.append(linker.take())
    return add_up(parts)


WHOLE = link(SPANS, [])


@pytest.mark.parametrize("seed", range(8))
def test_order_and_batches_change_nothing(seed: int) -> None:
    """Any order, cut into any batches: the same sums."""
    rng = np.random.default_rng(seed)
    shuffled = SPANS.take(pa.array(rng.permutation(SPANS.num_rows)))
    cuts = sorted(rng.choice(SPANS.num_rows, size=seed, replace=False).tolist())
    assert link(shuffled, cuts) == WHOLE


def test_one_span_at_a_time_is_the_same() -> None:
    """The smallest batches there are."""
    few = SPANS.slice(0, 120)
    assert link(few, list(range(1, 120))) == link(few, [])


def test_edges_agree_with_pairing_by_hand() -> None:
    """Every call is on its edge, no call on another."""
    calls: dict[tuple[str, str], int] = {}
    names = records.EDGES.names
    for key, sums in WHOLE["rollup_edges"].items():
        edge = dict(zip([name for name in names if name not in MEASURES["rollup_edges"]], key, strict=True))
        pair = (str(edge["caller"]), str(edge["callee"]))
        calls[pair] = calls.get(pair, 0) + sums[0]
    assert {pair: count for pair, count in calls.items() if count} == edges_by_hand(SPANS)


def test_what_was_counted_before_a_restart_is_not_counted_again() -> None:
    """A linker that reads stored spans back goes on as one that never stopped."""
    half = SPANS.num_rows // 2
    before, after = Linker(), Linker()
    before.add(SPANS.slice(0, half))
    first = before.take()
    after.absorb(SPANS.slice(0, half))
    assert after.take() == {}
    after.add(SPANS.slice(half))
    assert add_up([first, after.take()]) == WHOLE


def test_spans_of_no_kind_are_inbound_when_another_service_calls_them() -> None:
    """Without kinds, requests are spans whose parent is elsewhere, and roots."""
    place = SPANS.schema.get_field_index("kind")
    plain = SPANS.set_column(place, "kind", pa.repeat("INTERNAL", SPANS.num_rows))
    for name in ("peer_service", "peer_type"):
        place = plain.schema.get_field_index(name)
        plain = plain.set_column(place, name, pa.nulls(plain.num_rows, pa.string()))
    rows = plain.to_pylist()
    by_id = {(row["trace_id"], row["span_id"]): row["service"] for row in rows}
    wanted = sum(
        row["parent_span_id"] is None or by_id[row["trace_id"], row["parent_span_id"]] != row["service"] for row in rows
    )
    inbound = records.OPERATIONS.names.index("inbound")
    found = sum(sums[0] for key, sums in link(plain, [200, 300])["rollup_operations"].items() if key[inbound])
    assert found == wanted


def test_memory_is_bounded() -> None:
    """Beyond its bound the linker forgets the oldest spans, and goes on."""
    linker = Linker(remember_max=400, waiting_max=50)
    for first in range(0, SPANS.num_rows, 100):
        linker.add(SPANS.slice(first, 100))
    assert linker.remembered <= 400
    assert linker.waiting <= 50
