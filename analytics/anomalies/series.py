"""Names of the series that are judged, and the values that one source gives of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from causeway.window import MINUTE_NS

STEP_NS = MINUTE_NS


class Kind(IntEnum):
    """What a series is about; where there are too many, the first kinds are kept."""

    CALLS = 0
    LOGS = 1
    METRICS = 2
    TEMPLATES = 3


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """One series. is_count: it has no value where nothing came, and that is 0."""

    kind: Kind
    entity: str
    name: str
    unit: str = ""
    is_count: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Series from one source. values: (n, t); heard: see `Readings`."""

    keys: Sequence[SeriesKey]
    values: np.ndarray
    heard: Mapping[Kind, np.ndarray] = field(default_factory=dict)
