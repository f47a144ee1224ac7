"""Series read from a store, judged and grouped: what is found, and what must not matter."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomalies.events import Alarm
from analytics.anomalies.keeping import load_streams, save_streams
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.readings import Readings, read
from analytics.anomalies.replay import judged_minutes, replayed
from analytics.anomalies.streams import Streams
from causeway.errors import ConfigError
from causeway.window import MINUTE_NS, Window
from tests.analytics.anomalies.long_store import SERVICES, START_NS, Days, Fault, long_store
from tests.table_store import TableStore

FAULT_MINUTE = 2900
SLOW = Days(faults=(Fault("cart", FAULT_MINUTE, slower=4.0),))
BROKEN = Days(faults=(Fault("cart", FAULT_MINUTE, failing=0.3), Fault("front", FAULT_MINUTE, failing=0.25)))
LAST_HOURS = (2880, None)


@cache
def _readings(days: Days) -> Readings:
    return read(long_store(days), days.window(0))


def _alarms(streams: Streams, readings: Readings, cuts: list[int]) -> list[Alarm]:
    edges = [0, *sorted(cuts), len(readings.times_ns)]
    return [a for i in range(len(edges) - 1) for a in streams.feed(readings.minutes(edges[i], edges[i + 1]))]


def test_an_injected_fault_is_found_and_ranked_first() -> None:
    """The slow service leads the first event, which begins with the fault and says what was seen."""
    found = replayed(long_store(SLOW), SLOW.window(*LAST_HOURS))
    first = found.events[0]
    assert first.lead == "cart" and first.start_ns == SLOW.at(FAULT_MINUTE)
    slow = next(alarm for alarm in first.alarms if alarm.series == "latency_ms")
    assert slow.value is not None and slow.low is not None and slow.high is not None
    assert slow.low < 30.0 < slow.high < 60.0 < slow.value


def test_callers_that_fail_because_of_a_callee_are_in_its_event() -> None:
    """Failures of a service and of its caller are one event, which the callee leads."""
    found = replayed(long_store(BROKEN), BROKEN.window(*LAST_HOURS))
    assert found.events[0].lead == "cart" and set(found.events[0].entities) >= {"cart", "front"}


def test_fewer_requests_everywhere_begin_at_the_front() -> None:
    """When nobody comes any more, the caller leads, not those that it calls."""
    entities = ("front", "cart", "mail", "cart-db")
    days = Days(faults=tuple(Fault(name, FAULT_MINUTE, share=0.1) for name in entities))
    first = replayed(long_store(days), days.window(*LAST_HOURS)).events[0]
    assert first.lead == "front" and set(first.entities) == set(entities)


def test_quiet_days_are_quiet() -> None:
    """Two hours of noise as in the two days before have no event, and that was judged."""
    days = Days()
    found = replayed(long_store(days), days.window(*LAST_HOURS))
    assert found.events == () and found.judged_from_ns == days.at(2880) and found.judged_until_ns == days.end_ns
    assert found.learned.series > 20 and found.learned.learning == 0


def test_no_data_is_no_answer() -> None:
    """An empty store, and one of less than a day and a half, judge nothing; the second says until when it learns."""
    window = Window(START_NS, START_NS + 60 * MINUTE_NS)
    nothing = replayed(TableStore(), window)
    assert nothing.events == () and nothing.judged_until_ns is None and nothing.learned.series == 0
    short = Days(minutes=600, faults=(Fault("cart", 560, slower=9.0),))
    found = replayed(long_store(short), short.window(540))
    assert found.events == () and found.judged_until_ns is None
    assert found.learned.learning == found.learned.series > 0
    assert found.learned.until_ns == START_NS + 6 * 360 * MINUTE_NS


def test_silence_of_everything_is_not_zero_requests() -> None:
    """While nothing at all arrives no service is said to have lost its requests."""
    days = Days(silent=(2900, 2920))
    found = replayed(long_store(days), days.window(*LAST_HOURS))
    assert [alarm for event in found.events for alarm in event.alarms if alarm.at_ns < days.at(2920)] == []


def test_names_change_nothing() -> None:
    """Services with other names, in another order, have the same events under those names."""
    names = {"front": "z", "cart": "b", "mail": "a", "alone": "y", "cart-db": "x"}
    plain, other = (replayed(long_store(days), days.window(*LAST_HOURS)) for days in (BROKEN, _named(names)))
    assert len(plain.events) == len(other.events) > 0
    for mine, theirs in zip(plain.events, other.events, strict=True):
        assert {names[name] for name in mine.entities} == set(theirs.entities) and names[mine.lead] == theirs.lead
        assert mine.score == pytest.approx(theirs.score) and mine.start_ns == theirs.start_ns


def _named(names: dict[str, str]) -> Days:
    return replace(BROKEN, names=names)


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, BROKEN.minutes - 1), max_size=6, unique=True), order=st.randoms())
def test_neither_cuts_nor_order_change_alarms(cuts: list[int], order: object) -> None:
    """However the minutes are cut into calls and the series are ordered, the same alarms start."""
    readings = _readings(BROKEN)
    whole = Streams(AnomalyOptions()).feed(readings)
    assert [alarm for alarm in whole if alarm.at_ns >= BROKEN.at(FAULT_MINUTE)]
    assert _alarms(Streams(AnomalyOptions()), readings, cuts) == whole
    places = list(range(len(readings.keys)))
    order.shuffle(places)  # type: ignore[attr-defined]
    mixed = replace(readings, keys=tuple(readings.keys[i] for i in places), values=readings.values[places])
    assert _alarms(Streams(AnomalyOptions()), mixed, cuts[:2]) == whole


@settings(max_examples=6, deadline=None)
@given(stop=st.integers(1, BROKEN.minutes - 1))
def test_a_restart_changes_nothing(stop: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Saved at any minute and loaded again, the alarms and all that is said of them are the same."""
    readings = _readings(BROKEN)
    path = tmp_path_factory.mktemp("kept") / "anomalies.npz"
    gone = Streams(AnomalyOptions())
    before = gone.feed(readings.minutes(0, stop))
    save_streams(gone, path)
    again = load_streams(path, AnomalyOptions())
    assert again.until_ns == BROKEN.at(stop) and again.learned == gone.learned
    tail = readings.minutes(stop, len(readings.times_ns))
    here, there = gone.feed(tail), again.feed(tail)
    assert [_all(alarm) for alarm in there] == [_all(alarm) for alarm in here]
    assert before + there == Streams(AnomalyOptions()).feed(readings)


