"""Records of raw text: one line each, stack traces joined."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.logtemplates.joining import joined, records

TRACE = b"boom\n\tat a.B(C.java:1)\nCaused by: x\n\tat d.E\nnext\r\n\nlast"


def _read(text: bytes, piece_bytes: int) -> list[tuple[bytes, bytes]]:
    return [
        (found.text[start:first].tobytes(), found.text[start:end].tobytes())
        for found in records(io.BytesIO(text), piece_bytes=piece_bytes)
        for start, first, end in zip(found.starts, found.first_ends, found.ends, strict=True)
    ]


@pytest.mark.parametrize("piece_bytes", [64, 48, 1 << 20])
def test_joins_stack_traces(piece_bytes: int) -> None:
    """Indented lines and causes belong to the line above; empty lines to nobody; the ends of pieces do not matter."""
    assert _read(TRACE, piece_bytes) == [
        (b"boom", b"boom\n\tat a.B(C.java:1)\nCaused by: x\n\tat d.E"),
        (b"next", b"next"),
        (b"last", b"last"),
    ]


@given(
    st.lists(st.text("ab 1", min_size=1, max_size=20).map(lambda line: "x" + line), max_size=20), st.integers(40, 200)
)
def test_pieces_do_not_matter(lines: list[str], piece_bytes: int) -> None:
    """Lines shorter than a piece come out as they went in, however the stream is cut."""
    text = "\n".join(lines).encode()
    assert [first.decode() for first, _ in _read(text, piece_bytes)] == lines


def test_a_line_longer_than_a_piece_is_cut() -> None:
    """Memory is bounded by the piece, not by the line."""
    assert all(len(first) <= 200 for first, _ in _read(b"x" * 1000, 100))
    assert len(joined(np.zeros(0, np.uint8)).starts) == 0
