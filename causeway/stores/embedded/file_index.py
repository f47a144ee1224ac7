"""Which span files may hold a trace, or an attribute's value: Bloom filters beside each final span file.

Without them a trace costs a look into every file, and a rare value a scan of every attribute of every span. The filter
of attributes has a fixed number of bits a span: with three values a span that occur nowhere else it lets one file in
four through for nothing. A file without filters is always read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from causeway.stores.linking.hashing import IdentitySet, binary_hash, fold

SUFFIX = ".index"
ATTRIBUTE_BITS_PER_SPAN = 10
TRACE_BITS_PER_TRACE = 12
_PROBES = 2
_KEPT = 1024  # filters kept in memory, about 250 KB each


def write(path: Path, spans: pa.Table) -> None:
    """Write the filters of the span file at `path`."""
    traces = binary_hash(spans["trace_id"])
    traces = traces[IdentitySet(1024).add(traces)]
    trace_bits = _bits(len(traces) * TRACE_BITS_PER_TRACE)
    _set(trace_bits, traces, _PROBES)
    attribute_bits = _bits(spans.num_rows * ATTRIBUTE_BITS_PER_SPAN)
    for chunk in spans["attributes"].chunks:
        if len(chunk.keys):
            _set(attribute_bits, fold(binary_hash(chunk.keys), binary_hash(chunk.items)), _PROBES)
    head = np.array([len(trace_bits)], np.int64).tobytes()
    index_path(path).write_bytes(head + trace_bits.tobytes() + attribute_bits.tobytes())


def index_path(path: Path) -> Path:
    return path.with_suffix(SUFFIX)


def may_hold_attributes(path: str, attributes: Mapping[str, str]) -> bool:
    """False when the file certainly has no span with all these pairs."""
    filters = _load(path)
    if filters is None:
        return True
    keys, values = pa.array(attributes.keys(), pa.string()), pa.array(attributes.values(), pa.string())
    return bool(_get(filters[1], fold(binary_hash(keys), binary_hash(values)), _PROBES).all())


def may_hold_traces(path: str, trace_ids: Sequence[bytes]) -> bool:
    """False when the file certainly has no span of any of these traces."""
    filters = _load(path)
    if filters is None:
        return True
    return bool(_get(filters[0], binary_hash(pa.array(trace_ids, pa.binary())), _PROBES).any())


@lru_cache(maxsize=_KEPT)
def _load(path: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The filters of traces and of attributes, None for a file without."""
    try:
        stored = np.fromfile(index_path(Path(path)), np.uint8)
    except FileNotFoundError:
        return None
    split = 8 + int(stored[:8].view(np.int64)[0])
    return stored[8:split], stored[split:]


def _bits(number: int) -> np.ndarray:
    return np.zeros(max(64, number) // 8 + 8, np.uint8)


@njit(cache=True, nogil=True)
def _set(bits: np.ndarray, keys: np.ndarray, probes: int) -> None:
    size = np.uint64(len(bits) * 8)
    for i in range(len(keys)):
        place, step = keys[i], (keys[i] >> np.uint64(32)) | np.uint64(1)
        for _ in range(probes):
            bit = place % size
            bits[bit >> np.uint64(3)] |= np.uint8(1) << np.uint8(bit & np.uint64(7))
            place += step


@njit(cache=True, nogil=True)
def _get(bits: np.ndarray, keys: np.ndarray, probes: int) -> np.ndarray:
    size = np.uint64(len(bits) * 8)
    found = np.ones(len(keys), np.bool_)
    for i in range(len(keys)):
        place, step = keys[i], (keys[i] >> np.uint64(32)) | np.uint64(1)
        for _ in range(probes):
            bit = place % size
            if not bits[bit >> np.uint64(3)] & (np.uint8(1) << np.uint8(bit & np.uint64(7))):
                found[i] = False
            place += step
    return found
