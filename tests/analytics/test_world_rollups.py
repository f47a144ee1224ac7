"""Sums and quantiles of rollup rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.world import Timeline
from analytics.world_rollups import (
    call_frame,
    call_series,
    group_quantiles_ms,
    key_codes,
    rollup,
    text_codes,
)
from causeway.latency import quantile_ms
from causeway.records import EDGES, ROLLUP_STEP_NS

STEP = ROLLUP_STEP_NS
TIMELINE = Timeline(np.arange(4) * STEP, np.array([False, False, True, True]), STEP)


def edge(
    slot: int, *, bucket: int = 100, calls: int = 1, errors: int = 0, caller: str = "a", callee: str = "b"
) -> dict:
    """A rollup row of an edge."""
    return {
        "slot_ns": slot * STEP,
        "caller": caller,
        "caller_type": "service",
        "callee": callee,
        "callee_type": "service",
        "kind": "sync",
        "protocol": "http",
        "latency_bucket": bucket,
        "calls": calls,
        "errors": errors,
        "duration_ns_sum": calls * 2_000_000,
        "gap_calls": calls,
        "gap_ns_sum": calls * 500_000,
    }


def rows_of(*edges: dict) -> pa.Table:
    return pa.Table.from_pylist(list(edges), schema=EDGES)


rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300), st.integers(1, 50)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_group_quantiles_equal_one_group_at_a_time(found: list[tuple[int, int, int]]) -> None:
    """Quantiles of many groups at once are those of `causeway.latency.quantile_ms` of each group alone."""
    group, bucket, count = (np.array(column) for column in zip(*found, strict=True))
    quantiles = (0.5, 0.95, 0.99)
    together = group_quantiles_ms(group, bucket, count, 6, quantiles)
    for i in range(6):
        alone = quantile_ms(bucket[group == i], count[group == i], quantiles)
        np.testing.assert_allclose(together[:, i], alone, equal_nan=True)


def test_corrections_cancel() -> None:
    """A reading that a later row takes back counts nowhere: not in calls, nor in a quantile."""
    table = rows_of(edge(2, bucket=200, calls=5), edge(2, bucket=200, calls=-5), edge(2, bucket=80, calls=3))
    frame = call_frame(rollup(table, ("caller", "callee"), TIMELINE), np.ones(3, dtype=bool))
    assert frame["calls"].tolist() == [3]
    assert frame["latency_ms_p99"].iloc[0] == pytest.approx(quantile_ms(np.array([80]), np.array([3]), (0.99,))[0])


def test_keys_ascend_and_null_is_empty_text() -> None:
    """Keys come by name whatever the order of the rows; a missing text is ""."""
    table = pa.table({"one": ["b", "a", "b", None], "two": ["x", "y", "x", "z"]})
    keys, key = key_codes(table, ["one", "two"])
    assert keys.tolist() == [("", "z"), ("a", "y"), ("b", "x")]
    assert key.tolist() == [2, 1, 2, 0]


@pytest.mark.parametrize("encoded", [True, False], ids=["dictionary", "plain"])
def test_text_codes_do_not_depend_on_encoding(encoded: bool) -> None:
    """Dictionary-encoded and plain columns, in several chunks, give the same codes."""
    column = pa.chunked_array([["q", None], ["p", "q"]])
    values, codes = text_codes(column.dictionary_encode() if encoded else column)
    assert values.tolist() == ["", "p", "q"]
    assert codes.tolist() == [2, 0, 1, 2]


def test_series_have_zero_calls_and_unknown_latency_where_nothing_came() -> None:
    """Nothing is 0 calls and NaN latency; rows outside the slots are left out."""
    table = rows_of(edge(1, calls=4, errors=1), edge(3, calls=2), edge(9, calls=7), edge(-1, calls=7))
    series = call_series(rollup(table, ("caller", "callee"), TIMELINE), TIMELINE, own="gap_ms")
    assert series.calls.tolist() == [[0, 4, 0, 2]]
    assert series.errors.tolist() == [[0, 1, 0, 0]]
    assert np.isnan(series.latency_ms_p99[0]).tolist() == [True, False, True, False]
    assert series.latency_ms_mean[0, 1] == pytest.approx(2.0)
    assert series.gap_ms is not None and series.gap_ms[0, 3] == pytest.approx(0.5)
    assert series.self_ms is None


def test_no_rows_give_empty_matrices() -> None:
    """An empty table is an empty series, not an error."""
    series = call_series(rollup(rows_of(), ("caller", "callee"), TIMELINE), TIMELINE)
    assert series.calls.shape == (0, 4) and len(series.keys) == 0
