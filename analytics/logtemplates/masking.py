"""What varies in a message, replaced by `<*>`: the lexical rules of a template, on bytes, and its hash.

Compiled functions of one kind share a file, because numba's cache of a function looks at its own file only.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SHAPE_MAX = 512  # bytes of a template's text
_ROOM = 16  # the most that one step writes beyond what it copies
_OPAQUE_LENGTH, _OPAQUE_RUNS = 80, 8  # from here on, a token with digits is a key, whatever it spells
_WORD_MIN = 3  # letters before digits that are a name (`worker7`), not a unit or a code (`G1236`)

_SPACE_, _JOIN, _DIGIT, _HEX, _LETTER, _HIGH, _OPEN, _CLOSE, _DELIMITER = range(9)


def _classes() -> np.ndarray:
    table = np.full(256, _DELIMITER, np.uint8)
    table[:33] = _SPACE_
    table[128:] = _HIGH
    for characters, kind in (
        (b"abcdefABCDEF", _HEX),
        (b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", _LETTER),
        (b"0123456789", _DIGIT),
        (b"._-:#@/+%$*~&?!\\", _JOIN),
        (b"([{", _OPEN),
        (b")]}", _CLOSE),
    ):
        table[np.frombuffer(characters, np.uint8)] = kind
    return table


_CLASS = _classes()
_MASK = np.frombuffer(b"<*>", np.uint8)
_CONSTANTS = (  # values that are themselves the message: nothing, yes, no
    np.frombuffer(b"null", np.uint8),
    np.frombuffer(b"none", np.uint8),
    np.frombuffer(b"nil", np.uint8),
    np.frombuffer(b"true", np.uint8),
    np.frombuffer(b"false", np.uint8),
)
_CALENDAR = np.frombuffer(b"montuewedthufrisatsunjanfebmaraprmayjunjulaugsepoctnovdec", np.uint8)
_COMMA, _COLON, _EQUALS, _QUOTE, _APOSTROPHE, _SLASH, _SEMICOLON = 44, 58, 61, 34, 39, 47, 59
_MINUS, _PLUS = 45, 43
_BLANK = 32
_SQUARE = 91
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@njit(cache=True, nogil=True)
def hashes(offsets: np.ndarray, text: np.ndarray) -> np.ndarray:
    """(n,) int64 hash of the shape of each message text[offsets[i]:offsets[i + 1]]."""
    shape = np.empty(SHAPE_MAX, np.uint8)
    ids = np.empty(len(offsets) - 1, np.int64)
    for row in range(len(ids)):
        ids[row] = _hash(shape, _mask(text[offsets[row] : offsets[row + 1]], shape))
    return ids


@njit(cache=True, nogil=True)
def shapes(offsets: np.ndarray, text: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, SHAPE_MAX) uint8 shapes of those rows and their (k,) lengths."""
    found, lengths = np.empty((len(rows), SHAPE_MAX), np.uint8), np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        lengths[i] = _mask(text[offsets[rows[i]] : offsets[rows[i] + 1]], found[i])
    return found, lengths


@njit(cache=True, nogil=True)
def _hash(shape: np.ndarray, length: int) -> np.int64:
    """FNV-1a with the finaliser of splitmix64; never the id that means "no body"."""
    value = _FNV_OFFSET
    for i in range(length):
        value = (value ^ np.uint64(shape[i])) * _FNV_PRIME
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value = value ^ (value >> np.uint64(31))
    return np.int64(value) if value != np.uint64(0) else np.int64(1)


@njit(cache=True, nogil=True)
def _mask(line: np.ndarray, shape: np.ndarray) -> int:
    """Write the shape of a message into `shape` and return its length, at most SHAPE_MAX."""
    i, size, depth, length = 0, 0, 0, len(line)
    while i < length and size < SHAPE_MAX - _ROOM:
        kind = _CLASS[line[i]]
        if kind == _SPACE_:
            size = _put_space(shape, size)
            i += 1
        elif kind == _OPEN:
            i, size, depth = _open(line, i, length, shape, size, depth)
        elif kind in (_CLOSE, _DELIMITER):
            depth = max(depth - 1, 0) if kind == _CLOSE else depth
            i, size = _delimiter(line, i, length, shape, size, depth)
        elif kind == _HIGH:
            shape[size] = line[i]
            i, size = i + 1, size + 1
        else:
            end, telling = _scan_token(line, i, length)
            if telling or end - i < 5:  # most tokens are plain words
                size = _token(line, i, end, length, shape, size)
            else:
                size = _copy(line, i, end, shape, size)
            i = end
    return size - 1 if size and shape[size - 1] == _BLANK else size


