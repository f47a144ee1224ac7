"""Reads protobuf wire bytes into integer cells, one row per message, without building message objects.

A `Layout` says which message becomes a row of which table and where each field goes. Numbers are stored as they
are (doubles as their bits); text and bytes as (start, length) in the buffer, so nothing is copied here. The walk is
compiled, releases the interpreter lock, checks every length, and takes time linear in the bytes.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from causeway.errors import TooLarge

# What to do with a field.
SKIP, VARINT, FIXED64, REF, CHILD, INLINE, SINT, NUMBERS_FIXED, NUMBERS_VARINT, REF_ROW = range(10)
FIELDS = 16  # field numbers from here on are of no interest in any OTLP message
DEPTH = 12
GROUP_DEPTH = 32

# Memory for the rows of one walk, in cells of eight bytes: enough for any real 64 MiB, and a bound for requests
# made of millions of empty records.
CELLS_MAX = 48_000_000

# Behind every buffer: the words for booleans, and enough bytes that eight may be read at any position before it.
TRAILER = b"truefalse".ljust(16, b"\0")

OK, MALFORMED, TOO_DEEP, FULL = 0, -1, -2, -3

# Columns of the table register and of the frame stack.
_BASE, _WIDTH, _CAPACITY, _COUNT = range(4)
_END, _TYPE, _ADDRESS, _ROW = range(4)
# Columns of the field specification.
_KIND, _COLUMN, _MESSAGE, _TABLE, _MARK, _MARK_VALUE = range(6)

_WIRE_TYPES = {VARINT: 0, SINT: 0, FIXED64: 1, REF: 2, CHILD: 2, INLINE: 2, REF_ROW: 2}


@dataclass(frozen=True, slots=True)
class Field:
    """What becomes of one field: where it is stored and, for a oneof or an optional field, what marks it as present."""

    kind: int
    column: str = ""
    message: str = ""
    table: str = ""
    mark: str = ""
    mark_value: int = 1


# Rows of each table that a byte makes: a guess to begin with, then what was seen and a little more. Tables that are
# too small make the walk begin again; too large ones cost address space only.
_ROWS_PER_BYTE = 0.002
_SPARE = 1.25
_FORGET = 0.8
_SIZE_MIN = 4096

Messages = Mapping[str, Mapping[int, Field]]


class Layout:
    """Tables and their columns, worked out from message specifications, beginning with the root message.

    Column 0 of every table is the row number of the parent (in the table of the enclosing message; the number of
    the request for the root). `tables` are in order of their first use; `columns[table][name]` is an index.
    """

    def __init__(self, messages: Messages, root: str) -> None:
        self._messages = messages
        self._types: dict[tuple[str, str], int] = {}
        self._fields: list[dict[int, Field]] = []
        self.tables: list[str] = []
        self.columns: dict[str, dict[str, int]] = {}
        self._widths: dict[str, int] = {}
        self._type_of(root, "")
        self.spec = self._compile().reshape(-1)

    @property
    def widths(self) -> list[int]:
        """Cells in a row of each table."""
        return [self._widths[table] for table in self.tables]

    def _type_of(self, message: str, table: str) -> int:
        key = (message, table)
        if key in self._types:
            return self._types[key]
        number = self._types[key] = len(self._types)
        self._fields.append({})
        for field_number, field in self._messages[message].items():
            self._fields[number][field_number] = field
            target = field.table or table
            if field.table:
                self._table(field.table)
            for name, cells in ((field.column, self._cells(field)), (field.mark, 1)):
                if name:
                    self._column(target if name == field.column else table, name, cells)
            if field.message:
                self._type_of(field.message, target)
        return number

    @staticmethod
    def _cells(field: Field) -> int:
        return 2 if field.kind in (REF, REF_ROW) else 1

    def _table(self, name: str) -> None:
        if name not in self.columns:
            self.tables.append(name)
            self.columns[name] = {"parent": 0}
            self._widths[name] = 1

    def _column(self, table: str, name: str, cells: int) -> None:
        known = self.columns[table]
        if name not in known:
            known[name] = self._widths[table]
            self._widths[table] += cells

    def _compile(self) -> np.ndarray:
        spec = np.zeros((len(self._types), FIELDS, 6), dtype=np.int64)
        spec[:, :, _MARK] = -1
        for (_, table), number in self._types.items():
            for field_number, field in self._fields[number].items():
                target = field.table or table
                spec[number, field_number] = (
                    field.kind,
                    self.columns[target][field.column] if field.column else 0,
                    self._types[field.message, target] if field.message else 0,
                    self.tables.index(field.table) if field.table else -1,
                    self.columns[table][field.mark] if field.mark else -1,
                    field.mark_value,
                )
        return spec


@dataclass(frozen=True, slots=True)
class Walked:
    """The rows found. tables: (rows, cells) int64 by name. errors: per request, OK or why it could not be read.

    data, buffer: all requests, the constants and TRAILER. bounds: where each request begins and the last one ends.
    """

    data: bytes
    buffer: np.ndarray
    bounds: np.ndarray
    tables: dict[str, np.ndarray]
    errors: np.ndarray


class Walker:
    """Walks requests of one layout. It remembers how many rows a byte makes, so that tables seldom have to grow."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._widths = np.array(layout.widths, dtype=np.int64)
        self._rows_per_byte = np.full(len(self._widths), _ROWS_PER_BYTE)

    def walk(self, payloads: Sequence[bytes], constants: bytes = b"") -> Walked:
        """Rows of all requests in order; those of a request with an error are left out.

        `constants` are put behind the requests, so that a row may refer to text that nobody sent. Raises TooLarge
        when the rows would need more than CELLS_MAX.
        """
        joined = b"".join([*payloads, constants, TRAILER])
        buffer = np.frombuffer(joined, dtype=np.uint8)
        bounds = np.zeros(len(payloads) + 1, dtype=np.int64)
        np.cumsum([len(payload) for payload in payloads], out=bounds[1:])
        size = int(bounds[-1])
        while True:
            register = self._register(size)
            cells = np.empty(int(register[-1, _BASE]), dtype=np.int64)
            errors = np.zeros(len(payloads), dtype=np.int64)
            full = walk_all(buffer, bounds, self.layout.spec, register, cells, errors)
            if full < 0:
                break
            if full == len(self._widths):
                raise TooLarge("the request has too many records or attributes to read at once; send smaller ones")
            self._rows_per_byte[full] *= 2
        found = register[:-1]
        seen = _SPARE * found[:, _COUNT] / max(size, _SIZE_MIN)
        self._rows_per_byte = np.maximum(np.maximum(seen, _ROWS_PER_BYTE), _FORGET * self._rows_per_byte)
        tables = {
            name: cells[base : base + count * width].reshape(count, width)
            for name, (base, width, _, count) in zip(self.layout.tables, found.tolist(), strict=True)
        }
        return Walked(joined, buffer, bounds, tables, errors)

    def _register(self, size: int) -> np.ndarray:
        """Where each table lies. Behind them a row that counts the cells used by all, up to CELLS_MAX."""
        register = np.zeros((len(self._widths) + 1, 4), dtype=np.int64)
        register[:-1, _WIDTH] = self._widths
        # A row takes at least two bytes on the wire.
        register[:-1, _CAPACITY] = np.minimum(size * self._rows_per_byte, size / 2).astype(np.int64) + 64
        register[-1, _CAPACITY] = CELLS_MAX
        register[1:, _BASE] = np.cumsum(register[:-1, _WIDTH] * register[:-1, _CAPACITY])
        return register


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
    """(row, address of its first cell); the row is -1 when the table is full."""
    row = register[table, 3]
    if row >= register[table, 2]:
        return np.int64(-1), np.int64(table)
    width = register[table, 1]
    last = register.shape[0] - 1
    if register[last, 3] + width > register[last, 2]:
        return np.int64(-1), np.int64(last)
    register[last, 3] += width
    register[table, 3] = row + 1
    address = register[table, 0] + row * width
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
        if at < 0 or (tag >> 3) <= 0 or depth > 32:
            return -1
        wire = tag & 7
        if wire == 3:
            depth += 1
        elif wire == 4:
            depth -= 1
        else:
            at = _skip(buffer, at, end, wire)
            if at < 0:
                return -1
    return at


