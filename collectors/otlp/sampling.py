"""How many spans each span stands for: looked for only where a batch says that it was sampled."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from causeway.conventions.sampling import KEYS, adjusted_counts, mentions
from causeway.memory import load64

# The first eight bytes of each key, and its length: what else begins so costs a second look, no more.
_BEGINNINGS = np.array([int.from_bytes(key[:8].encode(), "little") for key in KEYS], np.uint64)
_LENGTHS = np.array([len(key) for key in KEYS], np.int64)
_SHORTEST = int(_LENGTHS.min())


def sampling_column(
    buffer: np.ndarray, rows: np.ndarray, trace_state: pa.Array, attributes: pa.MapArray
) -> dict[str, pa.Array]:
    """`adjusted_count_milli` of each span; nothing where no span says it. rows: KeyValue rows of the spans."""
    some = bool(_mentioned(buffer, rows, _BEGINNINGS, _LENGTHS, _SHORTEST))
    if not some and not mentions(trace_state):
        return {}
    return {"adjusted_count_milli": adjusted_counts(trace_state, attributes if some else None)}


@njit(nogil=True, cache=True)
def _mentioned(buffer, rows, beginnings, lengths, shortest):
    for i in range(rows.shape[0]):
        length = rows[i, 2]
        if length >= shortest:
            word = load64(buffer, rows[i, 1])
            for k in range(len(beginnings)):
                if word == beginnings[k] and length == lengths[k]:
                    return True
    return False
