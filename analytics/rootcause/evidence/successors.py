"""Successors: what was usual for one instance says less about another that took its place while nobody watched."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.rootcause.split import Split
from analytics.world import World

HANDOVER_SLOTS = 6  # with requests: one that starts so near the end of another takes its place
_QUIET_SLOTS = 3  # without a request between the two: nobody saw the other take over
OF_ANOTHER = 0.5  # exponent of p where all that is usual was measured on another instance


def trust_in_usual(world: World, split: Split, services: np.ndarray) -> np.ndarray:
    """(n,) exponent of p in [OF_ANOTHER, 1] for each service: less where its usual is that of other instances.

    That is so where the instances that serve after the onset served less than half of the requests before, and took
    over in a stretch without requests: pods of two days differ by their machine. A release seen to take over is no
    such case: what changed with it is its own doing. 1 where instances are not known.
    """
    keys = world.instances.keys.to_frame(index=False)
    if not len(keys):
        return np.ones(len(services))
    calls = np.nan_to_num(world.instances.calls.astype(np.float64))
    serves = (calls[:, split.after].sum(axis=1) > 0) | (keys["instance"] == "").to_numpy()
    codes, names = pd.factorize(keys["service"].to_numpy())
    trust = {str(name): _trust(calls[codes == code], serves[codes == code], split) for code, name in enumerate(names)}
    return np.array([trust.get(str(service), 1.0) for service in services])


def _trust(calls: np.ndarray, serves: np.ndarray, split: Split) -> float:
    before = calls[:, split.before].sum(axis=1)
    if not before.any() or not serves.any() or serves.all():
        return 1.0
    share = before[serves].sum() / before.sum()
    old = np.flatnonzero(calls[~serves].any(axis=0))
    new = np.flatnonzero(calls[serves].any(axis=0))
    if share >= 0.5 or not len(old) or not len(new) or new[0] - old[-1] <= _QUIET_SLOTS:
        return 1.0
    return OF_ANOTHER + (1.0 - OF_ANOTHER) * float(2.0 * share)
