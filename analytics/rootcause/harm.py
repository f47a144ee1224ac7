"""How much harm is worth talking about."""

from __future__ import annotations

import numpy as np

from analytics.rootcause.symptoms import indicators
from analytics.world import World

MATERIAL_TIME = 0.05  # of the time that entry requests take: less extra time than this counts as less
MATERIAL_ERRORS = 0.005  # of the entry requests, likewise
MATERIAL_GROWTH = 0.7  # log of how many times more of a resource counts in full: a factor of two


def material_harm(world: World, after: np.ndarray) -> dict[str, float]:
    """What is worth talking about, by currency: a share of the time all entry requests take, and of their number."""
    found = indicators(world)
    calls = found.calls[:, after].sum()
    spent = float(np.nansum(np.where(found.calls > 0, found.calls * found.latency_ms, 0.0)[:, after]))
    return {"ms": MATERIAL_TIME * spent, "errors": MATERIAL_ERRORS * float(calls), "log ratio": MATERIAL_GROWTH}