@njit(cache=True, nogil=True)
def _open(line: np.ndarray, i: int, length: int, shape: np.ndarray, size: int, depth: int) -> tuple[int, int, int]:
    """A list in value position is one value; any other bracket is part of the message."""
    if line[i] == _SQUARE and _awaits_value(shape, size):
        end = _group_end(line, i, length)
        return end, _put_group(line, i, end, shape, size), depth
    shape[size] = line[i]
    return i + 1, size + 1, depth + 1


@njit(cache=True, nogil=True)
def _awaits_value(shape: np.ndarray, size: int) -> bool:
    while size and shape[size - 1] == _BLANK:
        size -= 1
    if not size:
        return False
    before = shape[size - 1]
    wide_colon = size >= 3 and before == 0x9A and shape[size - 2] == 0xBC and shape[size - 3] == 0xEF
    return before in (_COLON, _COMMA, _EQUALS) or before == 40 or wide_colon


@njit(cache=True, nogil=True)
def _delimiter(line: np.ndarray, i: int, length: int, shape: np.ndarray, size: int, depth: int) -> tuple[int, int]:
    character = line[i]
    if character == _QUOTE or (character == _APOSTROPHE and _begins_word(line, i)):
        end = _quote_end(line, i, length)
        if end > 0:
            return end, _quoted(line, i, end, length, shape, size)
    if character == _COMMA and _ends_with_mask(shape, size) and _list_goes_on(line, i + 1, length):
        return i + 1, size  # `<*>, <*>` is one list
    shape[size] = character
    if character == _EQUALS and i + 1 < length and line[i + 1] != _EQUALS:
        return _value(line, i + 1, length, shape, size + 1, depth)
    return i + 1, size + 1


@njit(cache=True, nogil=True)
def _begins_word(line: np.ndarray, i: int) -> bool:
    return i == 0 or _CLASS[line[i - 1]] in (_SPACE_, _OPEN, _DELIMITER) or line[i - 1] == _COLON


@njit(cache=True, nogil=True)
def _quote_end(line: np.ndarray, i: int, length: int) -> int:
    """Behind the closing quote; 0 if there is none."""
    for j in range(i + 1, length):
        if line[j] == line[i] and line[j - 1] != 92:
            return j + 1
    return 0


@njit(cache=True, nogil=True)
def _quoted(line: np.ndarray, i: int, end: int, length: int, shape: np.ndarray, size: int) -> int:
    """A quoted key (a colon follows) is kept, any other quoted string masked."""
    if end < length and line[end] == _COLON and end - i < 64:
        return _copy(line, i, end, shape, size)
    return _put_mask(shape, size)


@njit(cache=True, nogil=True)
def _list_goes_on(line: np.ndarray, i: int, length: int) -> bool:
    """Whether the next token holds a digit, so that it will be masked too."""
    while i < length and line[i] == _BLANK:
        i += 1
    end = _token_end(line, i, length)
    return end > i and _has_digit(line, i, end) and not _named(line, i, end)


@njit(cache=True, nogil=True)
def _value(line: np.ndarray, i: int, length: int, shape: np.ndarray, size: int, depth: int) -> tuple[int, int]:
    """The value behind `=`: masked unless it is a constant, a type name before its arguments, or missing."""
    if i >= length or _CLASS[line[i]] == _SPACE_:
        return i, size
    if _CLASS[line[i]] == _OPEN:
        end = _group_end(line, i, length)
        return end, _put_group(line, i, end, shape, size)
    end = i
    while end < length and not _ends_value(line[end], depth):
        end += 1
    if end < length and _CLASS[line[end]] == _OPEN and not _has_digit(line, i, end):
        return end, _copy(line, i, end, shape, size)
    if end == i or _is_constant(line, i, end):
        return end, _copy(line, i, end, shape, size)
    return end, _put_mask(shape, size)


@njit(cache=True, nogil=True)
def _ends_value(character: int, depth: int) -> bool:
    kind = _CLASS[character]
    if kind == _SPACE_:
        return depth == 0
    return kind in (_OPEN, _CLOSE) or character in (_COMMA, _SEMICOLON, 38)


@njit(cache=True, nogil=True)
def _is_constant(line: np.ndarray, i: int, end: int) -> bool:
    for constant in _CONSTANTS:
        if len(constant) == end - i:
            same = True
            for j in range(len(constant)):
                same = same and (line[i + j] | 32) == constant[j]
            if same:
                return True
    return False


