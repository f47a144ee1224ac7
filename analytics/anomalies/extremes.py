"""How rare the largest error of a block of hours is: a Gumbel law, fitted to quartiles, of one series' own blocks.

Fisher and Tippett 1928; Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, ch. 3. Quartiles,
because history is full of incidents that nobody marked: up to a quarter of the blocks may be bad. The scale is shrunk
towards 1 by four blocks' worth.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import math

import numpy as np
from numba import njit

BLOCKS = 112  # remembered: four weeks of six hours
MIDDLE, SPREAD, START = range(3)  # of a law: of the logarithm of the errors, and the error where the law begins

_PRIOR_BLOCKS, _PRIOR_SCALE, _SCALE_MIN = 4.0, 1.0, 0.2
# Quartiles of the standard Gumbel law: -ln(-ln p).
_QUARTILES_APART, _MEDIAN = 1.5725, 0.3665


@njit(cache=True, nogil=True, error_model="numpy")
def rarity(z, law, side):
    """-ln of about the share of blocks with a larger error than z; below 0 for what every block has."""
    if z <= law[side, START]:
        return z / law[side, START] - 1.0
    return (math.log(z) - law[side, MIDDLE]) / law[side, SPREAD]


@njit(cache=True, nogil=True)
def fit(ordered, count, law):
    """law, (3,), from the first `count` of `ordered`: logarithms of block maxima, ascending."""
    lower, middle, upper = (
        ordered[int(0.25 * (count - 1) + 0.5)],
        ordered[int(0.5 * (count - 1) + 0.5)],
        ordered[int(0.75 * (count - 1) + 0.5)],
    )
    spread = (upper - lower) / _QUARTILES_APART
    spread = (spread * count + _PRIOR_BLOCKS * _PRIOR_SCALE) / (count + _PRIOR_BLOCKS)
    law[SPREAD] = max(spread, _SCALE_MIN)
    law[MIDDLE] = middle - _MEDIAN * law[SPREAD]
    law[START] = math.exp(law[MIDDLE])


@njit(cache=True, nogil=True)
def remember(ring, ordered, filled, value):
    """Puts a value in place of the oldest of (BLOCKS,) `ring` and its sorted copy; how many there are then."""
    count = min(filled, BLOCKS)
    place = filled % BLOCKS
    if count == BLOCKS:
        old = np.searchsorted(ordered[:count], ring[place])
        for j in range(old, count - 1):
            ordered[j] = ordered[j + 1]
        count -= 1
    new = np.searchsorted(ordered[:count], np.float32(value))
    for j in range(count, new, -1):
        ordered[j] = ordered[j - 1]
    ordered[new] = value
    ring[place] = value
    return count + 1
