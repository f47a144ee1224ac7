"""Writes pieces of JSON as bytes: the compiled part of `fragments`.

Columns are given as Arrow keeps them: offsets (n + 1,) and bytes. `present` is empty where no element is null. What
makes a fragment returns (ends (n + 1,) int64, bytes uint8).
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

from causeway.memory import copy_bytes, load64

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)
_QUOTE, _BACKSLASH, _SPACE = 0x22, 0x5C, 0x20
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES = _ONES * np.uint64(_QUOTE), _ONES * np.uint64(_BACKSLASH)
_SPACES = _ONES * np.uint64(_SPACE)
# What a key of a flattened field may not hold becomes this.
_REPLACEMENT = np.frombuffer("\ufffd".encode(), np.uint8)
_CONTROL = np.frombuffer(b"\\u00", np.uint8)


@njit(nogil=True, cache=True)
def _extra(data, start, end):
    """How many bytes escaping adds to data[start:end]."""
    at = start
    extra = 0
    while at + 8 <= end:
        word = np.uint64(load64(data, at))
        quotes = word ^ _QUOTES
        slashes = word ^ _BACKSLASHES
        found = (word - _SPACES) & ~word
        found |= (quotes - _ONES) & ~quotes
        found |= (slashes - _ONES) & ~slashes
        if found & _HIGHS:
            for k in range(at, at + 8):
                extra += _extra_of(data[k])
        at += 8
    while at < end:
        extra += _extra_of(data[at])
        at += 1
    return extra


@njit(nogil=True, cache=True)
def _extra_of(byte):
    if byte in (_QUOTE, _BACKSLASH):
        return 1
    return 5 if byte < _SPACE else 0


@njit(nogil=True, cache=True)
def _put(out, at, source, start, end, extra):
    """Write source[start:end], escaped, to out[at:]; returns where it ends."""
    if extra == 0:
        copy_bytes(out, at, source, start, end - start)
        return at + end - start
    for k in range(start, end):
        byte = source[k]
        if byte in (_QUOTE, _BACKSLASH):
            out[at] = _BACKSLASH
            out[at + 1] = byte
            at += 2
        elif byte < _SPACE:
            copy_bytes(out, at, _CONTROL, np.int64(0), np.int64(4))
            out[at + 4] = _HEX[byte >> 4]
            out[at + 5] = _HEX[byte & 15]
            at += 6
        else:
            out[at] = byte
            at += 1
    return at


@njit(nogil=True, cache=True)
def quote(offsets, data, present, prefix, keep_empty):
    n = len(offsets) - 1
    extras = np.empty(n, np.int64)
    ends = np.zeros(n + 1, np.int64)
    for i in range(n):
        length = offsets[i + 1] - offsets[i]
        extras[i] = -1
        size = 0
        if (len(present) == 0 or present[i]) and (length > 0 or keep_empty):
            extras[i] = _extra(data, np.int64(offsets[i]), np.int64(offsets[i + 1]))
            size = len(prefix) + 2 + length + extras[i]
        ends[i + 1] = ends[i] + size
    out = np.empty(ends[n], np.uint8)
    for i in range(n):
        if extras[i] >= 0:
            at = ends[i]
            copy_bytes(out, at, prefix, np.int64(0), np.int64(len(prefix)))
            at += len(prefix)
            out[at] = _QUOTE
            at = _put(out, at + 1, data, np.int64(offsets[i]), np.int64(offsets[i + 1]), extras[i])
            out[at] = _QUOTE
    return ends, out


@njit(nogil=True, cache=True)
def prefixed(offsets, data, present, prefix):
    n = len(offsets) - 1
    ends = np.zeros(n + 1, np.int64)
    for i in range(n):
        there = len(present) == 0 or present[i]
        ends[i + 1] = ends[i] + (len(prefix) + offsets[i + 1] - offsets[i] if there else 0)
    out = np.empty(ends[n], np.uint8)
    for i in range(n):
        at = ends[i]
        if ends[i + 1] > at:
            copy_bytes(out, at, prefix, np.int64(0), np.int64(len(prefix)))
            length = np.int64(offsets[i + 1] - offsets[i])
            copy_bytes(out, at + len(prefix), data, np.int64(offsets[i]), length)
    return ends, out


@njit(nogil=True, cache=True)
def hex_quote(offsets, data, present, prefix, keep_empty):
    n = len(offsets) - 1
    ends = np.zeros(n + 1, np.int64)
    for i in range(n):
        length = offsets[i + 1] - offsets[i]
        there = (len(present) == 0 or present[i]) and (length > 0 or keep_empty)
        ends[i + 1] = ends[i] + (len(prefix) + 2 + 2 * length if there else 0)
    out = np.empty(ends[n], np.uint8)
    for i in range(n):
        at = ends[i]
        if ends[i + 1] > at:
            copy_bytes(out, at, prefix, np.int64(0), np.int64(len(prefix)))
            at += len(prefix)
            out[at] = _QUOTE
            at += 1
            for k in range(offsets[i], offsets[i + 1]):
                out[at] = _HEX[data[k] >> 4]
                out[at + 1] = _HEX[data[k] & 15]
                at += 2
            out[at] = _QUOTE
    return ends, out


@njit(nogil=True, cache=True)
def _same(data, left, right, length):
    k = 0
    while k < length and data[left + k] == data[right + k]:
        k += 1
    return k == length


@njit(nogil=True, cache=True)
def _is_repeated(key_offsets, keys, first, place):
    """Whether an entry from `first` on has the key of `place`."""
    start = key_offsets[place]
    length = key_offsets[place + 1] - start
    for other in range(first, place):
        begin = key_offsets[other]
        if key_offsets[other + 1] - begin == length and _same(keys, begin, start, length):
            return True
    return False


@njit(nogil=True, cache=True)
def _key_extra(keys, start, end):
    """As `_extra`, for a key: a NUL becomes three bytes instead of six. (extra bytes, whether it has a NUL)."""
    extra = _extra(keys, start, end)
    nul = False
    if extra:
        for k in range(start, end):
            if keys[k] == 0:
                extra -= 3
                nul = True
    return extra, nul


@njit(nogil=True, cache=True)
def _put_key(out, at, keys, start, end, extra, nul):
    if not nul:
        return _put(out, at, keys, start, end, extra)
    for k in range(start, end):
        if keys[k] == 0:
            copy_bytes(out, at, _REPLACEMENT, np.int64(0), np.int64(3))
            at += 3
        else:
            at = _put(out, at, keys, k, k + 1, 1)
    return at


@njit(nogil=True, cache=True)
def write_objects(rows, key_offsets, keys, value_offsets, values, present, prefix):  # noqa: C901
    n = len(rows) - 1
    total = len(key_offsets) - 1
    key_extras = np.empty(total, np.int64)
    value_extras = np.empty(total, np.int64)
    ends = np.zeros(n + 1, np.int64)
    for i in range(n):
        size = np.int64(0)
        if len(present) == 0 or present[i]:
            for e in range(rows[i], rows[i + 1]):
                if _is_repeated(key_offsets, keys, rows[i], e):
                    key_extras[e] = -1
                    continue
                key_extras[e], _ = _key_extra(keys, np.int64(key_offsets[e]), np.int64(key_offsets[e + 1]))
                value_extras[e] = _extra(values, np.int64(value_offsets[e]), np.int64(value_offsets[e + 1]))
                size += key_offsets[e + 1] - key_offsets[e] + key_extras[e]
                size += value_offsets[e + 1] - value_offsets[e] + value_extras[e] + 6
            if size > 0:
                size += len(prefix) + 1
        ends[i + 1] = ends[i] + size
    out = np.empty(ends[n], np.uint8)
    for i in range(n):
        at = ends[i]
        if ends[i + 1] == at:
            continue
        copy_bytes(out, at, prefix, np.int64(0), np.int64(len(prefix)))
        at += len(prefix)
        separator = 0x7B
        for e in range(rows[i], rows[i + 1]):
            if key_extras[e] < 0:
                continue
            out[at] = separator
            out[at + 1] = _QUOTE
            separator = 0x2C
            start, end = np.int64(key_offsets[e]), np.int64(key_offsets[e + 1])
            if key_extras[e] == 0:
                at = _put(out, at + 2, keys, start, end, 0)
            else:
                extra, nul = _key_extra(keys, start, end)
                at = _put_key(out, at + 2, keys, start, end, extra, nul)
            out[at] = _QUOTE
            out[at + 1] = 0x3A
            out[at + 2] = _QUOTE
            start, end = np.int64(value_offsets[e]), np.int64(value_offsets[e + 1])
            at = _put(out, at + 3, values, start, end, value_extras[e])
            out[at] = _QUOTE
            at += 1
        out[at] = 0x7D
    return ends, out


@njit(nogil=True, cache=True)
def write_lists(rows, offsets, data, present, prefix):
    n = len(rows) - 1
    ends = np.zeros(n + 1, np.int64)
    for i in range(n):
        size = np.int64(0)
        if (len(present) == 0 or present[i]) and rows[i + 1] > rows[i]:
            count = rows[i + 1] - rows[i]
            size = len(prefix) + 1 + count + offsets[rows[i + 1]] - offsets[rows[i]]
        ends[i + 1] = ends[i] + size
    out = np.empty(ends[n], np.uint8)
    for i in range(n):
        at = ends[i]
        if ends[i + 1] == at:
            continue
        copy_bytes(out, at, prefix, np.int64(0), np.int64(len(prefix)))
        at += len(prefix)
        out[at] = 0x5B
        at += 1
        for e in range(rows[i], rows[i + 1]):
            length = offsets[e + 1] - offsets[e]
            copy_bytes(out, at, data, offsets[e], length)
            out[at + length] = 0x2C
            at += length + 1
        out[at - 1] = 0x5D
    return ends, out


@njit(nogil=True, cache=True)
def write_heads(ids, times_ns, head, start):
    n = len(times_ns)
    width = len(head) + len(start)
    place = 18  # of the id in the action line
    time_place = len(head) + 15  # of the time in the document
    out = np.empty(n * width, np.uint8)
    ends = np.empty(n + 1, np.int64)
    for i in range(n + 1):
        ends[i] = i * width
    for i in range(n):
        at = i * width
        copy_bytes(out, at, head, np.int64(0), np.int64(len(head)))
        copy_bytes(out, at + len(head), start, np.int64(0), np.int64(len(start)))
        for k in range(ids.shape[1]):
            out[at + place + k] = ids[i, k]
        rest = times_ns[i]
        for k in range(19, -1, -1):
            if k == 13:
                continue
            out[at + time_place + k] = np.uint8(48 + rest % 10)
            rest //= 10
    return ends, out


@njit(nogil=True, cache=True)
def write_ids(minutes, identities):
    n = len(minutes)
    out = np.empty((n, 16), np.uint8)
    for i in range(n):
        # 96 bits in sixteen digits of six: 32 of the minute, 64 of the identity.
        high = np.uint64(minutes[i]) & np.uint64(0xFFFFFFFF)
        low = identities[i]
        first = (high << np.uint64(16)) | (low >> np.uint64(48))
        second = low & np.uint64(0xFFFFFFFFFFFF)
        for k in range(8):
            out[i, 7 - k] = _BASE64[np.int64(first & np.uint64(63))]
            out[i, 15 - k] = _BASE64[np.int64(second & np.uint64(63))]
            first >>= np.uint64(6)
            second >>= np.uint64(6)
    return out


@njit(nogil=True, cache=True)
def add_lengths(offsets, codes, order, lengths):
    """Add to lengths[i + 1] the length of the piece of row order[i]."""
    for i in range(len(order)):
        piece = order[i]
        if len(codes):
            piece = np.int64(codes[piece])
        if piece >= 0:
            lengths[i + 1] += offsets[piece + 1] - offsets[piece]


@njit(nogil=True, cache=True)
def copy_pieces(offsets, data, codes, order, cursors, out):
    for i in range(len(order)):
        piece = order[i]
        if len(codes):
            piece = np.int64(codes[piece])
        if piece >= 0:
            length = offsets[piece + 1] - offsets[piece]
            copy_bytes(out, cursors[i], data, offsets[piece], length)
            cursors[i] += length
