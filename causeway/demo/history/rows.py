"""Encoded records as byte matrices: one template a shape, ids, times and texts laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Stand-ins that occur in no template otherwise, by what takes their place.
MARKS = {
    "id": b"\x01" * 3,
    "user": b"\x02" * 5,
    "order": b"\x03" * 8,
    "trace": b"\xa4" * 16,
    "span": b"\xa5" * 8,
    "parent": b"\xa6" * 8,
    "start": b"\xa7" * 8,
    "end": b"\xa8" * 8,
}
TEXT_MARKS = {name: MARKS[name].decode() for name in ("id", "user", "order")}


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded records of one resource, by time. times_ns: (n,); encoded: (n, length) uint8."""

    resource: bytes
    times_ns: np.ndarray
    encoded: np.ndarray

    def between(self, start_ns: int, end_ns: int) -> tuple[int, bytes]:
        """How many records lie in [start, end), and their bytes."""
        first, last = np.searchsorted(self.times_ns, (start_ns, end_ns))
        return int(last - first), self.encoded[first:last].tobytes()


def lay(template: bytes, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """(count, length) bytes: the template with every mark replaced by the column's bytes (count, mark length)."""
    rows = np.tile(np.frombuffer(template, np.uint8), (count, 1))
    for name, values in columns.items():
        mark, at = MARKS[name], -1
        while (at := template.find(mark, at + 1)) >= 0:
            rows[:, at : at + len(mark)] = values
            at += len(mark) - 1
    return rows


def times(values_ns: np.ndarray) -> np.ndarray:
    """(n, 8) little-endian bytes of Unix ns."""
    return np.ascontiguousarray(values_ns.astype("<u8")).view(np.uint8).reshape(-1, 8)
