"""Templates of one statement put together: other values are no other message."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.logtemplates.statements import by_statement, statement
from analytics.world import LogSeries


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("seat(from=shanghai, to=<*>, stations=[suzhou, nanjing])", "seat(from=<*>, to=<*>, stations=<*>)"),
        ("names: [nanjing] done", "names: <*> done"),
        ("config: {a={x=1}, b={<*>}} loaded", "config: <*> loaded"),
        ("data=null ok=true", "data=null ok=true"),
        ("at <*> <*>, <*> now", "at <*> now"),
        ("[queryForTravel][catch price exception]", "[queryForTravel][catch price exception]"),
        ("result: [Travel(trip=Trip(id", "result: <*>"),
        ("plain words stay", "plain words stay"),
    ],
)
def test_values_go_and_words_stay(template: str, expected: str) -> None:
    """Values of keys and lists in their place are data; method names in brackets are the message."""
    assert statement(template) == expected


@given(st.text(alphabet="ab =:[]{}(),<*>", max_size=60))
def test_any_text_has_a_statement_that_is_its_own(text: str) -> None:
    """Twice is as good as once or shorter, and no text fails."""
    once = statement(text)
    assert len(statement(once)) <= len(once) <= len(text) + 3 * text.count("=") + 3 * text.count(":")


def test_counts_add_up() -> None:
    """Per service; the worst severity counts, unknown slots stay unknown, and the input is left alone."""
    rows = [("cart", 1, "x=a", 9), ("cart", 2, "x=b", 17), ("shop", 3, "x=a", 9), ("cart", 4, "other", 9)]
    meta = pd.DataFrame(
        [(service, at, text, "", number) for service, at, text, number in rows],
        columns=["service", "template_id", "template", "severity", "severity_number"],
    )
    counts = np.array([[np.nan, 1, 2], [np.nan, 3, 4], [np.nan, 5, 6], [np.nan, 7, 8]], np.float32)
    kept = meta.copy()
    found = by_statement(LogSeries(meta, counts))
    told = found.meta[["service", "template", "template_id", "severity_number"]].itertuples(index=False, name=None)
    assert list(told) == [("cart", "other", 4, 9), ("cart", "x=<*>", 2, 17), ("shop", "x=<*>", 3, 9)]
    assert np.isnan(found.counts[:, 0]).all() and found.counts[:, 1:].tolist() == [[7, 8], [4, 6], [5, 6]]
    pd.testing.assert_frame_equal(meta, kept)
