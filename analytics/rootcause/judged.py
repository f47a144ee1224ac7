"""Everything that was weighed for one diagnosis, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.rootcause.combine import Strengths
from analytics.rootcause.evidence.observations import Observations
from analytics.rootcause.explain import Explained, Graph
from analytics.rootcause.onset import Onset
from causeway.findings import Evidence


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that was weighed: scores (n,) after explaining away and with the bonus of changes."""

    onset: Onset
    observed: tuple[Observations, ...]
    found: Strengths
    explained: Explained
    graph: Graph
    changes: dict[str, list[Evidence]]
    scores: np.ndarray
    p: np.ndarray
