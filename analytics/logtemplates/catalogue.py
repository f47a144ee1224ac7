"""What collectors told of the template ids that lines are stored with: their text today, and which became which.

Collectors that know nothing of each other may widen templates in another order, so that one calls A what another calls
B. All ids that were ever called one are one here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from causeway.logtemplates.mining import OTHER, OTHER_TEXT
from causeway.stores.contract import Reader


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Templates by id. Ids that are not in it stay what they are, without a text."""

    _now: Mapping[int, int] = field(default_factory=dict)
    _told: Mapping[int, tuple[int, str]] = field(default_factory=dict)  # by id of today: version, text

    def __bool__(self) -> bool:
        return bool(self._told)

    def __contains__(self, template_id: int) -> bool:
        return template_id in self._now or template_id == OTHER

    def now(self, ids: np.ndarray) -> np.ndarray:
        """(n,) the ids as they are called today."""
        return np.array([self._now.get(one, one) for one in ids.tolist()], dtype=np.int64)

    def version(self, template_id: int) -> int:
        """How often the template was widened, from 1."""
        return self._told.get(self._now.get(template_id, template_id), (1, ""))[0]

    def text(self, template_id: int) -> str:
        """With <*> where values stand; empty where it was never told."""
        if template_id == OTHER:
            return OTHER_TEXT
        return self._told.get(self._now.get(template_id, template_id), (1, ""))[1]

    def texts(self, ids: np.ndarray) -> dict[int, str]:
        """The text of each of the ids."""
        return {one: self.text(one) for one in np.unique(ids).tolist()}

    def templates(self) -> list[tuple[int, str]]:
        """Id and text of all that are known, ascending by id."""
        return [(one, text) for one, (_, text) in sorted(self._told.items())]

    def ids_of(self, template_id: int) -> tuple[int, ...]:
        """All ids that mean the same template today, ascending."""
        wanted = self._now.get(template_id, template_id)
        return tuple(sorted({template_id, wanted, *(old for old, new in self._now.items() if new == wanted)}))


def catalogue(store: Reader) -> Catalogue:
    """What the store knows of templates; empty where lines are stored without ids. Cost: one small read."""
    return catalogue_of(store.log_templates())


def catalogue_of(table: pa.Table) -> Catalogue:
    """The same of rows of `records.LOG_TEMPLATES`, in any order."""
    columns = ("template_id", "now_id", "version", "template")
    rows = list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
    roots: dict[int, int] = {}
    for old, new, _, _ in rows:
        first, second = sorted((_root(roots, old), _root(roots, new)))
        roots[second] = first
    told: dict[int, tuple[int, str]] = {}
    for old, _, version, text in rows:
        root = _root(roots, old)
        told[root] = max(told.get(root, (0, "")), (version, text))
    return Catalogue({one: _root(roots, one) for one in roots}, told)


def _root(roots: dict[int, int], one: int) -> int:
    """The least id among those that are one; roots that lead nowhere are made."""
    while roots.setdefault(one, one) != one:
        roots[one] = roots[roots[one]]
        one = roots[one]
    return one
