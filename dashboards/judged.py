"""Findings by entity: where verdict marks and colours come from. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from causeway.findings import Finding, PatrolReport, Verdict

# Inspections of how a system is built or observed, not of how it is doing now: they colour the Patrol page only.
STANDING = frozenset({"single_instance", "clock_skew", "orphan_spans"})


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings of one window, by entity."""

    by_entity: Mapping[str, Sequence[Finding]]

    def verdict(self, entity: str) -> Verdict:
        """The worst thing said of how it is doing; OK outranks UNKNOWN, for one missing metric is no illness.

        UNKNOWN where nothing could be judged.
        """
        verdicts = {finding.verdict for finding in self.by_entity.get(entity, ())}
        order = (Verdict.CRITICAL, Verdict.WARNING, Verdict.OK)
        return next((verdict for verdict in order if verdict in verdicts), Verdict.UNKNOWN)

    def finding(self, entity: str, inspection: str) -> Finding | None:
        """What that inspection said of the entity."""
        return next((one for one in self.by_entity.get(entity, ()) if one.inspection == inspection), None)

    def off(self, entity: str, inspection: str) -> Verdict:
        """That inspection's verdict; OK where it did not look."""
        found = self.finding(entity, inspection)
        return found.verdict if found is not None else Verdict.OK

    def worst(self, entity: str) -> Finding | None:
        """The worst finding of the entity that is at least a warning."""
        bad = [one for one in self.by_entity.get(entity, ()) if one.verdict.rank >= Verdict.WARNING.rank]
        return max(bad, key=lambda one: one.verdict.rank, default=None)


def judged(report: PatrolReport) -> Judged:
    """The findings that say how entities are doing, in the report's order."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.inspection not in STANDING:
            found.setdefault(finding.entity, []).append(finding)
    return Judged(found)
