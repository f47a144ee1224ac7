"""WriteRequest messages of remote write 1.0, made of columns: label sets once per series, samples by a kernel."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

# The NaN that says "no more samples from here on".
STALE = np.uint64(0x7FF0000000000002)
MS_NS = 1_000_000
METADATA_TYPES = {"counter": 1, "gauge": 2, "histogram": 3, "summary": 5}


@dataclass(frozen=True, slots=True)
class Points:
    """Samples by (series, time): series (n,) place in `labels`, times_ms (n,) int64, bits (n,) uint64 of a double.

    labels: the encoded label sets one after the other (uint8); ends: (series,) where each ends.
    """

    series: np.ndarray
    times_ms: np.ndarray
    bits: np.ndarray
    labels: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.series)


def points(series: np.ndarray, times_ns: np.ndarray, values: np.ndarray, labels: list[bytes]) -> tuple[Points, int]:
    """Sorted by series and time, once per millisecond; and how many different samples of one millisecond were left out.

    NaN becomes the stale marker. Of several samples of a series in one millisecond the last one stays.
    """
    bits = np.where(np.isnan(values), STALE, np.ascontiguousarray(values, np.float64).view(np.uint64))
    order = np.lexsort((times_ns, series))
    series, times, bits = series[order], times_ns[order] // MS_NS, bits[order]
    same = (series[1:] == series[:-1]) & (times[1:] == times[:-1])
    lost = int((same & (times_ns[order][1:] != times_ns[order][:-1])).sum())
    keep = np.append(~same, True) if len(series) else np.empty(0, bool)
    ends = np.cumsum([len(each) for each in labels], dtype=np.int64)
    joined = np.frombuffer(b"".join(labels), np.uint8)
    return Points(series[keep], times[keep], bits[keep], joined, ends), lost


def label_set(labels: Mapping[str, str]) -> bytes:
    """The labels of a TimeSeries, by name."""
    pairs = ((name.encode(), labels[name].encode()) for name in sorted(labels))
    return b"".join(_field(1, _field(1, name) + _field(2, value)) for name, value in pairs)


def metadata_request(families: Iterable[tuple[str, str, str, str]]) -> bytes:
    """A WriteRequest of metadata only: (name, type of METADATA_TYPES, help, unit) each."""
    message = b""
    for name, type_, text, unit in families:
        one = b"\x08" + _varint(METADATA_TYPES.get(type_, 0)) + _field(2, name.encode()) + _field(4, text.encode())
        message += _field(3, one + (_field(5, unit.encode()) if unit else b""))
    return message


def cuts(points: Points, *, samples_max: int, bytes_max: int) -> np.ndarray:
    """(k + 1,) rows where requests begin and end: at most so many samples, and about so many bytes."""
    return _cuts(points.series, points.times_ms, points.ends, samples_max, bytes_max)


def request(points: Points, rows: np.ndarray) -> bytes:
    """The WriteRequest of these rows, which must be ascending."""
    taken = points.series[rows], points.times_ms[rows], points.bits[rows]
    out = np.empty(_size(taken[0], taken[1], points.ends), np.uint8)
    written = _write(*taken, points.labels, points.ends, out)
    return out[:written].tobytes()


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@njit(cache=True, nogil=True)
def _varint_size(number):
    rest = np.uint64(number)
    size = 1
    while rest > np.uint64(0x7F):
        rest >>= np.uint64(7)
        size += 1
    return size


@njit(cache=True, nogil=True)
def _put_varint(out, at, number):
    rest = np.uint64(number)
    while rest > np.uint64(0x7F):
        out[at] = np.uint8(rest & np.uint64(0x7F)) | np.uint8(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@njit(cache=True, nogil=True)
def _labels_size(ends, series):
    return ends[series] - (ends[series - 1] if series else 0)


@njit(cache=True, nogil=True)
def _run(series, start):
    """Where the run of one series ends."""
    end = start
    while end < len(series) and series[end] == series[start]:
        end += 1
    return end


@njit(cache=True, nogil=True)
def _body_size(series, times, ends, start, end):
    """Bytes of one TimeSeries, without its own tag and length: a sample is a tag, a length, and a double and a time."""
    size = _labels_size(ends, series[start])
    for row in range(start, end):
        size += 12 + _varint_size(times[row])
    return size


@njit(cache=True, nogil=True)
def _size(series, times, ends):
    size, start = 0, 0
    while start < len(series):
        end = _run(series, start)
        body = _body_size(series, times, ends, start, end)
        size += 1 + _varint_size(body) + body
        start = end
    return size


@njit(cache=True, nogil=True)
def _cuts(series, times, ends, samples_max, bytes_max):
    found = [0]
    size = 0
    for row in range(len(series)):
        sample = 12 + _varint_size(times[row])
        labels = _labels_size(ends, series[row]) + 6
        new = row == 0 or series[row] != series[row - 1]
        more = sample + labels if new or row == found[-1] else sample
        if row > found[-1] and (row - found[-1] >= samples_max or size + more > bytes_max):
            found.append(row)
            size, more = 0, sample + labels
        size += more
    found.append(len(series))
    return np.array(found)


@njit(cache=True, nogil=True)
def _write(series, times, bits, labels, ends, out):
    at, start = 0, 0
    while start < len(series):
        end = _run(series, start)
        out[at] = 0x0A
        at = _put_varint(out, at + 1, _body_size(series, times, ends, start, end))
        size = _labels_size(ends, series[start])
        first = ends[series[start]] - size
        out[at : at + size] = labels[first : first + size]
        at += size
        for row in range(start, end):
            out[at] = 0x12
            out[at + 1] = np.uint8(10 + _varint_size(times[row]))
            out[at + 2] = 0x09
            value = bits[row]
            for place in range(8):
                out[at + 3 + place] = np.uint8((value >> np.uint64(8 * place)) & np.uint64(0xFF))
            out[at + 11] = 0x10
            at = _put_varint(out, at + 12, times[row])
        start = end
    return at