@njit(nogil=True, cache=True)
def _skip(buffer, at, end, wire):
    """The position behind a field that is not a group, or -1."""
    if wire == 0:
        _, at = read_varint(buffer, at, end)
        return at
    if wire == 1:
        at += 8
    elif wire == 5:
        at += 4
    elif wire == 2:
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
    fixed = spec[where] == 7
    while at < stop:
        if fixed:
            if at + 8 > stop:
                return np.int64(-1)
            value = read_fixed64(buffer, at)
            at += 8
        else:
            value, at = read_varint(buffer, at, stop)
            if at < 0:
                return np.int64(-1)
        new, address = _new_row(register, cells, spec[where + 3], row)
        if new < 0:
            return -3 - address
        cells[address + spec[where + 1]] = value
    return at


@njit(nogil=True, cache=True)
def _walk_one(buffer, at, end, payload, spec, register, cells, stack):  # noqa: C901
    """Walk the request in [at, end): OK, or a negative error.

    One function on purpose: a call or an array view per field would cost more than the field itself.
    """
    depth, message, address, row = 0, np.int64(0), np.int64(0), np.int64(payload)
    while True:
        while at == end:
            if depth == 0:
                return np.int64(0)
            depth -= 1
            end, message = stack[4 * depth], stack[4 * depth + 1]
            address, row = stack[4 * depth + 2], stack[4 * depth + 3]
        tag, at = read_varint(buffer, at, end)
        number, wire = tag >> 3, tag & 7
        if at < 0 or number <= 0:
            return np.int64(-1)
        where = (message * 16 + (number if number < 16 else 0)) * 6
        kind = spec[where]
        if wire == 2:
            length, at = read_varint(buffer, at, end)
            if at < 0 or length < 0 or length > end - at:
                return np.int64(-1)
            if spec[where + 4] >= 0 and kind != 1 and kind != 2:
                cells[address + spec[where + 4]] = spec[where + 5]
            if kind == 3:
                cells[address + spec[where + 1]] = at
                cells[address + spec[where + 1] + 1] = length
                at += length
            elif kind == 4 or kind == 5 or kind == 9:
                stack[4 * depth], stack[4 * depth + 1] = end, message
                stack[4 * depth + 2], stack[4 * depth + 3] = address, row
                if kind != 5:
                    row, address = _new_row(register, cells, spec[where + 3], row)
                    if row < 0:
                        return -3 - address
                if kind == 9:
                    cells[address + spec[where + 1]] = at
                    cells[address + spec[where + 1] + 1] = length
                    address, row = stack[4 * depth + 2], stack[4 * depth + 3]
                    at += length
                else:
                    depth += 1
                    if depth >= 12:
                        return np.int64(-2)
                    end, message = at + length, spec[where + 2]
            elif kind >= 7:
                at = _append_numbers(buffer, at, at + length, spec, where, row, register, cells)
                if at < 0:
                    return at
            else:
                at += length
        elif wire == 0 and (kind == 1 or kind == 6):
            value, at = read_varint(buffer, at, end)
            if at < 0:
                return np.int64(-1)
            if kind == 6:
                value = ((value & 0xFFFFFFFF) >> 1) ^ -(value & 1)
            cells[address + spec[where + 1]] = value
            if spec[where + 4] >= 0:
                cells[address + spec[where + 4]] = spec[where + 5]
        elif wire == 1 and kind == 2:
            if at + 8 > end:
                return np.int64(-1)
            cells[address + spec[where + 1]] = read_fixed64(buffer, at)
            at += 8
            if spec[where + 4] >= 0:
                cells[address + spec[where + 4]] = spec[where + 5]
        else:
            at = _take_other(buffer, at, end, wire, spec, where, row, register, cells)
            if at < 0:
                return at


