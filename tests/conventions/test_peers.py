"""Peers by columns of attributes agree with peers by the bytes of OTLP requests."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.conventions.peers import PEER_KEYS, peer_columns
from causeway.records import ATTRIBUTES, SPAN_KINDS
from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import attributes, span, trace_request
from tests.collectors.otlp.test_peers import CASES, COLUMNS

KEYS = st.sampled_from([name for names in PEER_KEYS for name in names] + ["http.method", "url.path", "app.order"])
TEXTS = st.sampled_from(
    ["", "a", "db-0:5432", "http://me:pw@shop.example:80/x?y#z", "//x", "[::1]:80", "h/#", "@", "é"]
)
# Of several names for one thing the last that is sent wins: a mapping keeps the order in which they are sent.
SPANS = st.lists(st.tuples(st.integers(0, 5), st.dictionaries(KEYS, TEXTS, max_size=8)), max_size=8)


def columns_of(spans: list[tuple[int, dict[str, str]]]) -> list[tuple[str | None, ...]]:
    kinds = pa.array([SPAN_KINDS[kind] for kind, _ in spans], pa.string())
    maps = pa.array([list(told.items()) for _, told in spans], ATTRIBUTES)
    found = peer_columns(kinds, maps)
    return list(zip(*(found[name].to_pylist() for name in COLUMNS), strict=True))


@pytest.mark.parametrize("case", [name for name in CASES if name != "numbers are no names"])
def test_peer(case: str) -> None:
    """Each case of the OTLP decoder holds for columns as well."""
    kind, told, expected = CASES[case]
    assert columns_of([(kind, told)]) == [expected]


@settings(deadline=None)
@given(SPANS)
def test_agrees_with_the_decoder(spans: list[tuple[int, dict[str, str]]]) -> None:
    """Whatever the attributes: the same four columns."""
    sent = [span(n, kind=kind, attributes=attributes(told)) for n, (kind, told) in enumerate(spans, 1)]
    payload = trace_request(spans=sent).SerializeToString()
    rows = decode("traces", [(payload, "protobuf")]).tables["spans"].select(COLUMNS).to_pylist()
    assert columns_of(spans) == [tuple(row.values()) for row in rows]