@njit(cache=True, nogil=True)
def _group_end(line: np.ndarray, i: int, length: int) -> int:
    """Behind the bracket that closes the one at i; the end of the line if none does."""
    depth = 0
    for j in range(i, length):
        kind = _CLASS[line[j]]
        depth += (kind == _OPEN) - (kind == _CLOSE)
        if depth == 0:
            return j + 1
    return length


@njit(cache=True, nogil=True)
def _put_group(line: np.ndarray, i: int, end: int, shape: np.ndarray, size: int) -> int:
    """`[<*>]`, or `[]` where it is empty: an empty answer is not the same message."""
    shape[size] = line[i]
    size += 1
    if end - i > 2:
        size = _copy(_MASK, 0, len(_MASK), shape, size)
    shape[size] = line[i] + (1 if line[i] == 40 else 2)
    return size + 1


@njit(cache=True, nogil=True)
def _token_end(line: np.ndarray, i: int, length: int) -> int:
    while i < length and _JOIN <= _CLASS[line[i]] <= _LETTER:
        i += 1
    return i


@njit(cache=True, nogil=True)
def _scan_token(line: np.ndarray, i: int, length: int) -> tuple[int, bool]:
    """Where the token ends, and whether it holds a digit or a slash."""
    telling = False
    while i < length:
        kind = _CLASS[line[i]]
        if kind < _JOIN or kind > _LETTER:
            break
        telling = telling or kind == _DIGIT or line[i] == _SLASH
        i += 1
    return i, telling


@njit(cache=True, nogil=True)
def _token(line: np.ndarray, i: int, end: int, length: int, shape: np.ndarray, size: int) -> int:
    """One run of letters, digits and what joins them."""
    last = end
    while last > i and _CLASS[line[last - 1]] == _JOIN and line[last - 1] != _SLASH:
        last -= 1
    begin = i
    while i < last and _leads(line[i]):
        i += 1
    size = _copy(line, begin, i, shape, size)
    if last > i and (_is_path(line, i, last) or (_has_digit(line, i, last) and not _named(line, i, last))):
        size = _put_mask(shape, size)
    elif _has_digit(line, i, last):
        size = _put_pieces(line, i, last, shape, size)
    elif _is_date_word(line, i, last, length):
        size = _put_mask(shape, size)
    else:
        size = _copy(line, i, last, shape, size)
    return _copy(line, last, end, shape, size)


@njit(cache=True, nogil=True)
def _leads(character: int) -> bool:
    """Whether a joint before a token is a sign of the message and not a part of the number or path behind it."""
    return _CLASS[character] == _JOIN and character not in (_SLASH, _MINUS, _PLUS, 46, 126, 36)


@njit(cache=True, nogil=True)
def _is_path(line: np.ndarray, i: int, end: int) -> bool:
    slashes = 0
    for j in range(i, end):
        slashes += line[j] == _SLASH
    return slashes >= 2 or (slashes == 1 and line[i] == _SLASH and end - i > 1)


@njit(cache=True, nogil=True)
def _has_digit(line: np.ndarray, i: int, end: int) -> bool:
    found = False
    for j in range(i, end):
        found = found or _CLASS[line[j]] == _DIGIT
    return found


@njit(cache=True, nogil=True)
def _named(line: np.ndarray, i: int, end: int) -> bool:
    """Whether a token with digits also holds a name (`worker7`) or begins with a key (`m:7`)."""
    if _is_opaque(line, i, end):
        return False
    at = i
    while at < end:
        stop = _letters_end(line, at, end)
        if _is_name(line, at, stop) or (at == i and stop > i and stop < end and line[stop] == _COLON):
            return True
        at = max(stop, at + 1)
    return False


@njit(cache=True, nogil=True)
def _is_opaque(line: np.ndarray, i: int, end: int) -> bool:
    """Long, or letters and digits in turns: a key or a token in base 64 (`eyJhbGciOiJIUzI1NiJ9`)."""
    runs = 0
    for j in range(i + 1, end):
        runs += _CLASS[line[j]] == _DIGIT and _CLASS[line[j - 1]] != _DIGIT
    return end - i > _OPAQUE_LENGTH or runs > _OPAQUE_RUNS


@njit(cache=True, nogil=True)
def _letters_end(line: np.ndarray, i: int, end: int) -> int:
    while i < end and _HEX <= _CLASS[line[i]] <= _LETTER:
        i += 1
    return i


