"""Patrols over synthetic worlds, for the tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from analytics.callgraph.graph import call_graph
from analytics.impact.scores import impact_scores
from analytics.patrol.run import patrol
from analytics.world import World
from causeway.findings import Finding, PatrolReport
from causeway.messages import text
from tests.worlds import Fault, shop_world


@cache
def world_of(*faults: str | Fault, **options: Any) -> World:
    """The shop's World with those faults; never changed, so it is made once."""
    return shop_world(faults=faults, **options)


def report_of(world: World, config: dict[str, Any] | None = None) -> PatrolReport:
    """One patrol. Every sentence in it is put into words, in both languages."""
    graph = call_graph(world)
    report = patrol(world, graph, impact_scores(world, graph), config or {})
    for finding in report.findings:
        for language in ("en", "zh-CN"):
            assert text(finding.reason, language)
            assert finding.remedy is None or text(finding.remedy, language)
    return report


def finding_of(report: PatrolReport, inspection: str, entity: str) -> Finding:
    """The one finding of that inspection about that entity."""
    found = [one for one in report.findings if (one.inspection, one.entity) == (inspection, entity)]
    assert len(found) == 1, f"{len(found)} findings of {inspection} about {entity}"
    return found[0]


def with_metrics(world: World, rows: list[tuple[str, str, str, str, np.ndarray]], *, attributes: str = "") -> World:
    """The World with these metrics only: (service, instance, name, unit, values (t,))."""
    meta = pd.DataFrame(
        [
            {
                "series_id": place,
                "service": service,
                "instance": instance,
                "name": name,
                "unit": unit,
                "type": "gauge",
                "attributes": attributes,
            }
            for place, (service, instance, name, unit, _) in enumerate(rows)
        ],
        columns=["series_id", "service", "instance", "name", "unit", "type", "attributes"],
    )
    values = np.array([row[-1] for row in rows], dtype=np.float32).reshape(len(rows), len(world.timeline))
    return replace(world, metrics=replace(world.metrics, meta=meta, values=values))
