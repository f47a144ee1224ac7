"""From the families' observations to one strength per entity and family, and one score per entity.

The strongest family counts in full, each further one by a quarter: two independent hints are better than one, but
many weak ones never beat a strong one (a sparse maximum of -log p instead of an average of ranks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.rootcause.calibration import corrected
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.evidence.observations import Observations

SURPRISE_MAX = 10.0  # -log10 p beyond which a difference is only a difference of sample size
_CHANCE = 1.0  # -log10 p that chance gives anyway
_FURTHER = 0.25
_SHARE_FLOOR = 0.1  # what a surprise counts that explains none of the harm
_BAD_P = 0.05


@dataclass(frozen=True, slots=True)
class Strengths:
    """What each family says of each entity. Matrices are (entities, families).

    p: corrected for the rows looked at, NaN where the family has no row. best: that row, -1 if none.
    rows: how many there were.
    """

    entities: np.ndarray
    strength: np.ndarray
    p: np.ndarray
    best: np.ndarray
    rows: np.ndarray


def strengths(entities: np.ndarray, observed: tuple[Observations, ...], material: Mapping[str, float]) -> Strengths:
    """The strengths of one split. Observations of unknown entities are left out.

    material: by currency, the harm that counts in full; where all nodes together do less, each counts as less.
    """
    shape = (len(entities), len(observed))
    p, best, rows = np.full(shape, np.nan), np.full(shape, -1), np.zeros(shape, dtype=np.int64)
    harm = np.zeros(shape)
    index = pd.Index(entities)
    for column, seen in enumerate(observed):
        place = index.get_indexer(pd.Index(seen.entities)) if len(seen.entities) else np.zeros(0, dtype=np.int64)
        usable = np.flatnonzero((place >= 0) & np.isfinite(seen.p))
        _fill(column, seen, place, usable, (p, best, rows, harm))
    shares = _shares(observed, harm, material)
    surprise = np.minimum(-np.log10(np.clip(np.nan_to_num(p, nan=1.0), 1e-30, 1.0)), SURPRISE_MAX)
    weights = np.array([registered.weight for registered in FAMILIES])
    part = _SHARE_FLOOR + (1.0 - _SHARE_FLOOR) * np.sqrt(np.clip(shares, 0.0, 1.0))
    strength = weights * np.maximum(surprise - _CHANCE, 0.0) * part
    return Strengths(entities, strength, p, best, rows)


def _fill(
    column: int,
    seen: Observations,
    place: np.ndarray,
    usable: np.ndarray,
    into: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    p, best, rows, harm = into
    rows[:, column] = np.bincount(place[usable], minlength=len(rows))
    order = usable[np.argsort(-seen.p[usable], kind="stable")]  # the least p is written last
    best[place[order], column] = order
    found = best[:, column] >= 0
    p[found, column] = corrected(seen.p[best[found, column]], rows[found, column])
    if seen.currency == "log ratio":
        harm[found, column] = seen.excess[best[found, column]]
    elif seen.currency:
        bad = usable[seen.p[usable] < _BAD_P]
        np.add.at(harm[:, column], place[bad], np.nan_to_num(seen.excess[bad]))


def _shares(observed: tuple[Observations, ...], harm: np.ndarray, material: Mapping[str, float]) -> np.ndarray:
    """Each entity's part of the harm, by currency: of what all entities add where it adds up, else of the most."""
    shares = np.ones(harm.shape)
    for currency in {seen.currency for seen in observed} - {""}:
        columns = [i for i, seen in enumerate(observed) if seen.currency == currency]
        by_entity = harm[:, columns].max(axis=1)
        whole = by_entity.max() if currency == "log ratio" else by_entity.sum()
        whole = max(float(whole), material.get(currency, 0.0))
        shares[:, columns] = harm[:, columns] / whole if whole > 0 else 0.0
    return shares


def scores(strength: np.ndarray) -> np.ndarray:
    """(n,) one number per entity: the strongest family, and a quarter of the others."""
    if not strength.size:
        return np.zeros(len(strength))
    most = strength.max(axis=1)
    return most + _FURTHER * (strength.sum(axis=1) - most)


def p_of(found: Strengths) -> np.ndarray:
    """(n,) least p of each entity, corrected for all families and entities looked at."""
    families = np.isfinite(found.p).sum(axis=1)
    least = np.min(np.nan_to_num(found.p, nan=1.0), axis=1, initial=1.0)
    looked_at = max(int((families > 0).sum()), 1)
    return corrected(corrected(least, np.maximum(families, 1)), looked_at)
