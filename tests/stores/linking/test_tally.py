"""Sums by key: exact, in the order in which keys first came, however contributions are grouped."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.stores.linking.tally import Tally

_PAIRS = st.tuples(st.integers(-3, 40), st.integers(-(2**62), 2**62))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_PAIRS, st.integers(-5, 5)), max_size=200), st.integers(1, 50))
def test_sums_are_those_of_a_plain_dictionary(rows: list[tuple[tuple[int, int], int]], part: int) -> None:
    """Any grouping into `add` gives the plain sums, without rows of zeros, by first appearance of their key."""
    plain: dict[tuple[int, int], list[int]] = {}
    for key, value in rows:
        sums = plain.setdefault(key, [0, 0])
        sums[0] += value
        sums[1] += 2
    tally = Tally(("a", "b"), ("value", "unnamed", "two"))
    for first in range(0, len(rows), part):
        some = rows[first : first + part]
        keys = {"a": np.array([row[0][0] for row in some]), "b": np.array([row[0][1] for row in some])}
        tally.add(keys, value=np.array([row[1] for row in some]), two=2)
    found = tally.take()
    if found is None:
        assert not plain
        return
    assert not found["unnamed"].any()
    listed = zip(found["a"].tolist(), found["b"].tolist(), strict=True)
    assert dict(zip(listed, zip(found["value"].tolist(), found["two"].tolist(), strict=True), strict=True)) == {
        key: tuple(sums) for key, sums in plain.items()
    }
    assert list(zip(found["a"].tolist(), found["b"].tolist(), strict=True)) == list(plain)


def test_what_cancels_out_is_left_out_and_taking_empties() -> None:
    """A key whose measures add up to nothing makes no row; after `take` a tally is as new."""
    tally = Tally(("key",), ("calls",))
    many = np.arange(10_000)
    tally.add({"key": many}, calls=1)
    tally.add({"key": many[1:]}, calls=-1)
    found = tally.take()
    assert found is not None
    assert found["key"].tolist() == [0]
    assert found["calls"].tolist() == [1]
    assert tally.take() is None
    tally.add({"key": many}, calls=many)
    again = tally.take()
    assert again is not None
    assert again["calls"].tolist() == many[1:].tolist()
