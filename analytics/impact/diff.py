"""Impact then and now: whose factor rose, who came and who went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.impact.scores import ServiceImpact
from causeway.window import Window

# Smaller differences come from the mix of requests alone.
POINTS_MIN = 1.0


@dataclass(frozen=True, slots=True)
class ImpactChange:
    """One node. status: new, removed, risen, fallen or same; before, after: 0-100, None where it was not seen.

    parts: by part of the score, points after less before; only where both are known.
    """

    service: str
    type: str
    status: str
    before: float | None
    after: float | None
    parts: dict[str, float]

    @property
    def change(self) -> float:
        """Points; what was not there counts as 0."""
        return (self.after or 0.0) - (self.before or 0.0)


def impact_changes(before: Sequence[ServiceImpact], after: Sequence[ServiceImpact]) -> tuple[ImpactChange, ...]:
    """Every node of either window, the largest change first, then by name. A pure function."""
    earlier, later = {one.service: one for one in before}, {one.service: one for one in after}
    found = [_change(earlier.get(name), later.get(name)) for name in {**earlier, **later}]
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.service)))


def _change(before: ServiceImpact | None, after: ServiceImpact | None) -> ImpactChange:
    shown = after or before
    assert shown is not None
    then, now = None if before is None else before.impact, None if after is None else after.impact
    if before is None or after is None:
        return ImpactChange(shown.service, shown.type, "removed" if after is None else "new", then, now, {})
    moved = after.impact - before.impact
    status = "same" if abs(moved) < POINTS_MIN else ("risen" if moved > 0 else "fallen")
    points = {part.name: part.contribution for part in before.parts}
    parts = {
        part.name: round(part.contribution - points[part.name], 6)
        for part in after.parts
        if part.value is not None and part.name in points
    }
    return ImpactChange(shown.service, shown.type, status, then, now, parts)


def changes_json(before: Window, after: Window, level: str, changes: Sequence[ImpactChange]) -> dict[str, Any]:
    """The stable shape of `causeway impact --diff --format json`, see docs/json.md."""
    return {
        "before": before.as_json(),
        "after": after.as_json(),
        "level": level,
        "services": [
            {
                "service": one.service,
                "type": one.type,
                "status": one.status,
                "before": one.before,
                "after": one.after,
                "change": round(one.change, 6),
                "parts": one.parts,
            }
            for one in changes
        ],
    }
