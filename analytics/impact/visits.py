"""Sampled requests as visits: one row per request to one service, with who asked for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits in preorder, trace by trace. Arrays are (m,) unless said otherwise.

    node: code in `ImpactModel.flow.names`, -1 where the graph lacks it. parent: visit that called, below 0 for none.
    """

    node: np.ndarray
    parent: np.ndarray
