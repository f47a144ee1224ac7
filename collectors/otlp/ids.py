"""Are trace and span ids what they should be?"""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

from causeway.memory import load64

ID_ABSENT, ID_GOOD, ID_ZERO, ID_LENGTH = range(4)


@njit(nogil=True, cache=True)
def id_states(buffer, rows, column, size):
    """Per row: ID_ABSENT (empty), ID_GOOD, ID_ZERO (all zero) or ID_LENGTH (wrong length). size: 8 or 16."""
    states = np.empty(rows.shape[0], dtype=np.int8)
    for i in range(rows.shape[0]):
        start, length = rows[i, column], rows[i, column + 1]
        if length == 0:
            states[i] = 0
        elif length != size:
            states[i] = 3
        else:
            word = load64(buffer, start)
            if size == 16:
                word |= load64(buffer, start + 8)
            states[i] = 1 if word != 0 else 2
    return states