@njit(cache=True, nogil=True)
def _is_name(line: np.ndarray, i: int, end: int) -> bool:
    """Enough letters, one of them not a hex digit."""
    plain = False
    for j in range(i, end):
        plain = plain or _CLASS[line[j]] == _LETTER
    return plain and end - i >= _WORD_MIN


@njit(cache=True, nogil=True)
def _put_pieces(line: np.ndarray, i: int, end: int, shape: np.ndarray, size: int) -> int:
    """`Travel2Service#532` as `Travel<*>Service#<*>`: names, keys and joints are kept, the rest masked."""
    at = i
    while at < end and size < SHAPE_MAX - _ROOM:
        stop = _letters_end(line, at, end)
        if stop > at and (_is_name(line, at, stop) or _stands_alone(line, i, at, stop, end)):
            size = _copy(line, at, stop, shape, size)
        elif _CLASS[line[at]] == _JOIN:
            stop = at + 1
            if line[at] == _MINUS and at > i and _CLASS[line[at - 1]] == _JOIN and stop < end:
                at = stop  # a minus behind another joint is the sign of a number
            size = _copy(line, at, stop, shape, size)
        else:
            stop = _piece_end(line, stop, end)
            size = _put_mask(shape, size)
        at = stop
    return size


@njit(cache=True, nogil=True)
def _stands_alone(line: np.ndarray, i: int, at: int, stop: int, end: int) -> bool:
    """Whether a run of letters is a whole piece: a key or part of a dotted name, not a bit of an id."""
    begins = at == i or _CLASS[line[at - 1]] == _JOIN
    if not begins or (stop < end and _CLASS[line[stop]] != _JOIN):
        return False
    plain = stop - at == 1
    for j in range(at, stop):
        plain = plain or _CLASS[line[j]] == _LETTER
    return plain or (at == i and stop < end and line[stop] == _COLON)


@njit(cache=True, nogil=True)
def _piece_end(line: np.ndarray, i: int, end: int) -> int:
    """Behind the digits at i and the letters among them that are no name."""
    while i < end and _CLASS[line[i]] != _JOIN:
        stop = _letters_end(line, i, end)
        if _is_name(line, i, stop):
            break
        i = max(stop, i + 1)
    return i


@njit(cache=True, nogil=True)
def _is_date_word(line: np.ndarray, i: int, end: int, length: int) -> bool:
    """A weekday or month that stands before a number or another of its kind."""
    if not _in_calendar(line, i, end):
        return False
    after = end
    while after < length and (line[after] == _BLANK or line[after] == _COMMA):
        after += 1
    if after >= length or after == end:
        return False
    return _CLASS[line[after]] == _DIGIT or _in_calendar(line, after, _token_end(line, after, length))


@njit(cache=True, nogil=True)
def _in_calendar(line: np.ndarray, i: int, end: int) -> bool:
    if end - i != 3:
        return False
    for at in range(0, len(_CALENDAR), 3):
        same = True
        for j in range(3):
            same = same and (line[i + j] | 32) == _CALENDAR[at + j]
        if same:
            return True
    return False


@njit(cache=True, nogil=True)
def _put_space(shape: np.ndarray, size: int) -> int:
    if size and shape[size - 1] != _BLANK:
        shape[size] = _BLANK
        size += 1
    return size


@njit(cache=True, nogil=True)
def _ends_with_mask(shape: np.ndarray, size: int) -> bool:
    return size >= 3 and shape[size - 1] == 62 and shape[size - 2] == 42 and shape[size - 3] == 60


@njit(cache=True, nogil=True)
def _put_mask(shape: np.ndarray, size: int) -> int:
    """Append `<*>`, unless the shape ends with one already (then a blank between them goes too)."""
    blank = 1 if size and shape[size - 1] == _BLANK else 0
    joined = size - blank
    if _ends_with_mask(shape, joined):
        return joined
    if joined > 3 and _CLASS[shape[joined - 1]] == _JOIN and _ends_with_mask(shape, joined - 1) and not blank:
        return joined - 1
    return _copy(_MASK, 0, len(_MASK), shape, size)


@njit(cache=True, nogil=True)
def _copy(source: np.ndarray, i: int, end: int, shape: np.ndarray, size: int) -> int:
    """Append source[i:end], as far as the shape has room."""
    for j in range(i, min(end, i + SHAPE_MAX - _ROOM - size)):
        shape[size] = source[j]
        size += 1
    return size