def _all(alarm: Alarm) -> tuple[object, ...]:
    return (alarm, alarm.value, alarm.low, alarm.high, alarm.bar, alarm.per_week)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """It says which file to delete."""
    path = tmp_path / "anomalies.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(ConfigError, match=r"anomalies\.npz"):
        load_streams(path, AnomalyOptions())


def test_other_options_keep_what_was_learned(tmp_path: Path) -> None:
    """A changed knob is used from the next minute on; nothing is learned anew."""
    streams = Streams(AnomalyOptions())
    streams.feed(_readings(SLOW))
    save_streams(streams, tmp_path / "kept.npz")
    found = load_streams(tmp_path / "kept.npz", AnomalyOptions(alarms_per_week=9.0))
    assert found.detector.settings.alarms_per_week == 9.0 and found.learned == streams.learned


def test_the_cap_keeps_requests_first() -> None:
    """Beyond `series_max` the last kinds are left out, and how many is said."""
    streams = Streams(AnomalyOptions(series_max=16))
    readings = _readings(SLOW)
    streams.feed(readings.minutes(0, 10))
    assert streams.learned.series == 16 and streams.learned.left_out == len(readings.keys) - 16
    assert {key.name for key in streams.places.rows} >= {"requests", "error_ratio", "latency_ms"}
    assert not any(key.name.startswith("process.") for key in streams.places.rows)


def test_a_series_that_is_gone_gives_its_row_up() -> None:
    """After a week without a value it is forgotten and learned anew when it comes back."""
    readings = _readings(SLOW)
    streams = Streams(AnomalyOptions())
    streams.feed(readings.minutes(0, 2400))
    series = streams.learned.series
    week = 8 * 1440
    later = replace(
        readings.minutes(2400, 2410),
        times_ns=readings.times_ns[2400:2410] + week * MINUTE_NS,
        keys=readings.keys[:1],
        values=readings.values[:1, 2400:2410],
    )
    streams.feed(later)
    assert streams.learned.series == 1 < series and streams.learned.learning == 1


def test_a_minute_at_a_time_has_the_bar_of_its_minute() -> None:
    """Minutes judged one by one give the same alarms as all of them together."""
    readings = _readings(SLOW)
    slow, fast = Streams(AnomalyOptions()), Streams(AnomalyOptions())
    for streams in (slow, fast):
        streams.feed(readings.minutes(0, 2880))
    tail = readings.minutes(2880, 2960)
    assert judged_minutes(slow, tail) == fast.feed(tail) != []


def test_a_reading_is_the_store_s_minutes() -> None:
    """Series of every kind are read; a minute in two readings has the same values."""
    days = Days(minutes=60)
    store = long_store(days)
    whole, part = read(store, days.window(0)), read(store, days.window(20, 40))
    assert {key.name for key in whole.keys} == {
        *("requests", "error_ratio", "latency_ms", "log.lines", "log.errors", "process.cpu.utilization")
    }
    assert {key.entity for key in whole.keys} == {*SERVICES, "cart-db"}
    at = [whole.keys.index(key) for key in part.keys]
    np.testing.assert_array_equal(whole.values[at, 20:40], part.values)
