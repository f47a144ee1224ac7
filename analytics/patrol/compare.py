"""What changed from one patrol to the next, finding by finding (one inspection of one entity)."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.patrol.inspection import BAD
from causeway.findings import Finding, PatrolReport, Verdict


@dataclass(frozen=True, slots=True)
class Changes:
    """Findings in the later report's order; `gone` and `lost` are the earlier ones.

    new: bad now and not before. worse: from warning to critical. better: from critical to warning.
    gone: bad before and fine now. lost: bad before, and now it cannot be judged.
    """

    new: tuple[Finding, ...] = ()
    worse: tuple[Finding, ...] = ()
    better: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.worse or self.better or self.gone or self.lost)


def compare(previous: PatrolReport, report: PatrolReport) -> Changes:
    """The Changes between two reports."""
    before = {(finding.inspection, finding.entity): finding for finding in previous.findings}
    now = {(finding.inspection, finding.entity): finding for finding in report.findings}
    bad_now = [(finding, before.get(key)) for key, finding in now.items() if finding.verdict in BAD]
    bad_before = [(finding, now.get(key)) for key, finding in before.items() if finding.verdict in BAD]
    both = [(finding, old) for finding, old in bad_now if old is not None and old.verdict in BAD]
    return Changes(
        new=tuple(finding for finding, old in bad_now if old is None or old.verdict not in BAD),
        worse=tuple(finding for finding, old in both if finding.verdict.rank > old.verdict.rank),
        better=tuple(finding for finding, old in both if finding.verdict.rank < old.verdict.rank),
        gone=tuple(finding for finding, new in bad_before if new is not None and new.verdict is Verdict.OK),
        lost=tuple(finding for finding, new in bad_before if new is None or new.verdict is Verdict.UNKNOWN),
    )
