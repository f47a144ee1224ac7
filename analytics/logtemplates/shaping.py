"""The shape of a log line: its text with a mask byte for what surely varies, and a 64-bit hash of it.

Purely lexical and finer than a template: one compiled pass, no knowledge of other lines. Masked are tokens with
digits (their letters only where they cannot name anything), paths and URLs, values of `key=value`, quoted values,
quoted texts and lists of three and more. Everything else is copied, blanks collapsed.

Compiled functions of one kind share a file, because numba's cache of a function looks at its own file only.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.logtemplates.unwrapping import LINE_MAX, unwrap

SHAPE_MAX = 1024  # bytes of a shape; a multiple of eight, because it is hashed by words of eight bytes
MASK = 1  # the byte that stands for a variable part; control characters of the line are blanks, so it is free
NO_SHAPE = 0  # the hash that no shape has

_ROOM = 16  # the most that one step writes beyond what it copies
_TOKEN_MAX = 128  # a token with digits that is longer is a key, whatever it spells
_QUOTE_MAX = 256  # how far to look for a closing quote or bracket
_LIST_COMMAS = 2  # a list with so many commas is one variable
_KEY_DIGITS = 2  # digits that the key of `key=value` may have and stay
_NAME_MIN = 2  # letters before the digits of `worker12` that are kept

_SPACE, _LETTER, _HEX, _DIGIT, _JOIN, _HIGH, _DELIMITER, _CONTROL = range(8)


def _classes() -> np.ndarray:
    table = np.full(256, _DELIMITER, np.uint8)
    table[:33] = _SPACE
    table[[10, 13, 27]] = _CONTROL  # a second line or a colour: the line is unwrapped first
    table[127] = _SPACE
    table[128:] = _HIGH
    for characters, kind in (
        (b"abcdefABCDEF", _HEX),
        (b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", _LETTER),
        (b"0123456789", _DIGIT),
        (b"._-#@/+%$*~&?!\\^", _JOIN),
    ):
        table[np.frombuffer(characters, np.uint8)] = kind
    return table


_CLASS = _classes()
_BLANK, _COMMA, _COLON, _EQUALS, _QUOTE, _SLASH, _BACKSLASH, _BRACE = 32, 44, 58, 61, 34, 47, 92, 123
_SQUARE, _SQUARE_END, _DOT = 91, 93, 46


@njit(cache=True, nogil=True)
def look_up(
    offsets: np.ndarray, text: np.ndarray, keys: np.ndarray, values: np.ndarray, ids: np.ndarray, misses: np.ndarray
) -> int:
    """Fill (n,) ids from the table of known shapes; the rows of unknown ones go to `misses`, their number is returned.

    offsets: (n + 1,) ints into the (bytes,) uint8 text.  keys, values: the (2**k,) table of `insert`.
    """
    shape, line = np.zeros(SHAPE_MAX, np.uint8), np.empty(LINE_MAX, np.uint8)
    words = shape.view(np.uint64)
    missed = 0
    for row in range(len(ids)):
        key = _hash(words, _shape_of(text, offsets[row], offsets[row + 1], shape, line))
        slot = _find(keys, key)
        ids[row] = values[slot]
        if keys[slot] == NO_SHAPE:
            misses[missed] = row
            missed += 1
    return missed


@njit(cache=True, nogil=True)
def shapes(offsets: np.ndarray, text: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(k,) hashes, (k, SHAPE_MAX) uint8 shapes and (k,) lengths of these rows, each shape once, first rows first."""
    line = np.empty(LINE_MAX, np.uint8)
    shape = np.zeros(SHAPE_MAX, np.uint8)
    words = shape.view(np.uint64)
    size = 16
    while size < 2 * len(rows):
        size *= 2
    seen = np.zeros(size, np.int64)
    hashes, lengths = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    found = np.empty((len(rows), SHAPE_MAX), np.uint8)
    count = 0
    for row in rows:
        length = _shape_of(text, offsets[row], offsets[row + 1], shape, line)
        key = _hash(words, length)
        slot = _find(seen, key)
        if seen[slot] == NO_SHAPE:
            seen[slot] = hashes[count] = key
            lengths[count] = length
            found[count] = shape
            count += 1
    return hashes[:count], found[:count], lengths[:count]


@njit(cache=True, nogil=True)
def insert(keys: np.ndarray, values: np.ndarray, key: int, value: int) -> None:
    """Put one shape's template id into the open-addressed table, which must have a free slot."""
    slot = _find(keys, key)
    keys[slot] = key
    values[slot] = value


