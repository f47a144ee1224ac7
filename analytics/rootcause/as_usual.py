"""Evidence against that only says "as usual", gathered: eight such sentences hide the one that matters."""

from __future__ import annotations

from collections.abc import Sequence

from causeway.findings import Evidence

_PREFIX = "rootcause.usual_"


def parted(evidence: Sequence[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
    """(what speaks against it by itself, the families that found nothing unusual), each in the given order."""
    usual = [one for one in evidence if one.reason.id.startswith(_PREFIX)]
    return [one for one in evidence if one not in usual], usual


def looked_at(one: Evidence) -> int:
    """How many observations a family found as usual."""
    count = one.reason.values.get("count")
    return count if isinstance(count, int) else 0
