"""What template ids mean today, whatever collectors called them and in which order they told."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.logtemplates.catalogue import Catalogue, catalogue_of
from causeway import records
from causeway.logtemplates.mining import OTHER, OTHER_TEXT

Row = tuple[int, int, int, str]


def _catalogue(*rows: Row) -> Catalogue:
    whole = [(place, *row, 0) for place, row in enumerate(rows)]
    columns = [pa.array([row[i] for row in whole], field.type) for i, field in enumerate(records.LOG_TEMPLATES)]
    return catalogue_of(pa.table(columns, schema=records.LOG_TEMPLATES))


def test_absorbed_ids_are_the_one_that_absorbed_them() -> None:
    """Text and version are the latest that anybody told of it."""
    known = _catalogue((5, 5, 1, "a b"), (6, 6, 1, "a c"), (6, 5, 2, "a <*>"), (5, 5, 2, "a <*>"), (9, 9, 1, "z"))
    assert known.now(np.array([5, 6, 9, 77])).tolist() == [5, 5, 9, 77]
    assert (known.text(6), known.version(6), known.text(77)) == ("a <*>", 2, "")
    assert known.ids_of(5) == known.ids_of(6) == (5, 6)
    assert 6 in known and 77 not in known


def test_other_has_a_text() -> None:
    """Lines beyond the cap are known for what they are."""
    assert OTHER in Catalogue() and Catalogue().text(OTHER) == OTHER_TEXT


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 3), st.sampled_from("abc")), max_size=20),
    st.randoms(use_true_random=False),
)
def test_circles_end_and_order_is_nothing(rows: list[Row], random: Random) -> None:
    """One collector calls A what another calls B: both are one, whoever told first."""
    known, shuffled = _catalogue(*rows), list(rows)
    random.shuffle(shuffled)
    other, ids = _catalogue(*shuffled), np.arange(10)
    assert known.now(ids).tolist() == other.now(ids).tolist() == known.now(known.now(ids)).tolist()
    assert known.texts(ids) == other.texts(ids)
    assert all(len(set(known.now(np.array(row[:2])).tolist())) == 1 for row in rows)


@pytest.mark.parametrize("ids", [[], [3]])
def test_an_empty_catalogue_changes_nothing(ids: list[int]) -> None:
    """Ids that nobody explained stay what they are."""
    assert Catalogue().now(np.array(ids, dtype=np.int64)).tolist() == ids
