"""Rules of the waterfall."""

from __future__ import annotations

import pyarrow as pa

from causeway import records
from dashboards.figures.waterfall import waterfall

MS = 1_000_000


def _trace(*spans: tuple[int, int | None, int, int]) -> pa.Table:
    """Spans as (number, parent's number, start ms, duration ms)."""
    rows = [
        {
            "trace_id": b"t" * 16,
            "span_id": bytes([number]) * 8,
            "parent_span_id": None if parent is None else bytes([parent]) * 8,
            "service": f"s{number}",
            "operation": "op",
            "start_ns": start * MS,
            "duration_ns": length * MS,
        }
        for number, parent, start, length in spans
    ]
    return pa.Table.from_pylist(rows, schema=records.SPANS)


def test_parents_come_before_children_and_siblings_by_start() -> None:
    """Rows read like the story they tell."""
    found = waterfall(_trace((3, 1, 50, 10), (2, 1, 10, 20), (4, 2, 12, 5), (1, None, 0, 100)))
    assert [row.service for row in found.rows] == ["s1", "s2", "s4", "s3"]
    assert [row.depth for row in found.rows] == [0, 1, 2, 1]


def test_own_time_is_what_no_child_covers() -> None:
    """Overlapping children count once; a child that outlives its parent takes nothing after the parent's end."""
    found = waterfall(_trace((1, None, 0, 100), (2, 1, 10, 30), (3, 1, 20, 30), (4, 1, 90, 50)))
    assert found.rows[0].own == ((0, 10 * MS), (50 * MS, 90 * MS))
    assert found.rows[0].own_ns == 50 * MS


def test_an_asynchronous_child_after_the_end_leaves_the_parent_whole() -> None:
    """Work that begins later is nobody's waiting time."""
    found = waterfall(_trace((1, None, 0, 10), (2, 1, 30, 10)))
    assert found.rows[0].own == ((0, 10 * MS),)


def test_the_critical_path_follows_who_ended_last() -> None:
    """Of two parallel calls only the one that was waited for is critical; one before it is too."""
    found = waterfall(_trace((1, None, 0, 100), (2, 1, 0, 20), (3, 1, 25, 70), (4, 1, 25, 30)))
    assert {row.service for row in found.rows if row.critical} == {"s1", "s2", "s3"}


def test_orphans_rings_and_skew_are_shown_not_lost() -> None:
    """A missing parent, two spans that are each other's parent, and a child before its parent keep their rows."""
    found = waterfall(_trace((1, None, 10, 100), (2, 9, 20, 5), (3, 4, 30, 5), (4, 3, 31, 5), (5, 1, 5, 10)))
    assert found.total == 5
    assert found.orphans == 1
    assert [row.service for row in found.rows if row.skewed] == ["s5"]


def test_nothing_is_a_waterfall_without_rows() -> None:
    """No spans, no rows, no error."""
    assert waterfall(_trace()).rows == ()
