"""Why a point is an anomaly."""

from __future__ import annotations

from enum import IntEnum


class Cause(IntEnum):
    """What is unusual about a point."""

    NONE = 0
    JUMP = 1
    LEVEL = 2
    TIME_OF_DAY = 3
    EXTREME = 4
    FLAT = 5
    SATURATED = 6
    MISSING = 7
