"""A whole patrol: order, counts, impacts, crashes."""

from __future__ import annotations

import pytest

from analytics.patrol import inspection as registry
from analytics.patrol import run
from analytics.patrol.compare import compare
from analytics.patrol.inspection import inspection, inspections
from causeway.errors import ConfigError
from causeway.findings import Finding, Message, PatrolReport, Verdict
from causeway.window import Window
from causeway.wire import from_json, to_json
from tests.analytics.patrol.patrols import finding_of, report_of, world_of

WINDOW = Window(0, 10)
REASON = Message("patrol.crashed", {"error": ""})


def test_worst_comes_first_then_what_matters_most():
    """By verdict, then by impact; the counts add up; the score is below that of the quiet shop."""
    report = report_of(world_of("errors"))
    order = [(-one.verdict.rank, -(one.impact or 0.0)) for one in report.findings]
    assert order == sorted(order)
    assert sum(report.counts.values()) == len(report.findings)
    assert report.score < report_of(world_of()).score
    assert report.verdict is Verdict.CRITICAL


def test_findings_carry_the_impact_of_their_entity():
    """The entry point matters more than a service at the edge; a database has an impact too."""
    report = report_of(world_of())
    assert finding_of(report, "latency", "frontend").impact > finding_of(report, "latency", "mailer").impact
    assert finding_of(report, "database_latency", "catalog-db").impact > 0


def test_published_shape():
    """The JSON of a report has the promised keys and reads back as the same report."""
    report = report_of(world_of("latency"))
    shape = to_json(report)
    assert {"window", "score", "verdict", "findings"} <= shape.keys()
    assert {"inspection", "entity", "verdict", "value", "unit", "reason"} <= shape["findings"][0].keys()
    assert from_json(PatrolReport, shape) == report


def test_crash_of_one_inspection_is_unknown_and_the_others_go_on(monkeypatch):
    """A crash never becomes an answer: it is an UNKNOWN finding that says so."""

    def broken(*_):
        raise ZeroDivisionError("a bug")
        yield

    bad = registry.Inspection(
        "latency", "ms", 1.0, registry.Options, {"warn_above": 1.0, "critical_above": 2.0}, broken
    )
    others = tuple(one for one in inspections() if one.name != "latency")
    monkeypatch.setattr(run, "inspections", lambda: (*others, bad))
    report = report_of(world_of())
    finding = finding_of(report, "latency", "*")
    assert finding.verdict is Verdict.UNKNOWN and "a bug" in str(finding.reason.values["error"])
    assert len(report.findings) > 50


def test_name_is_used_once():
    """Two inspections of one name are an error when they are registered."""
    assert inspections()
    with pytest.raises(ConfigError, match="two inspections are called 'latency'"):
        inspection("latency", unit="ms", warn_above=1, critical_above=2)(lambda *_: iter(()))


def report(**verdicts: Verdict) -> PatrolReport:
    found = tuple(Finding("a", entity, verdict, REASON) for entity, verdict in verdicts.items())
    return PatrolReport(WINDOW, 50.0, Verdict.WARNING, found, 10)


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (Verdict.OK, Verdict.WARNING, "new"),
        (Verdict.UNKNOWN, Verdict.CRITICAL, "new"),
        (None, Verdict.WARNING, "new"),
        (Verdict.WARNING, Verdict.CRITICAL, "worse"),
        (Verdict.CRITICAL, Verdict.WARNING, "better"),
        (Verdict.CRITICAL, Verdict.OK, "gone"),
        (Verdict.WARNING, Verdict.UNKNOWN, "lost"),
        (Verdict.WARNING, None, "lost"),
        (Verdict.WARNING, Verdict.WARNING, None),
        (Verdict.OK, Verdict.UNKNOWN, None),
        (None, Verdict.OK, None),
    ],
)
def test_changes_since_the_patrol_before(before, now, kind):
    """Each pair of verdicts is one kind of change, or none; unknown is never taken for gone."""
    changes = compare(report(**({"x": before} if before else {})), report(**({"x": now} if now else {})))
    found = [name for name in ("new", "worse", "better", "gone", "lost") if getattr(changes, name)]
    assert found == ([kind] if kind else [])
    assert bool(changes) == bool(kind)
