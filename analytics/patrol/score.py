"""One number, 0-100, for how well the system is: 100 is "nothing wrong in what could be judged".

    score = 100 * product over entities of (1 - worst * impact / 100)
    worst = max over the entity's judged findings of take * weight

`take` is 0 for OK, 0.15 for WARNING and 0.6 for CRITICAL; `weight` is the inspection's (1 for what users
feel now,
less for risks and for the telemetry itself); `impact` is the entity's impact score, 5 at least. So one
critical
finding at the heart of the system costs up to 60 points, the same at its edge 3; one fault that several
inspections
notice at one entity costs once; more or worse findings never raise the score; and UNKNOWN takes nothing: it
lowers
the coverage, which is shown beside the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from causeway.findings import Finding, Verdict

TAKE: Mapping[Verdict, float] = {Verdict.OK: 0.0, Verdict.WARNING: 0.15, Verdict.CRITICAL: 0.6}
IMPACT_MIN = 5.0
# Where nobody calculated impacts: about a service of the middle.
IMPACT_UNKNOWN = 30.0
# The whole is UNKNOWN when less than this share of the findings could be judged.
COVERAGE_MIN = 0.5


def score(findings: Iterable[Finding], weights: Mapping[str, float]) -> float | None:
    """The score; None when nothing could be judged. `weights`: inspection -> weight."""
    taken: dict[str, float] = {}
    for finding in findings:
        if finding.verdict is Verdict.UNKNOWN:
            continue
        impact = IMPACT_UNKNOWN if finding.impact is None else min(100.0, max(IMPACT_MIN, finding.impact))
        take = TAKE[finding.verdict] * weights.get(finding.inspection, 1.0) * impact / 100.0
        taken[finding.entity] = max(take, taken.get(finding.entity, 0.0))
    if not taken:
        return None
    return round(100.0 * math.prod(1.0 - take for take in taken.values()), 1)


def overall(counts: Mapping[str, int]) -> Verdict:
    """The worst verdict; UNKNOWN where all that is known is fine but less than half is known."""
    for verdict in (Verdict.CRITICAL, Verdict.WARNING):
        if counts.get(verdict.value, 0):
            return verdict
    fine, total = counts.get(Verdict.OK.value, 0), sum(counts.values())
    return Verdict.OK if fine and fine >= COVERAGE_MIN * total else Verdict.UNKNOWN