@njit(cache=True, nogil=True)
def insert_all(keys: np.ndarray, values: np.ndarray, more_keys: np.ndarray, more_values: np.ndarray) -> None:
    """Put many into the table, which must have room for all."""
    for i in range(len(more_keys)):
        insert(keys, values, more_keys[i], more_values[i])


@njit(cache=True, nogil=True)
def _find(keys: np.ndarray, key: int) -> int:
    """The slot of a key, or the free one where it belongs."""
    last = len(keys) - 1
    slot = key & last
    while keys[slot] != NO_SHAPE and keys[slot] != key:
        slot = (slot + 1) & last
    return slot


@njit(cache=True, nogil=True)
def _hash(words: np.ndarray, length: int) -> np.int64:
    """Eight bytes a step, each multiplied and folded, with the finaliser of splitmix64 (Steele et al., OOPSLA 2014)."""
    value = np.uint64(length) * np.uint64(0x9E3779B97F4A7C15)
    for i in range((length + 7) // 8):
        value = (value ^ words[i]) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(29)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value ^= value >> np.uint64(31)
    return np.int64(value) if value != np.uint64(0) else np.int64(1)


@njit(cache=True, nogil=True)
def _shape_of(text: np.ndarray, start: int, stop: int, shape: np.ndarray, line: np.ndarray) -> int:
    """Write the shape of text[start:stop], padded with zeros to eight bytes, and return its length."""
    size = -1
    if start < stop and text[start] != _BRACE:
        size = _shape(text, start, _cut(text, start, stop), shape)
    if size < 0:
        size = _shape(line, 0, unwrap(text, start, stop, line), shape)
    for i in range(size, min((size + 7) // 8 * 8, SHAPE_MAX)):
        shape[i] = 0
    return size


@njit(cache=True, nogil=True)
def _cut(text: np.ndarray, start: int, stop: int) -> int:
    """Where to stop reading: the end, or the last blank before LINE_MAX, so that no half word is seen."""
    if stop - start <= LINE_MAX:
        return stop
    end = start + LINE_MAX
    while end > start + LINE_MAX - _TOKEN_MAX:
        if text[end - 1] <= _BLANK:
            return end
        end -= 1
    return start + LINE_MAX


@njit(cache=True, nogil=True)
def _shape(text: np.ndarray, start: int, stop: int, shape: np.ndarray) -> int:
    """Write the shape and return its length; -1 for a line that must be unwrapped first."""
    i, size = start, 0
    while i < stop and size < SHAPE_MAX - _ROOM:
        character = text[i]
        kind = _CLASS[character]
        if kind == _SPACE:
            if size and shape[size - 1] != _BLANK:
                shape[size] = _BLANK
                size += 1
            i += 1
        elif kind <= _JOIN:
            i, size = _token(text, i, stop, shape, size)
        elif kind == _HIGH:
            shape[size] = character
            i, size = i + 1, size + 1
        elif kind == _DELIMITER:
            i, size = _delimiter(text, i, stop, shape, size)
        else:
            return -1
    return size - 1 if size and shape[size - 1] == _BLANK else size


@njit(cache=True, nogil=True)
def _token(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    """One run of letters, digits and what joins them: copied, then rewritten if it has digits or is a path."""
    begin, first, digits, slashes = i, size, 0, 0
    limit = min(stop, i + SHAPE_MAX - _ROOM - size)
    while i < limit:
        character = text[i]
        kind = _CLASS[character]
        if kind > _JOIN or kind == _SPACE:
            if not _is_scheme(text, i, stop):
                break
            slashes += 2
        digits += kind == _DIGIT
        slashes += character == _SLASH
        shape[size] = character
        i, size = i + 1, size + 1
    if digits == 0 and slashes == 0:
        return i, size
    if slashes and _is_path(shape, first, size, slashes):
        return i, _path(shape, first, size)
    if digits == 0 or (digits == 1 and _is_word(shape, first, size)):
        return i, size
    if digits <= _KEY_DIGITS and i < stop and text[i] == _EQUALS and _CLASS[text[begin]] <= _HEX:
        return i, size
    return i, _pieces(shape, first, size)


@njit(cache=True, nogil=True)
def _is_scheme(text: np.ndarray, i: int, stop: int) -> bool:
    """Whether the colon of a URL, `://`, stands here."""
    return text[i] == _COLON and i + 2 < stop and text[i + 1] == _SLASH and text[i + 2] == _SLASH


@njit(cache=True, nogil=True)
def _is_path(shape: np.ndarray, first: int, end: int, slashes: int) -> bool:
    """Two slashes, one at the beginning, or one beside a dotted name (`./run`, `host.net/10.0.0.1`)."""
    if slashes >= 2:
        return True
    dots, slash = 0, first
    for j in range(first, end - 1):
        dots += shape[j] == _DOT
        if shape[j] == _SLASH:
            slash = j
    return end - first > 1 and (shape[first] == _SLASH or (dots > 0 and shape[slash] == _SLASH))


@njit(cache=True, nogil=True)
def _path(shape: np.ndarray, first: int, end: int) -> int:
    """A path or URL as one mask; full stops and the like behind it stay."""
    last = end
    while last > first and shape[last - 1] in (_DOT, 33, 63):  # . ! ?
        last -= 1
    if last == first:
        return end
    shape[first] = MASK
    for j in range(last, end):
        shape[first + 1 + j - last] = shape[j]
    return first + 1 + end - last


@njit(cache=True, nogil=True)
def _is_word(shape: np.ndarray, first: int, end: int) -> bool:
    """Whether a token with one digit is a word (`ssh2`, `L3`): the digit touches a letter and does not begin a piece."""
    plain = 0
    for j in range(first, end):
        kind = _CLASS[shape[j]]
        plain += kind == _LETTER
        if kind == _DIGIT and (j == first or _CLASS[shape[j - 1]] > _HEX):
            return False
    return plain > 0 or end - first < 4


@njit(cache=True, nogil=True)
def _pieces(shape: np.ndarray, first: int, end: int) -> int:
    """Rewrite a token with digits: joints and names are kept, pieces with digits or of hex letters masked."""
    if end - first > _TOKEN_MAX:
        shape[first] = MASK
        return first + 1
    at, size = first, first
    while at < end:
        if _CLASS[shape[at]] == _JOIN:
            shape[size] = shape[at]
            at, size = at + 1, size + 1
            continue
        stop, letters = _name_end(shape, at, end)
        for j in range(at, at + letters):
            shape[size] = shape[j]
            size += 1
        if at + letters < stop:
            shape[size] = MASK
            size += 1
        at = stop
    return size


@njit(cache=True, nogil=True)
def _name_end(shape: np.ndarray, at: int, end: int) -> tuple[int, int]:
    """Where the piece at `at` ends, and how many of its first letters are a name.

    All of `Controller`, the letters of `worker12`, none of `f3d4`, `beef` or `a1b2c3`.
    """
    stop, letters, plain, turns = at, 0, False, 0
    while stop < end and _CLASS[shape[stop]] != _JOIN:
        kind = _CLASS[shape[stop]]
        plain = plain or kind == _LETTER
        turns += stop > at and (kind == _DIGIT) != (_CLASS[shape[stop - 1]] == _DIGIT)
        letters += kind != _DIGIT
        stop += 1
    digits_first = _CLASS[shape[at]] == _DIGIT
    if not plain or digits_first or turns > 1 or (turns == 1 and letters < _NAME_MIN):
        return stop, 0
    return stop, letters


@njit(cache=True, nogil=True)
def _delimiter(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    character = text[i]
    shape[size] = character
    if character == _QUOTE:
        return _quoted(text, i, stop, shape, size + 1)
    if character == _SQUARE:
        return _listed(text, i, stop, shape, size + 1)
    return i + 1, size + 1


@njit(cache=True, nogil=True)
def _quoted(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    """A quoted value, or a quoted text with blanks, is masked; a quoted word or key is not. The quotes stay."""
    end, blanks = i + 1, 0
    limit = min(stop, i + _QUOTE_MAX)
    while end < limit and (text[end] != _QUOTE or text[end - 1] == _BACKSLASH):
        blanks += text[end] <= _BLANK
        end += 1
    if end >= limit or text[end] != _QUOTE or end == i + 1:
        return i + 1, size
    key = end + 1 < stop and text[end + 1] == _COLON
    if key or not (blanks or _is_value(shape, size - 2)):
        return i + 1, size
    shape[size] = MASK
    shape[size + 1] = _QUOTE
    return end + 1, size + 2


@njit(cache=True, nogil=True)
def _is_value(shape: np.ndarray, last: int) -> bool:
    """Whether what follows shape[last] is a value: a colon or an equals sign, with or without a blank, comes before."""
    if last >= 0 and shape[last] == _BLANK:
        last -= 1
    return last >= 0 and shape[last] in (_COLON, _EQUALS)


@njit(cache=True, nogil=True)
def _listed(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    """A list of three and more without inner brackets is one mask, whatever it holds. The brackets stay."""
    commas = 0
    for end in range(i + 1, min(stop, i + LINE_MAX)):
        character = text[end]
        commas += character == _COMMA
        if character == _SQUARE_END:
            if commas < _LIST_COMMAS:
                break
            shape[size] = MASK
            return end, size + 1
        if character in (_SQUARE, 40, 123, _EQUALS):
            break
    return i + 1, size
