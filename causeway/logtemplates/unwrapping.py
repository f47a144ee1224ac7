"""The message inside each log line: without its container's JSON, its colours and its stack trace.

Compiled functions of one kind share a file, because numba's cache of a function looks at its own file only.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LINE_MAX = 1024  # bytes of a line that take part in its shape
_NESTED_MAX = 2  # a container's JSON may hold the application's JSON

_QUOTE, _BACKSLASH, _BRACE, _SPACE, _NEWLINE, _ESCAPE = 34, 92, 123, 32, 10, 27
_KEYS = (
    np.frombuffer(b'"log":', np.uint8),
    np.frombuffer(b'"message":', np.uint8),
    np.frombuffer(b'"msg":', np.uint8),
)


@njit(cache=True, nogil=True)
def messages(offsets: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) int64 offsets and uint8 text of the messages, each at most LINE_MAX, of lines given the same way."""
    starts = np.zeros(len(offsets), np.int64)
    room = 0
    for row in range(len(offsets) - 1):
        room += min(offsets[row + 1] - offsets[row], LINE_MAX)
    found, line = np.empty(room, np.uint8), np.empty(LINE_MAX, np.uint8)
    for row in range(len(offsets) - 1):
        length = unwrap(text, offsets[row], offsets[row + 1], line)
        found[starts[row] : starts[row] + length] = line[:length]
        starts[row + 1] = starts[row] + length
    return starts, found


@njit(cache=True, nogil=True)
def unwrap(text: np.ndarray, start: int, stop: int, line: np.ndarray) -> int:
    """Write the message of text[start:stop] into `line` and return its length, at most LINE_MAX."""
    value, coded = _message_start(text, start, stop), True
    if value < 0:
        value, coded = start, False
    length = _decode(text, value, stop, coded, line)
    for _ in range(_NESTED_MAX - 1):
        value = _message_start(line, 0, length)
        if value < 0:
            break
        length = _decode(line.copy(), value, length, True, line)
    return length


@njit(cache=True, nogil=True)
def _message_start(text: np.ndarray, start: int, stop: int) -> int:
    """Where the string of `log`, `message` or `msg` begins in a JSON object; -1 if there is none."""
    while start < stop and text[start] == _SPACE:
        start += 1
    if start >= stop or text[start] != _BRACE:
        return -1
    for i in range(start, stop):
        if text[i] == _QUOTE and text[i - 1] != _BACKSLASH:
            for key in _KEYS:
                at = _after_key(text, i, stop, key)
                if at >= 0:
                    return at
    return -1


@njit(cache=True, nogil=True)
def _after_key(text: np.ndarray, start: int, stop: int, key: np.ndarray) -> int:
    end = start + len(key)
    if end >= stop:
        return -1
    for i in range(len(key)):
        if text[start + i] != key[i]:
            return -1
    while end < stop and text[end] == _SPACE:
        end += 1
    return end + 1 if end < stop and text[end] == _QUOTE else -1


@njit(cache=True, nogil=True)
def _decode(text: np.ndarray, start: int, stop: int, coded: bool, line: np.ndarray) -> int:
    """Copy to the end of the string (or text), newlines as spaces, until a continuation line begins."""
    i, length = start, 0
    while i < stop and length < LINE_MAX:
        character, i = (_unescape(text, i, stop)) if coded else (np.int64(text[i]), i + 1)
        if character < 0:
            break
        if character == _ESCAPE:
            i = _after_colour(text, i, stop)
            continue
        if character == _NEWLINE and _is_continuation(text, i, stop, coded):
            break
        line[length] = max(character, _SPACE)
        length += 1
    return length


@njit(cache=True, nogil=True)
def _unescape(text: np.ndarray, i: int, stop: int) -> tuple[np.int64, int]:
    """The character at i of a JSON string and where the next begins; -1 at its closing quote."""
    character = np.int64(text[i])
    if character == _QUOTE:
        return np.int64(-1), i + 1
    if character != _BACKSLASH or i + 1 >= stop:
        return character, i + 1
    kind = text[i + 1]
    if kind == 117 and i + 5 < stop:  # \uXXXX; what is not ASCII only needs to be the same every time
        code = 0
        for j in range(i + 2, i + 6):
            code = code * 16 + _digit(text[j])
        return np.int64(code) if code < 128 else np.int64(128 + code % 64), i + 6
    if kind == 110 or kind == 114:
        return np.int64(_NEWLINE), i + 2
    return np.int64(_SPACE) if kind == 116 else np.int64(kind), i + 2


@njit(cache=True, nogil=True)
def _digit(character: int) -> int:
    return character - 48 if character < 58 else (character | 32) - 87


@njit(cache=True, nogil=True)
def _after_colour(text: np.ndarray, i: int, stop: int) -> int:
    """Behind an ANSI sequence `ESC [ ... letter` whose ESC was just read."""
    if i < stop and text[i] == 91:
        i += 1
        while i < stop and not 64 <= text[i] < 127:
            i += 1
        return i + 1
    return i


@njit(cache=True, nogil=True)
def _is_continuation(text: np.ndarray, i: int, stop: int, coded: bool) -> bool:
    """Whether the line at i is indented: a stack frame or a wrapped value."""
    if i >= stop:
        return True
    indented_by_tab = coded and i + 1 < stop and text[i] == _BACKSLASH and text[i + 1] == 116
    return text[i] <= _SPACE or indented_by_tab
