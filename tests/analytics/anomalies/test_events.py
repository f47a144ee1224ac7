"""Alarms grouped into events."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from analytics.anomalies.causes import Cause
from analytics.anomalies.events import GAP_NS, Alarm, anomaly_events

NEIGHBOURS = {"front": ["cart", "mail"], "cart": ["store"]}
SERVICES = ("front", "cart", "store", "mail", "alone")


def _alarm(at_s: int, entity: str, series: str = "latency", score: float = 1.0) -> Alarm:
    return Alarm(at_s * 1_000_000_000, entity, series, score, Cause.JUMP)


def test_neighbours_in_time_are_one_event() -> None:
    """A caller and its callee a minute apart are one; a stranger and what comes an hour later are others."""
    events = anomaly_events(
        [_alarm(0, "store"), _alarm(60, "cart"), _alarm(100, "front"), _alarm(70, "alone"), _alarm(3700, "store")],
        NEIGHBOURS,
    )
    assert [event.entities for event in events] == [("store", "cart", "front"), ("alone",), ("store",)]


def test_series_that_agree_weigh_more() -> None:
    """An event of three series comes before one of a single series with a larger score; repetition adds nothing."""
    many = [_alarm(0, "cart", name) for name in ("latency", "errors", "rate")]
    events = anomaly_events([*many, _alarm(10, "cart", "rate", 0.5), _alarm(9000, "mail", score=2.5)], NEIGHBOURS)
    assert [event.score for event in events] == [3.0, 2.5]


@given(
    drawn=st.lists(
        st.tuples(st.integers(0, 5000), st.sampled_from(SERVICES), st.sampled_from(["a", "b"])),
        max_size=30,
        unique=True,
    ),
    order=st.randoms(use_true_random=False),
)
def test_every_alarm_once(drawn: list[tuple[int, str, str]], order: object) -> None:
    """Each alarm is in one event, no event has a hole larger than the gap, and the order of the input is nothing."""
    given_alarms = [_alarm(*row) for row in drawn]
    events = anomaly_events(given_alarms, NEIGHBOURS)
    shuffled = list(given_alarms)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert anomaly_events(shuffled, NEIGHBOURS) == events
    assert sorted(alarm for event in events for alarm in event.alarms) == sorted(given_alarms)
    for event in events:
        times = [alarm.at_ns for alarm in event.alarms]
        assert all(b - a <= GAP_NS for a, b in itertools.pairwise(times))
