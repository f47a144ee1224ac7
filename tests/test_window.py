import pytest
from hypothesis import given
from hypothesis import strategies as st

from causeway.errors import ConfigError
from causeway.window import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Window,
    earlier_window,
    iso,
    parse_duration,
    parse_time,
    parse_window,
)

NOW = 1_700_000_000 * SECOND_NS
TIMES = st.integers(min_value=0, max_value=4_000_000_000 * SECOND_NS)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("now", NOW),
        ("-15m", NOW - 15 * MINUTE_NS),
        ("-1h30m", NOW - 90 * MINUTE_NS),
        ("-250ms", NOW - 250_000_000),
        (" 2023-11-14T22:13:20Z ", NOW),
        ("2023-11-15T06:13:20+08:00", NOW),
        ("2023-11-14 22:13:20", NOW),
        ("2023-11-14T22:13:20.25Z", NOW + 250_000_000),
        ("2023-11-14", NOW - (22 * 3600 + 13 * 60 + 20) * SECOND_NS),
        ("1700000000", NOW),
        ("1700000000.5", NOW + SECOND_NS // 2),
        ("1700000000000", NOW),
        ("1700000000000000", NOW),
        ("1700000000000000001", NOW + 1),
    ],
)
def test_times_people_type(typed: str, expected: int) -> None:
    """RFC 3339 (UTC where it names no zone), Unix times by magnitude, `now`, and a duration before now."""
    assert parse_time(typed, now_ns=NOW) == expected


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "15m", "-15", "-15x", "2023-13-01", "12:00", "36000000000000", "9999-01-01"]
)
def test_what_is_not_a_time_is_refused_by_name(typed: str) -> None:
    """A text that is no time is an error that quotes it; nothing is guessed."""
    with pytest.raises(ConfigError, match=r"not a (time|duration)"):
        parse_time(typed, now_ns=NOW)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("90s", 90 * SECOND_NS),
        ("1h30m", 90 * MINUTE_NS),
        ("2d", 2 * DAY_NS),
        ("1w", 7 * DAY_NS),
        ("0.5h", HOUR_NS // 2),
        ("5ms", 5_000_000),
    ],
)
def test_durations(typed: str, expected: int) -> None:
    """Durations are numbers with a unit, added up."""
    assert parse_duration(typed) == expected


@pytest.mark.parametrize("typed", ["", "5", "m", "5 m", "5m3", "-5m", "5y"])
def test_what_is_not_a_duration_is_refused(typed: str) -> None:
    """A unit is needed, and nothing may stand between or after the parts."""
    with pytest.raises(ConfigError, match="not a duration"):
        parse_duration(typed)


@given(TIMES)
def test_what_iso_writes_parse_time_reads(time_ns: int) -> None:
    """A time survives being written and read again, to the millisecond that is written."""
    assert parse_time(iso(time_ns), now_ns=NOW) == time_ns // 1_000_000 * 1_000_000


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_an_empty_window_is_refused(start: int, end: int) -> None:
    """A window holds at least one instant."""
    with pytest.raises(ConfigError, match="before it starts"):
        Window(start, end)


@given(TIMES, st.integers(1, DAY_NS), st.sampled_from([SECOND_NS, 10 * SECOND_NS, MINUTE_NS]))
def test_aligned_is_the_smallest_cover_of_whole_steps(start_ns: int, duration_ns: int, step_ns: int) -> None:
    """The aligned window holds the window, ends on steps, and is less than one step longer on either side."""
    window = Window(start_ns, start_ns + duration_ns)
    aligned = window.aligned(step_ns)
    assert aligned.start_ns % step_ns == aligned.end_ns % step_ns == 0
    assert 0 <= window.start_ns - aligned.start_ns < step_ns
    assert 0 <= aligned.end_ns - window.end_ns < step_ns


def test_before_and_shifted_keep_windows_half_open() -> None:
    """The window before ends exactly where this one starts, less the gap; a shift keeps the length."""
    window = Window(100 * SECOND_NS, 160 * SECOND_NS)
    assert window.before(30 * SECOND_NS) == Window(70 * SECOND_NS, 100 * SECOND_NS)
    assert window.before(30 * SECOND_NS, gap_ns=SECOND_NS) == Window(69 * SECOND_NS, 99 * SECOND_NS)
    assert window.shifted(-SECOND_NS) == Window(99 * SECOND_NS, 159 * SECOND_NS)
    assert window.duration_s == 60.0


def test_the_window_that_nobody_named() -> None:
    """Without times a window is the last hour, or what the command names; `as_json` has both spellings."""
    assert parse_window(None, None, now_ns=NOW) == Window(NOW - HOUR_NS, NOW)
    assert parse_window(None, "-5m", now_ns=NOW, default="-10m") == Window(NOW - 10 * MINUTE_NS, NOW - 5 * MINUTE_NS)
    assert parse_window("-1m", None, now_ns=NOW).as_json() == {
        "from": "2023-11-14T22:12:20Z",
        "to": "2023-11-14T22:13:20Z",
        "start_ns": NOW - MINUTE_NS,
        "end_ns": NOW,
    }


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        (None, NOW - HOUR_NS, NOW),
        ("30m", NOW - 30 * MINUTE_NS, NOW),
        ("-25h/-24h", NOW + HOUR_NS - 25 * HOUR_NS, NOW + HOUR_NS - 24 * HOUR_NS),
        (f"{(NOW - DAY_NS) // SECOND_NS}/{NOW // SECOND_NS}", NOW - DAY_NS, NOW),
    ],
)
def test_the_window_to_compare_with(typed: str | None, start: int, end: int) -> None:
    """A length ends where the window begins; two times are those times; nothing is as long as the window."""
    assert earlier_window(typed, Window(NOW, NOW + HOUR_NS), now_ns=NOW + HOUR_NS) == Window(start, end)
