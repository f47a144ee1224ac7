"""The shape of a log line: its text with a mask byte for what surely varies, and a 64-bit hash of it.

Purely lexical and finer than a template: one compiled pass, no knowledge of other lines. Masked are tokens with
digits (their letters only where they cannot name anything), paths and URLs, values of `key=value`, quoted values,
quoted texts and lists of three and more. Everything else is copied, blanks collapsed.

Compiled functions of one kind share a file, because numba's cache of a function looks at its own file only.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from causeway.logtemplates.unwrapping import LINE_MAX, unwrap

SHAPE_MAX = LINE_MAX + 8  # bytes of a shape, which is no longer than its line; a multiple of eight, for the hash
MASK = 1  # the byte that stands for a variable part; control characters of the line are blanks, so it is free
NO_SHAPE = 0  # the hash that no shape has

_TOKEN_MAX = 128  # a token with digits that is longer is a key, whatever it spells
_QUOTE_MAX = 256  # how far to look for a closing quote or bracket
_LIST_COMMAS = 2  # a list with so many commas is one variable
_KEY_DIGITS = 2  # digits that the key of `key=value` may have and stay
_NAME_MIN = 2  # letters before the digits of `worker12` that are kept

# Kinds of bytes are bits, so that a token's kinds are an OR; all below _BOUNDARY belong to tokens.
_LETTER, _HEX, _DIGIT, _JOIN, _SLASHES, _BOUNDARY, _DELIMITER, _CONTROL = 1, 2, 4, 8, 16, 32, 64, 128
_SPACE, _HIGH = _BOUNDARY, _BOUNDARY | 1
_TELLING = _DIGIT | _SLASHES  # a token without these is copied as it is


def _kinds() -> np.ndarray:
    table = np.full(256, _DELIMITER, np.uint8)
    table[:33] = _SPACE
    table[[10, 13, 27]] = _CONTROL  # a second line or a colour: the line is unwrapped first
    table[127] = _SPACE
    table[128:] = _HIGH
    for characters, kind in (
        (b"abcdefABCDEF", _HEX),
        (b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", _LETTER),
        (b"0123456789", _DIGIT),
        (b"._-#@+%$*~&?!\\^", _JOIN),
        (b"/", _JOIN | _SLASHES),
    ):
        table[np.frombuffer(characters, np.uint8)] = kind
    return table


_KIND = _kinds()
_BLANK, _COMMA, _COLON, _EQUALS, _QUOTE, _SLASH, _BACKSLASH, _BRACE = 32, 44, 58, 61, 34, 47, 92, 123
_SQUARE, _SQUARE_END, _DOT = 91, 93, 46


@njit(cache=True, nogil=True)
def look_up(
    starts: np.ndarray,
    stops: np.ndarray,
    text: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    ids: np.ndarray,
    misses: np.ndarray,
) -> int:
    """Fill (n,) ids from the table of known shapes; the rows of unknown ones go to `misses`, their number is returned.

    starts, stops: (n,) int64 places in the (bytes,) uint8 text.  keys, values: the (2**k,) table of `insert_all`.
    """
    shape, line = np.zeros(SHAPE_MAX, np.uint8), np.empty(LINE_MAX, np.uint8)
    words = shape.view(np.uint64)
    missed = 0
    for row in range(len(ids)):
        key = _hash(words, _shape_of(text, starts[row], stops[row], shape, line))
        slot = _find(keys, key)
        ids[row] = values[slot]
        if keys[slot] == NO_SHAPE:
            misses[missed] = row
            missed += 1
    return missed


@njit(cache=True, nogil=True)
def shapes(
    starts: np.ndarray, stops: np.ndarray, text: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The k different shapes of (n,) rows, in the order of their first rows.

    Returns (k,) hashes, (k, SHAPE_MAX) uint8 shapes, (k,) lengths, and (n,) which of the k each row has.
    """
    line, shape = np.empty(LINE_MAX, np.uint8), np.zeros(SHAPE_MAX, np.uint8)
    words = shape.view(np.uint64)
    size = 16
    while size < 2 * len(rows):
        size *= 2
    seen, numbers = np.zeros(size, np.int64), np.zeros(size, np.int64)
    hashes, lengths = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    places = np.empty(len(rows), np.int64)
    found = np.empty((len(rows), SHAPE_MAX), np.uint8)
    count = 0
    for i in range(len(rows)):
        length = _shape_of(text, int(starts[rows[i]]), int(stops[rows[i]]), shape, line)
        key = _hash(words, length)
        slot = _find(seen, key)
        if seen[slot] == NO_SHAPE:
            seen[slot] = hashes[count] = key
            numbers[slot], lengths[count] = count, length
            found[count] = shape
            count += 1
        places[i] = numbers[slot]
    return hashes[:count], found[:count], lengths[:count], places


