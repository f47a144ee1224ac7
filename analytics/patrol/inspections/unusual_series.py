"""Services where an event of unusual series begins."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.words import measured, reason, strongest
from analytics.patrol.inspection import EVERYTHING, Options, inspection
from causeway.findings import Evidence, Finding, Verdict
from causeway.window import iso

FAMILY = "anomaly"
EVIDENCE_MAX = 5


@inspection(
    "unusual_series", unit="", warn_above=3.0, critical_above=1000.0, weight=0.2, options=Options, of_anomalies=True
)
def unusual_series(found: FoundEvents, options: Options) -> Iterator[Finding]:
    """One finding for each service that leads an event, of its strongest; one about everything where there is none."""
    learned = found.learned
    if found.judged_until_ns is None:
        values = {"series": learned.series, "learning": learned.learning}
        yield unusual_series.unknown(EVERYTHING, "learning", values)
        return
    leads: dict[str, FoundEvent] = {}
    for event in found.events:  # the strongest first
        if event.score > options.warn_above:
            leads.setdefault(event.lead, event)
    for event in leads.values():
        yield _finding(event, options)
    if not leads:
        values = {"series": learned.series - learned.learning}
        yield unusual_series.finding(EVERYTHING, Verdict.OK, "fine", values)


def _finding(event: FoundEvent, options: Options) -> Finding:
    first, verdict = strongest(event), options.verdict(event.score)
    worst = sorted(event.alarms, key=lambda alarm: (-alarm.score, alarm))[:EVIDENCE_MAX]
    return unusual_series.finding(
        event.lead,
        verdict,
        "off",
        {
            "since": iso(event.start_ns),
            "series": first.series,
            "value": measured(first.value, first.unit),
            "low": measured(first.low, first.unit),
            "high": measured(first.high, first.unit),
            "count": event.series,
            "entities": len(event.entities),
        },
        value=event.score,
        threshold=options.threshold(verdict),
        link=f"/service/{event.lead}",
        evidence=tuple(Evidence(FAMILY, alarm.entity, reason(alarm, None)) for alarm in worst),
    )
