"""Minutes computed one by one, by anybody, in any order, add up to what a linker makes of all spans."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from causeway.stores.linking import minutes as linking
from causeway.stores.linking.minutes import LINKED_COLUMNS, Minute, compute_minute
from causeway.window import MINUTE_NS, Window
from tests.small_store import Shop, shop_batch
from tests.stores.linking.by_hand import add_up
from tests.stores.linking.random_spans import START_NS, random_spans
from tests.stores.linking.test_linker import link


def window(spans: pa.Table, chosen: Window) -> pa.Table:
    start = spans["start_ns"]
    return spans.filter(pc.and_(pc.greater_equal(start, chosen.start_ns), pc.less(start, chosen.end_ns)))


def compute(spans: pa.Table, minute_ns: int, *, expected: int = 1) -> Minute:
    """That minute, read in small tables of which some rows come twice."""

    def scan():
        own = window(spans, Window(minute_ns, minute_ns + MINUTE_NS)).select(LINKED_COLUMNS)
        for first in range(0, own.num_rows, 7):
            yield own.slice(first, 9)

    def fetch(traces, chosen):
        found = window(spans, chosen)
        yield found.filter(pc.is_in(found["trace_id"], pa.array(traces, pa.binary())))

    return compute_minute(minute_ns, scan, fetch, expected=expected)


def minutes_of(spans: pa.Table) -> list[int]:
    return sorted(set((spans["start_ns"].to_numpy() // MINUTE_NS * MINUTE_NS).tolist()))


@pytest.mark.parametrize("seed", range(40))
def test_minutes_add_up_to_the_whole(seed: int) -> None:
    """Whatever the spans: each link and each correction is in one minute, and only there."""
    spans = random_spans(seed)
    computed = [compute(spans, minute_ns).tables for minute_ns in minutes_of(spans)]
    assert len(computed) > 2
    assert add_up(computed) == link(spans, [])


def test_minutes_of_a_shop_add_up() -> None:
    """The same for spans as services send them."""
    spans = shop_batch(Shop(minutes=4, traces_per_minute=30)).tables["spans"]
    assert add_up([compute(spans, minute_ns).tables for minute_ns in minutes_of(spans)]) == link(spans, [])


@pytest.mark.parametrize("seed", range(5))
def test_large_minutes_are_computed_in_parts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts hold whole traces, so that the rows are the same; what would change them is watched for just so."""
    spans = random_spans(seed)
    whole = {minute_ns: compute(spans, minute_ns) for minute_ns in minutes_of(spans)}
    monkeypatch.setattr(linking, "SPANS_AT_ONCE_MAX", 20)
    monkeypatch.setattr(linking, "TRACES_AT_ONCE", 3)
    for minute_ns, one in whole.items():
        parts = compute(spans, minute_ns, expected=90)
        assert add_up([parts.tables]) == add_up([one.tables])
        assert parts.documents == one.documents
        assert (parts.watch.parents == one.watch.parents).all() and (parts.watch.answered == one.watch.answered).all()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_changes_another_minute_is_noticed(seed: int) -> None:
    """Spans come one after another; the minute of each is computed, and those that it changes: nothing is stale."""
    spans = random_spans(seed, traces=12)
    held: dict[int, Minute] = {}
    rng = np.random.default_rng(seed)
    cuts = [0, *sorted(rng.choice(spans.num_rows, 25, replace=False).tolist()), spans.num_rows]
    for first, last in itertools.pairwise(cuts):
        arrived = spans.slice(0, last)
        for minute_ns in minutes_of(spans.slice(first, last - first)):
            held[minute_ns] = grown = compute(arrived, minute_ns)
            changed = [
                other for other, minute in held.items() if other != minute_ns and grown.changes(other, minute.watch)
            ]
            for other in changed:
                held[other] = compute(arrived, other)
        assert add_up([minute.tables for minute in held.values()]) == link(arrived, [])


def test_a_late_answer_takes_over_the_correction_from_a_later_minute() -> None:
    """A client's callee answers twice, minutes apart; the earlier answer arrives last."""
    row = {
        "trace_id": b"t" * 16,
        "service": "pay",
        "operation": "x",
        "status": "UNSET",
        "duration_ns": 5,
        "kind": "SERVER",
    }
    client = {"kind": "CLIENT", "service": "web", "peer_service": "pay.local", "peer_type": "external"}
    rows = [
        {**row, "span_id": b"client..", "start_ns": START_NS, **client},
        {**row, "span_id": b"second..", "parent_span_id": b"client..", "start_ns": START_NS + 2 * MINUTE_NS},
        {**row, "span_id": b"first...", "parent_span_id": b"client..", "start_ns": START_NS + MINUTE_NS},
    ]
    spans = pa.Table.from_pylist(rows, schema=random_spans(0).schema)
    client_minute, second = compute(spans.slice(0, 2), START_NS), compute(spans.slice(0, 2), START_NS + 2 * MINUTE_NS)
    first = compute(spans, START_NS + MINUTE_NS)
    assert first.changes(second.minute_ns, second.watch) and not first.changes(START_NS, client_minute.watch)
    assert not second.changes(first.minute_ns, first.watch)
    again = compute(spans, second.minute_ns)
    assert add_up([client_minute.tables, first.tables, again.tables]) == link(spans, [])


def test_a_full_watch_looks_after_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many parents are missing to note each, the next minute's growth counts as one of them."""
    monkeypatch.setattr(linking, "WATCHED_MAX", 1)
    spans = random_spans(1)
    first, second, third = (compute(spans, START_NS + place * MINUTE_NS) for place in range(3))
    assert not first.watch.complete
    assert second.changes(first.minute_ns, first.watch)
    assert not third.watch.parents.size > 1


@pytest.mark.parametrize("seed", range(6))
def test_minutes_in_agreement_change_each_other_no_more(seed: int) -> None:
    """Once each is computed from all spans, none has another computed again: work ends."""
    spans = random_spans(seed, traces=60)
    held = [compute(spans, minute_ns) for minute_ns in minutes_of(spans)]
    assert any(len(minute.watch.answered) for minute in held)
    assert not [1 for one in held for two in held if one is not two and one.changes(two.minute_ns, two.watch)]