@njit(nogil=True, cache=True)
def _take_other(buffer, at, end, wire, spec, where, row, register, cells):
    """Skip an unknown field, or take one element of numbers that are not packed."""
    if wire == 3:
        return _skip_group(buffer, at, end)
    stop = _skip(buffer, at, end, wire)
    kind = spec[where]
    if stop > 0 and ((wire == 1 and kind == 7) or (wire == 0 and kind == 8)):
        return _append_numbers(buffer, at, stop, spec, where, row, register, cells)
    return stop


@njit(nogil=True, cache=True)
def walk_all(buffer, bounds, spec, register, cells, errors):
    """Walk every request: -1 when all fitted, else the number of a table that is too small.

    The number behind the last table means that there are more cells than CELLS_MAX.
    """
    stack = np.empty(4 * 12, dtype=np.int64)
    counts = np.empty(register.shape[0], dtype=np.int64)
    for k in range(errors.shape[0]):
        for t in range(counts.shape[0]):
            counts[t] = register[t, 3]
        code = _walk_one(buffer, bounds[k], bounds[k + 1], k, spec, register, cells, stack)
        if code <= -3:
            return -3 - code
        if code < 0:
            errors[k] = code
            for t in range(counts.shape[0]):
                register[t, 3] = counts[t]
    return np.int64(-1)
