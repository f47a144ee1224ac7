"""What inspections of logs show of a template: its text, its counts, since when it comes, and where its lines are."""

from __future__ import annotations

from urllib.parse import urlencode

import numpy as np

from analytics.logtemplates.changes import severities
from analytics.world import World
from causeway.findings import Evidence, Message, MessageValue
from causeway.records import SEVERITIES
from causeway.window import SECOND_NS

EVIDENCE_MAX = 5
_TEXT_MAX = 120


def template_link(service: str, template_id: int) -> str:
    """The page with the template's lines and the traces that they name."""
    return "/logs?" + urlencode({"service": service, "template": template_id})


def short(template: str) -> str:
    """One line, cut where it is too long for a sentence."""
    line = " ".join(template.split())
    return line if len(line) <= _TEXT_MAX else line[: _TEXT_MAX - 1] + "…"


def template_evidence(world: World, row: int, *, usual: float, p: float | None = None) -> Evidence:
    """One template of the World's LogSeries as evidence. usual: lines expected in the window."""
    logs, timeline = world.logs, world.timeline
    meta = logs.meta.iloc[row]
    counts = logs.counts[row]
    spoke = np.flatnonzero(counts > 0)
    first_ns = int(timeline.times_ns[spoke[0]]) if len(spoke) else world.window.end_ns
    severity = int(severities(logs)[row])
    service, template_id = str(meta["service"]), int(meta["template_id"])
    values: dict[str, MessageValue] = {
        "template": short(str(meta["template"])),
        "template_id": str(template_id),
        "severity": SEVERITIES[(severity + 3) // 4] if severity else "",
        "lines": int(np.nansum(counts[timeline.in_window])),
        "usual": float(usual),
        "ago": (world.window.end_ns - first_ns) / SECOND_NS,
    }
    link = template_link(service, template_id)
    return Evidence("logs", service, Message("patrol.template_seen", values), p=p, link=link)
