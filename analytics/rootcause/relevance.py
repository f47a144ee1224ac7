"""What users suffer from says which evidence can explain it: slowness does not make requests fail, nor the reverse.

Not quite: timeouts turn one into the other. So the other kind counts half, and only where all symptoms are of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analytics.rootcause.combine import Strengths
from analytics.rootcause.evidence.families import FAMILIES
from causeway.findings import Symptom

OTHER_KIND = 0.5
# By indicator of a symptom: the families that tell of the other kind.
_OTHERS = {
    "error_ratio": {"self_time", "network_gap", "metric_latency"},
    "latency": {"errors", "metric_failing"},
}


def relevant(found: Strengths, symptoms: Iterable[Symptom]) -> Strengths:
    """The strengths with evidence of another kind than all symptoms counted half."""
    indicators = {symptom.indicator for symptom in symptoms}
    if len(indicators) != 1:
        return found
    others = _OTHERS.get(indicators.pop(), set())
    factors = np.array([OTHER_KIND if registered.name in others else 1.0 for registered in FAMILIES])
    return replace(found, strength=found.strength * factors)
