"""Which traces are taken, and how many, where not all can be."""

from __future__ import annotations

from enum import StrEnum

TRACES_MAX = 2_000
SPANS_MAX = 400_000


class Spread(StrEnum):
    """Spread evenly over the window, or its newest."""

    EVEN = "even"
    NEWEST = "newest"
