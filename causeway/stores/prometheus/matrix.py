"""Range vectors as servers write them in JSON, taken apart into columns without a Python object per sample.

Every sample is `[1760000000.123,"0.5"]`. A kernel finds times and the texts of values; Arrow makes doubles of the
texts. The rest of the answer is small: it is parsed as JSON with the samples cut out.
"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from causeway.errors import StoreError
from causeway.stores.prometheus.client import check_whole

# A quote within a string is escaped, so this never stands in a label.
_BLOCK = b'"values":['
_SHORTEST_SAMPLE = len(b'[1,"1"],')


@dataclass(frozen=True, slots=True)
class Matrix:
    """labels: of each series; series (n,) place in `labels`, times_ms (n,) int64, values (n,) float64; as they came."""

    labels: list[Mapping[str, str]]
    series: np.ndarray
    times_ms: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.series)


def read_matrix(body: bytes) -> Matrix:
    """An answer of `/api/v1/query` to a range selector. Raises StoreError when it is none, or a partial one."""
    starts = _block_starts(body)
    buffer = np.frombuffer(body, np.uint8)
    room = len(body) // _SHORTEST_SAMPLE + 1
    ends, counts, times, offsets, packed, used = _samples(buffer, starts, room)
    if used < 0:
        raise StoreError("the server's answer is not what Prometheus' API describes: a sample cannot be read")
    labels = _labels(body, starts, ends)
    if len(labels) != len(starts):
        raise StoreError("the server's answer is not what Prometheus' API describes: expected a range vector")
    total = int(counts.sum())
    texts = pa.StringArray.from_buffers(total, pa.py_buffer(offsets[: total + 1]), pa.py_buffer(packed[:used]))
    try:
        values = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise StoreError(f"the server's answer holds a value that is no number: {error}") from error
    return Matrix(labels, np.repeat(np.arange(len(starts)), counts), times[:total].copy(), values)


def _block_starts(body: bytes) -> np.ndarray:
    starts = []
    at = body.find(_BLOCK)
    while at >= 0:
        starts.append(at + len(_BLOCK))
        at = body.find(_BLOCK, at + len(_BLOCK))
    return np.array(starts, dtype=np.int64)


def _labels(body: bytes, starts: np.ndarray, ends: np.ndarray) -> list[Mapping[str, str]]:
    """The label sets, from the answer without its samples."""
    pieces, before = [], 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        pieces.append(body[before:start])
        before = end
    pieces.append(body[before:])
    try:
        answer = orjson.loads(b"".join(pieces))
    except orjson.JSONDecodeError as error:
        raise StoreError(f"the server's answer is not JSON: {error}") from error
    check_whole(answer)
    return [each["metric"] for each in answer["data"].get("result") or ()]


@njit(cache=True, nogil=True)
def _samples(buffer, starts, room):
    """Where each block ends (at its `]`), samples per block, times, and the texts of values with their offsets."""
    ends = np.zeros(len(starts), np.int64)
    counts = np.zeros(len(starts), np.int64)
    times = np.empty(room, np.int64)
    offsets = np.zeros(room + 1, np.int32)
    packed = np.empty(len(buffer), np.uint8)
    found, used = 0, 0
    for block in range(len(starts)):
        at = starts[block]
        while at < len(buffer) and buffer[at] == 0x5B:
            at, time_ms = _time(buffer, at + 1)
            if at + 1 >= len(buffer) or buffer[at] != 0x2C or buffer[at + 1] != 0x22:
                return ends, counts, times, offsets, packed, -1
            at += 2
            while at < len(buffer) and buffer[at] != 0x22:
                packed[used] = buffer[at]
                used += 1
                at += 1
            times[found] = time_ms
            found += 1
            offsets[found] = used
            counts[block] += 1
            at += 2
            if at < len(buffer) and buffer[at] == 0x2C:
                at += 1
        if at >= len(buffer) or buffer[at] != 0x5D:
            return ends, counts, times, offsets, packed, -1
        ends[block] = at
    return ends, counts, times, offsets, packed, used


@njit(cache=True, nogil=True)
def _time(buffer, at):
    """Milliseconds of decimal seconds; digits beyond the third are dropped."""
    sign = 1
    if buffer[at] == 0x2D:
        sign = -1
        at += 1
    whole, digits, fraction = 0, 0, 0
    while at < len(buffer) and 0x30 <= buffer[at] <= 0x39:
        whole = whole * 10 + (buffer[at] - 0x30)
        at += 1
    if at < len(buffer) and buffer[at] == 0x2E:
        at += 1
        while at < len(buffer) and 0x30 <= buffer[at] <= 0x39:
            if digits < 3:
                fraction = fraction * 10 + (buffer[at] - 0x30)
                digits += 1
            at += 1
    while digits < 3:
        fraction *= 10
        digits += 1
    return at, sign * (whole * 1000 + fraction)
