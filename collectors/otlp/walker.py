"""Turns requests into rows of integer cells, by table: numbers as they are, text as references to the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causeway.errors import TooLarge
from collectors.otlp.table_layout import Layout
from collectors.otlp.wire import BASE, CAPACITY, COUNT, WIDTH, walk_all

# Memory for the rows of one walk, in cells of eight bytes: enough for any real 64 MiB, and a bound for requests
# made of millions of empty records.
CELLS_MAX = 48_000_000

# Behind every buffer: the words for booleans, and enough bytes that eight may be read at any position before it.
TRAILER = b"truefalse".ljust(16, b"\0")

# Rows of each table that a byte makes: a guess to begin with, then what was seen and a little more. Tables that are
# too small make the walk begin again; too large ones cost address space only.
_ROWS_PER_BYTE = 0.002
_SPARE = 1.25
_FORGET = 0.8
_SIZE_MIN = 4096


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
            cells = np.empty(int(register[-1, BASE]), dtype=np.int64)
            errors = np.zeros(len(payloads), dtype=np.int64)
            full = walk_all(buffer, bounds, self.layout.spec, register, cells, errors)
            if full < 0:
                break
            if full == len(self._widths):
                raise TooLarge("the request has too many records or attributes to read at once; send smaller ones")
            self._rows_per_byte[full] *= 2
        found = register[:-1]
        seen = _SPARE * found[:, COUNT] / max(size, _SIZE_MIN)
        self._rows_per_byte = np.maximum(np.maximum(seen, _ROWS_PER_BYTE), _FORGET * self._rows_per_byte)
        tables = {
            name: cells[base : base + count * width].reshape(count, width)
            for name, (base, width, _, count) in zip(self.layout.tables, found.tolist(), strict=True)
        }
        return Walked(joined, buffer, bounds, tables, errors)

    def _register(self, size: int) -> np.ndarray:
        """Where each table lies. Behind them a row that counts the cells used by all, up to CELLS_MAX."""
        register = np.zeros((len(self._widths) + 1, 4), dtype=np.int64)
        register[:-1, WIDTH] = self._widths
        # A row takes at least two bytes on the wire.
        register[:-1, CAPACITY] = np.minimum(size * self._rows_per_byte, size / 2).astype(np.int64) + 64
        register[-1, CAPACITY] = CELLS_MAX
        register[1:, BASE] = np.cumsum(register[:-1, WIDTH] * register[:-1, CAPACITY])
        return register
