"""Lines of raw text, stack traces joined to the line they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numba import njit

PIECE_BYTES = 1 << 24  # read at a time; a longer line is cut into pieces of this size

_NEWLINE, _RETURN, _SPACE, _TAB = 10, 13, 32, 9
# What begins a line of a stack trace although it is not indented.
_TRACES = (
    np.frombuffer(b"Caused by: ", np.uint8),
    np.frombuffer(b"Suppressed: ", np.uint8),
    np.frombuffer(b"Traceback (most recent", np.uint8),
    np.frombuffer(b"at ", np.uint8),
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The records of a piece of text: (n,) int64 starts, ends of their first lines, and ends, in uint8 text."""

    text: np.ndarray
    starts: np.ndarray
    first_ends: np.ndarray
    ends: np.ndarray


def records(stream: BinaryIO, *, piece_bytes: int = PIECE_BYTES) -> Iterator[Lines]:
    """All records of a stream, piece by piece, in memory of a few pieces. Empty lines are no records."""
    rest = b""
    while piece := stream.read(piece_bytes):
        text = np.frombuffer(rest + piece, np.uint8)
        found = joined(text)
        if len(found.starts) > 1:  # the last may go on in the next piece
            last = int(found.starts[-1])
            rest = text[last:].tobytes()
            yield Lines(text[:last], found.starts[:-1], found.first_ends[:-1], found.ends[:-1])
        elif len(text) >= piece_bytes:
            rest = b""
            yield found
        else:
            rest = text.tobytes()
    if rest:
        yield joined(np.frombuffer(rest, np.uint8))


def joined(text: np.ndarray) -> Lines:
    """The records in (bytes,) uint8 text: each line with the indented lines and stack frames below it."""
    ends = np.append(np.flatnonzero(text == _NEWLINE), len(text)).astype(np.int64)
    count, starts, first_ends, last_ends = _join(text, ends)
    return Lines(text, starts[:count], first_ends[:count], last_ends[:count])


@njit(cache=True, nogil=True)
def _join(text: np.ndarray, ends: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    starts, first_ends, last_ends = np.empty_like(ends), np.empty_like(ends), np.empty_like(ends)
    count, start = 0, 0
    for end in ends:
        stop = end - 1 if end > start and text[end - 1] == _RETURN else end
        if stop > start:
            if count and _continues(text, start, stop):
                last_ends[count - 1] = stop
            else:
                starts[count], first_ends[count], last_ends[count] = start, stop, stop
                count += 1
        start = end + 1
    return count, starts, first_ends, last_ends


@njit(cache=True, nogil=True)
def _continues(text: np.ndarray, start: int, stop: int) -> bool:
    """Whether the line is indented or a stack trace's."""
    if text[start] == _SPACE or text[start] == _TAB:
        return True
    for words in _TRACES:
        if stop - start > len(words):
            same = True
            for j in range(len(words)):
                same = same and text[start + j] == words[j]
            if same:
                return True
    return False
