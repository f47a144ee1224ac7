"""The inspection of anomaly events."""

from __future__ import annotations

from analytics.anomalies.causes import Cause
from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvent, FoundEvents
from analytics.anomalies.streams import Learned
from analytics.callgraph.graph import call_graph
from analytics.patrol.run import patrol
from causeway.findings import Finding, Verdict
from causeway.messages import LANGUAGES, text
from causeway.window import Window
from tests.analytics.patrol.patrols import world_of

WINDOW = Window(0, 3600)


def _event(lead: str, score: float, *others: str) -> FoundEvent:
    alarms = tuple(
        Alarm(10, name, "latency_ms", score, Cause.LEVEL, "ms", 300.0, 10.0, 20.0) for name in (lead, *others)
    )
    return FoundEvent(10, 10, lead, score, (lead, *others), alarms)


def _findings(found: FoundEvents | None, config: dict[str, object] | None = None) -> list[Finding]:
    world = world_of()
    report = patrol(world, call_graph(world), (), config, anomalies=found)
    return [one for one in report.findings if one.inspection == "unusual_series"]


def _found(*events: FoundEvent) -> FoundEvents:
    return FoundEvents(WINDOW, events, Learned(20, 3), True, 0, 3600)


def test_the_strongest_event_of_each_lead_is_a_finding() -> None:
    """A service that leads twice is named once, with its evidence; weak events are none."""
    events = (_event("cart", 9.0, "front"), _event("cart", 5.0), _event("mail", 4.0), _event("alone", 1.0))
    found = {one.entity: one for one in _findings(_found(*events))}
    assert set(found) == {"cart", "mail"}
    cart = found["cart"]
    assert cart.verdict is Verdict.WARNING and cart.value == 9.0 and cart.threshold == 3.0
    assert [one.entity for one in cart.evidence] == ["cart", "front"]
    for language in LANGUAGES:
        assert "300 ms" in text(cart.reason, language) and cart.remedy and text(cart.remedy, language)
        assert "latency_ms" in text(cart.evidence[0].reason, language)


def test_no_event_is_fine_and_nothing_judged_is_unknown() -> None:
    """Both about everything, with how many series that rests on; without anybody who looked there is no finding."""
    (fine,) = _findings(_found())
    assert (fine.entity, fine.verdict) == ("*", Verdict.OK) and "17" in text(fine.reason)
    (unknown,) = _findings(FoundEvents(WINDOW, (), Learned(20, 20), True))
    assert (unknown.entity, unknown.verdict) == ("*", Verdict.UNKNOWN) and "20" in text(unknown.reason)
    assert _findings(None) == []


def test_thresholds_are_set_as_everywhere() -> None:
    """A lower bar for CRITICAL makes it one."""
    (one,) = _findings(_found(_event("cart", 9.0)), {"unusual_series": {"critical_above": 8.0}})
    assert one.verdict is Verdict.CRITICAL
