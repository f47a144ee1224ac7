"""Reads protobuf wire bytes into integer cells, one row per message, without building message objects.

Everything here is compiled and releases the interpreter lock. Every length is checked; the time is linear in the bytes.
The constants are frozen into the compiled code, so they must stay in this file (its cache goes by the file).
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, SIM109

from __future__ import annotations

import numpy as np
from numba import njit

# What to do with a field: nothing; a number into a cell; (start, length) of text into two cells; a message as a row of
# another table, or into cells of the same row; a zigzag number; repeated numbers, each a row; the bytes of a message
# as a row.
SKIP, VARINT, FIXED64, REF, CHILD, INLINE, SINT, NUMBERS_FIXED, NUMBERS_VARINT, REF_ROW = range(10)
FIELDS = 16  # field numbers from here on are of no interest in any OTLP message
DEPTH = 12
GROUP_DEPTH = 32

OK, MALFORMED, TOO_DEEP, FULL = 0, -1, -2, -3
ALL_FIT = -1

# Columns of the register of tables.
BASE, WIDTH, CAPACITY, COUNT = range(4)
# Columns of a field's specification: what to do, in which column, of which message type and table, and where and how
# its presence is marked.
KIND, COLUMN, MESSAGE, TABLE, MARK, MARK_VALUE = range(6)
SPEC_CELLS = 6
# Wire types.
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)


@njit(nogil=True, cache=True)
def read_varint(buffer, at, end):
    """(value, position behind it); the position is -1 when there is no whole varint."""
    value = np.int64(0)
    shift = 0
    while at < end and shift < 70:
        byte = np.int64(buffer[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return np.int64(0), -1


@njit(nogil=True, cache=True)
def read_fixed64(buffer, at):
    """Eight little-endian bytes as they are."""
    value = np.uint64(0)
    for k in range(8):
        value |= np.uint64(buffer[at + k]) << np.uint64(8 * k)
    return np.int64(value)


@njit(nogil=True, cache=True)
def _new_row(register, cells, table, parent):
    """(row, address of its first cell); (-1, table) when the table is full, (-1, number of tables) when all are."""
    row = register[table, COUNT]
    if row >= register[table, CAPACITY]:
        return np.int64(-1), np.int64(table)
    width = register[table, WIDTH]
    last = register.shape[0] - 1
    if register[last, COUNT] + width > register[last, CAPACITY]:
        return np.int64(-1), np.int64(last)
    register[last, COUNT] += width
    register[table, COUNT] = row + 1
    address = register[table, BASE] + row * width
    for k in range(width):
        cells[address + k] = 0
    cells[address] = parent
    return row, address


@njit(nogil=True, cache=True)
def _skip_group(buffer, at, end):
    """The position behind an (obsolete, unknown) group, or -1."""
    depth = 1
    while depth > 0:
        tag, at = read_varint(buffer, at, end)
        if at < 0 or (tag >> 3) <= 0 or depth > GROUP_DEPTH:
            return -1
        wire = tag & 7
        if wire == _GROUP:
            depth += 1
        elif wire == _GROUP_END:
            depth -= 1
        else:
            at = _skip(buffer, at, end, wire)
            if at < 0:
                return -1
    return at


@njit(nogil=True, cache=True)
def _skip(buffer, at, end, wire):
    """The position behind a field that is not a group, or -1."""
    if wire == _VARINT:
        _, at = read_varint(buffer, at, end)
        return at
    if wire == _FIXED64:
        at += 8
    elif wire == _FIXED32:
        at += 4
    elif wire == _BYTES:
        length, at = read_varint(buffer, at, end)
        if at < 0 or length < 0 or length > end - at:
            return -1
        at += length
    else:
        return -1
    return at if at <= end else -1


@njit(nogil=True, cache=True)
def _append_numbers(buffer, at, stop, spec, where, row, register, cells):
    """Append packed numbers, each a row; the position behind them, MALFORMED, or FULL - table."""
    fixed = spec[where + KIND] == NUMBERS_FIXED
    while at < stop:
        if fixed:
            if at + 8 > stop:
                return np.int64(MALFORMED)
            value = read_fixed64(buffer, at)
            at += 8
        else:
            value, at = read_varint(buffer, at, stop)
            if at < 0:
                return np.int64(MALFORMED)
        new, address = _new_row(register, cells, spec[where + TABLE], row)
        if new < 0:
            return FULL - address
        cells[address + spec[where + COLUMN]] = value
    return at


@njit(nogil=True, cache=True)
def _mark(spec, where, cells, address):
    """Note that an optional field, or this one of several, is present."""
    if spec[where + MARK] >= 0:
        cells[address + spec[where + MARK]] = spec[where + MARK_VALUE]


@njit(nogil=True, cache=True)
def _take_other(buffer, at, end, wire, spec, where, row, register, cells):
    """Skip an unknown field, or take one of repeated numbers that are not packed; as `_append_numbers`."""
    if wire == _GROUP:
        return np.int64(_skip_group(buffer, at, end))
    kind = spec[where + KIND]
    stop = np.int64(_skip(buffer, at, end, wire))
    if stop > 0 and ((wire == _FIXED64 and kind == NUMBERS_FIXED) or (wire == _VARINT and kind == NUMBERS_VARINT)):
        return _append_numbers(buffer, at, stop, spec, where, row, register, cells)
    return stop


@njit(nogil=True, cache=True)
def _zigzag32(value):
    return ((value & 0xFFFFFFFF) >> 1) ^ -(value & 1)


@njit(nogil=True, cache=True)
def _store_ref(spec, where, cells, address, at, length):
    cells[address + spec[where + COLUMN]] = at
    cells[address + spec[where + COLUMN] + 1] = length


@njit(nogil=True, cache=True)
def _walk_one(buffer, at, end, payload, spec, register, cells, stack):  # noqa: C901
    """Walk the request in [at, end): OK, or a negative error.

    The frame (end, message type, row and its address) is in local variables and only the outer ones on the stack: a
    view of an array per field would cost more than the field.
    """
    depth, message, address, row = 0, np.int64(0), np.int64(0), np.int64(payload)
    while True:
        while at == end:
            if depth == 0:
                return np.int64(OK)
            depth -= 1
            end, message = stack[4 * depth], stack[4 * depth + 1]
            address, row = stack[4 * depth + 2], stack[4 * depth + 3]
        tag, at = read_varint(buffer, at, end)
        number, wire = tag >> 3, tag & 7
        if at < 0 or number <= 0:
            return np.int64(MALFORMED)
        where = (message * FIELDS + (number if number < FIELDS else 0)) * SPEC_CELLS
        kind = spec[where + KIND]
        if wire == _VARINT and (kind == VARINT or kind == SINT):
            value, at = read_varint(buffer, at, end)
            if at < 0:
                return np.int64(MALFORMED)
            cells[address + spec[where + COLUMN]] = value if kind == VARINT else _zigzag32(value)
            _mark(spec, where, cells, address)
            continue
        if wire == _FIXED64 and kind == FIXED64 and at + 8 <= end:
            cells[address + spec[where + COLUMN]] = read_fixed64(buffer, at)
            _mark(spec, where, cells, address)
            at += 8
            continue
        if wire != _BYTES:
            at = _take_other(buffer, at, end, wire, spec, where, row, register, cells)
            if at < 0:
                return at
            continue
        length, at = read_varint(buffer, at, end)
        if at < 0 or length < 0 or length > end - at:
            return np.int64(MALFORMED)
        if kind == REF:
            _store_ref(spec, where, cells, address, at, length)
            _mark(spec, where, cells, address)
            at += length
        elif kind == CHILD or kind == INLINE:
            stack[4 * depth], stack[4 * depth + 1] = end, message
            stack[4 * depth + 2], stack[4 * depth + 3] = address, row
            depth += 1
            if depth >= DEPTH:
                return np.int64(TOO_DEEP)
            if kind == CHILD:
                row, address = _new_row(register, cells, spec[where + TABLE], row)
                if row < 0:
                    return FULL - address
            else:
                _mark(spec, where, cells, address)
            end, message = at + length, spec[where + MESSAGE]
        elif kind == REF_ROW:
            new, target = _new_row(register, cells, spec[where + TABLE], row)
            if new < 0:
                return FULL - target
            _store_ref(spec, where, cells, target, at, length)
            at += length
        elif kind == NUMBERS_FIXED or kind == NUMBERS_VARINT:
            at = _append_numbers(buffer, at, at + length, spec, where, row, register, cells)
            if at < 0:
                return at
        else:
            at += length


@njit(nogil=True, cache=True)
def walk_all(buffer, bounds, spec, register, cells, errors):
    """Walk every request: ALL_FIT, else the number of a table that is too small.

    The number behind the last table means that there are more cells than may be. errors: set to OK, MALFORMED or
    TOO_DEEP for each request; one with an error leaves no rows.
    """
    stack = np.empty(4 * DEPTH, dtype=np.int64)
    counts = np.empty(register.shape[0], dtype=np.int64)
    for k in range(errors.shape[0]):
        for t in range(counts.shape[0]):
            counts[t] = register[t, COUNT]
        code = _walk_one(buffer, bounds[k], bounds[k + 1], k, spec, register, cells, stack)
        if code <= FULL:
            return FULL - code
        errors[k] = code
        if code < 0:
            for t in range(counts.shape[0]):
                register[t, COUNT] = counts[t]
    return np.int64(ALL_FIT)
