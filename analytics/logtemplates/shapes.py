"""Log templates from the shape of each line, in two compiled passes over Arrow buffers.

A line's shape is its text with the parts that vary replaced by `<*>`: tokens with digits, hex, ids, addresses,
paths, quoted strings, the values of `key=value`, and lists in value position. The id of a template is a 64-bit
hash of its shape, so it is the same in every run and on every machine. Container JSON lines (`{"log": ...}`),
ANSI colours and the continuation lines of stack traces are taken off first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.logtemplates.masking import hashes, shapes
from causeway.logtemplates.unwrapping import messages

NO_BODY = 0  # the id of a record without a body


def template_ids(bodies: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, dict[int, str]]:
    """(n,) int64 template ids, and the text of each template that occurs. A null body has id 0 and no text."""
    offsets, text = messages(*_buffers(bodies))
    ids = hashes(offsets, text)
    ids[pc.is_null(bodies).to_numpy(zero_copy_only=False)] = NO_BODY
    unique, first = np.unique(ids, return_index=True)
    first = first[unique != NO_BODY]
    found, lengths = shapes(offsets, text, first)
    return ids, {
        int(ids[row]): shape[:length].tobytes().decode("utf-8", errors="replace")
        for row, shape, length in zip(first, found, lengths, strict=True)
    }


def _buffers(bodies: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) int64 offsets into the (bytes,) uint8 text of all lines."""
    if isinstance(bodies, pa.ChunkedArray):
        bodies = bodies.combine_chunks()
    array = bodies.cast(pa.large_string())
    _, offsets, text = array.buffers()
    if not len(array) or text is None:
        return np.zeros(len(array) + 1, np.int64), np.zeros(0, np.uint8)
    starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return starts, np.frombuffer(text, np.uint8)