@njit(cache=True, nogil=True)
def insert_all(keys: np.ndarray, values: np.ndarray, more_keys: np.ndarray, more_values: np.ndarray) -> None:
    """Put shapes and their template ids into the open-addressed table, which must have room for all."""
    for i in range(len(more_keys)):
        slot = _find(keys, more_keys[i])
        keys[slot], values[slot] = more_keys[i], more_values[i]


@njit(cache=True, nogil=True)
def _find(keys: np.ndarray, key: int) -> int:
    """The slot of a key, or the free one where it belongs."""
    last = len(keys) - 1
    slot = key & last
    while keys[slot] != NO_SHAPE and keys[slot] != key:
        slot = (slot + 1) & last
    return slot


@njit(cache=True, nogil=True)
def _hash(words: np.ndarray, length: int) -> int:
    """Eight bytes a step, each multiplied and folded, with the finaliser of splitmix64 (Steele et al., OOPSLA 2014)."""
    value = np.uint64(length) * np.uint64(0x9E3779B97F4A7C15)
    for i in range((length + 7) // 8):
        value = (value ^ words[i]) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(29)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value ^= value >> np.uint64(31)
    return np.int64(value) if value != np.uint64(0) else np.int64(1)  # type: ignore[return-value]


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
def _shape(text: np.ndarray, start: int, stop: int, shape: np.ndarray) -> int:  # noqa: C901 (one loop is twice as fast as calls)
    """Write the shape and return its length; -1 for a line that must be unwrapped first."""
    i, size, first, seen = start, 0, 0, 0
    while i < stop:
        character = text[i]
        kind = int(_KIND[character])
        if kind < _BOUNDARY:
            shape[size] = character
            seen |= kind
            i, size = i + 1, size + 1
            continue
        if character == _COLON and _is_scheme(text, i, stop):
            shape[size] = character
            i, size = i + 1, size + 1
            continue
        if seen == _DIGIT:
            shape[first] = MASK
            size = first + 1
        elif seen & _TELLING:
            size = _token(shape, first, size, character, seen)
        seen = 0
        if kind == _SPACE:
            if size and shape[size - 1] != _BLANK:
                shape[size] = _BLANK
                size += 1
            i += 1
        elif kind < _CONTROL:
            shape[size] = character
            i, size = i + 1, size + 1
            if character == _QUOTE:
                i, size = _quoted(text, i, stop, shape, size)
            elif character == _SQUARE:
                i, size = _listed(text, i, stop, shape, size)
        else:
            return -1
        first = size
    if seen & _TELLING:
        size = _token(shape, first, size, 0, seen)
    return size - 1 if size and shape[size - 1] == _BLANK else size


@njit(cache=True, nogil=True)
def _token(shape: np.ndarray, first: int, end: int, behind: int, seen: int) -> int:
    """Rewrite a token with digits or slashes, shape[first:end], and return its new end.

    behind: the byte that follows.  seen: the kinds of its bytes.
    """
    if seen & (_LETTER | _HEX | _SLASHES) == 0:
        return _number(shape, first, end)
    digits, slashes = 0, 0
    for j in range(first, end):
        kind = int(_KIND[shape[j]])
        digits += kind == _DIGIT
        slashes += kind & _SLASHES
    if slashes and _is_path(shape, first, end, slashes // _SLASHES):
        return _path(shape, first, end)
    if digits == 0 or (digits == 1 and _is_word(shape, first, end)):
        return end
    if digits <= _KEY_DIGITS and behind == _EQUALS and _KIND[shape[first]] <= _HEX:
        return end
    return _pieces(shape, first, end)


@njit(cache=True, nogil=True)
def _number(shape: np.ndarray, first: int, end: int) -> int:
    """Digits and joints, `-12.5` or `10.0.0.1`: one mask from the first digit to the last, `#` and `@` apart."""
    at, size = first, first
    while at < end:
        if _KIND[shape[at]] != _DIGIT:
            shape[size] = shape[at]
            at, size = at + 1, size + 1
            continue
        last = at
        while at < end and shape[at] != 35 and shape[at] != 64:  # 35 #, 64 @
            if _KIND[shape[at]] == _DIGIT:
                last = at
            elif at > last + 1:
                break  # two joints: dots between a name and its value
            at += 1
        shape[size] = MASK
        at, size = last + 1, size + 1
    return size


@njit(cache=True, nogil=True)
def _is_scheme(text: np.ndarray, i: int, stop: int) -> bool:
    """Whether the colon of a URL, `://`, stands here."""
    return i + 2 < stop and text[i + 1] == _SLASH and text[i + 2] == _SLASH


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
    """Whether a token with one digit is a word (`ssh2`, `L3`): the digit stands behind a letter."""
    plain = 0
    for j in range(first, end):
        kind = int(_KIND[shape[j]])
        plain += kind == _LETTER
        if kind == _DIGIT and (j == first or _KIND[shape[j - 1]] > _HEX):
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
        if _KIND[shape[at]] >= _JOIN:
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
    while stop < end and _KIND[shape[stop]] < _JOIN:
        kind = _KIND[shape[stop]]
        plain = plain or kind == _LETTER
        turns += stop > at and (kind == _DIGIT) != (_KIND[shape[stop - 1]] == _DIGIT)
        letters += kind != _DIGIT
        stop += 1
    digits_first = _KIND[shape[at]] == _DIGIT
    if not plain or digits_first or turns > 1 or (turns == 1 and letters < _NAME_MIN):
        return stop, 0
    return stop, letters


@njit(cache=True, nogil=True)
def _quoted(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    """Behind an opening quote: a quoted value, or a text with blanks, is masked; a quoted word or key is not."""
    end, blanks = i, 0
    limit = min(stop, i + _QUOTE_MAX)
    while end < limit and (text[end] != _QUOTE or text[end - 1] == _BACKSLASH):
        blanks += text[end] <= _BLANK
        end += 1
    if end >= limit or end == i:
        return i, size
    key = end + 1 < stop and text[end + 1] == _COLON
    if key or not (blanks or _is_value(shape, size - 2)):
        return i, size
    shape[size] = MASK
    shape[size + 1] = _QUOTE
    return end + 1, size + 2


@njit(cache=True, nogil=True)
def _is_value(shape: np.ndarray, last: int) -> bool:
    """Whether what follows shape[last] is a value: a colon or an equals sign, with or without a blank, comes before."""
    if last >= 0 and shape[last] == _BLANK:
        last -= 1
    return last >= 0 and (shape[last] == _COLON or shape[last] == _EQUALS)


@njit(cache=True, nogil=True)
def _listed(text: np.ndarray, i: int, stop: int, shape: np.ndarray, size: int) -> tuple[int, int]:
    """Behind an opening bracket: a list of three and more without inner brackets is one mask, whatever it holds."""
    commas = 0
    for end in range(i, stop):
        character = text[end]
        commas += character == _COMMA
        if character == _SQUARE_END:
            if commas < _LIST_COMMAS:
                break
            shape[size] = MASK
            return end, size + 1
        if character in (_SQUARE, 40, 123, _EQUALS):
            break
    return i, size
