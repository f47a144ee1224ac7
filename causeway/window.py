"""Half-open time windows [start_ns, end_ns) and the times people type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from causeway.errors import ConfigError

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_UNITS_NS = {
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
# Unix times by magnitude: seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_UNIX_SCALES = ((1e11, SECOND_NS), (1e14, 1_000_000), (1e17, 1_000), (float("inf"), 1))


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The instants t with start_ns <= t < end_ns (Unix ns, UTC)."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns:
            raise ConfigError(f"the window ends ({iso(self.end_ns)}) before it starts ({iso(self.start_ns)})")

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def duration_s(self) -> float:
        return self.duration_ns / SECOND_NS

    def before(self, duration_ns: int, *, gap_ns: int = 0) -> Window:
        """The window of that length which ends `gap_ns` before this one starts."""
        end = self.start_ns - gap_ns
        return Window(end - duration_ns, end)

    def shifted(self, by_ns: int) -> Window:
        return Window(self.start_ns + by_ns, self.end_ns + by_ns)

    def aligned(self, step_ns: int) -> Window:
        """The smallest window of whole steps that covers this one."""
        return Window(self.start_ns // step_ns * step_ns, -(-self.end_ns // step_ns) * step_ns)

    def as_json(self) -> dict[str, str | int]:
        """`{"from", "to"}` in RFC 3339 and `{"start_ns", "end_ns"}` exactly."""
        return {
            "from": iso(self.start_ns),
            "to": iso(self.end_ns),
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
        }


def iso(time_ns: int) -> str:
    """RFC 3339 in UTC, to the millisecond where there is a fraction."""
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, UTC)
    millis = time_ns % SECOND_NS // 1_000_000
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{millis:03d}Z" if millis else "Z")


def parse_duration(text: str) -> int:
    """Nanoseconds of `90s`, `1h30m`, `2d`. Raises ConfigError with the text."""
    matches = list(_DURATION.finditer(text.strip()))
    if not matches or "".join(match.group(0) for match in matches) != text.strip():
        raise ConfigError(f"not a duration: {text!r} (try 90s, 15m, 1h30m, 2d)")
    return sum(int(float(match.group(1)) * _UNITS_NS[match.group(2)]) for match in matches)


def parse_time(text: str, *, now_ns: int) -> int:
    """Unix ns of RFC 3339, Unix seconds (or ms, us, ns by magnitude), `now`, or `-15m` before now.

    Raises ConfigError for what is none of them, and for times that 64 bits of ns cannot hold (after the year 2262).
    """
    found = _time_ns(text.strip(), now_ns)
    if not -(1 << 63) <= found < 1 << 63:
        raise ConfigError(f"not a time: {text!r} lies outside the years 1678 to 2262")
    return found


def _time_ns(text: str, now_ns: int) -> int:
    if text == "now":
        return now_ns
    if re.fullmatch(r"-\S*[a-z]", text):
        return now_ns - parse_duration(text[1:])
    if re.fullmatch(r"\d+(\.\d+)?", text):
        number = float(text)
        scale = next(factor for limit, factor in _UNIX_SCALES if number < limit)
        return int(text) * scale if text.isdigit() else int(number * scale)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"not a time: {text!r} (try 2026-11-23T14:00:00Z, 1700000000 or -15m)"
        raise ConfigError(message) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * SECOND_NS + moment.microsecond * 1000


def parse_window(start: str | None, end: str | None, *, now_ns: int, default: str = "-1h") -> Window:
    """The window of two times as typed; without them, from `default` until now."""
    return Window(
        parse_time(start or default, now_ns=now_ns),
        parse_time(end or "now", now_ns=now_ns),
    )


def earlier_window(text: str | None, window: Window, *, now_ns: int) -> Window:
    """The window to compare with, as typed: `1h` before the window, or `A/B`, two times; without it, one as long."""
    if text is None:
        return window.before(window.duration_ns)
    first, slash, last = text.partition("/")
    if slash:
        return Window(parse_time(first, now_ns=now_ns), parse_time(last, now_ns=now_ns))
    return window.before(parse_duration(text))
