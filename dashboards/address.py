"""The URL is the state: path, time range, language and filters, read from it and written back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, unquote, urlencode

from causeway.errors import ConfigError
from causeway.messages import LANGUAGES
from causeway.window import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Window, parse_time

RANGES = {"15m": 15 * MINUTE_NS, "1h": HOUR_NS, "6h": 6 * HOUR_NS, "24h": DAY_NS}
RANGE_DEFAULT = "1h"
# What a link inside the app carries along; filters of one page stay on that page.
CARRIED = ("range", "from", "to", "lang")
# Nobody reads more than this at once, and no store should be asked to.
WINDOW_MAX_NS = 31 * DAY_NS


@dataclass(frozen=True, slots=True)
class Address:
    """A path and its query parameters, as in the browser's address bar."""

    path: str = "/"
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, path: str | None, search: str | None) -> Address:
        """From `dcc.Location`; empty values are dropped, the last of repeated ones counts."""
        pairs = parse_qsl((search or "").lstrip("?"), keep_blank_values=False)
        return cls(
            unquote(path or "/"), MappingProxyType({key: value.strip() for key, value in pairs if value.strip()})
        )

    @property
    def language(self) -> str:
        """The language asked for, English for an unknown one."""
        asked = self.params.get("lang", "en")
        return asked if asked in LANGUAGES else "en"

    @property
    def preset(self) -> str | None:
        """The name of the relative range, None where the ends are given."""
        if "from" in self.params or "to" in self.params:
            return None
        asked = self.params.get("range", RANGE_DEFAULT)
        return asked if asked in RANGES else RANGE_DEFAULT

    def get(self, name: str, default: str = "") -> str:
        return self.params.get(name, default)

    def window(self, now_ns: int, *, slot_ns: int | None = None) -> Window:
        """The window asked for. A relative one ends at the last whole slot, so that answers can be kept a while.

        Raises ConfigError with words for a time that cannot be read or a window that is too long.
        """
        preset = self.preset
        if preset is not None:
            slot_ns = slot_ns or slot_of(RANGES[preset])
            end_ns = now_ns // slot_ns * slot_ns
            return Window(end_ns - RANGES[preset], end_ns)
        end_ns = parse_time(self.get("to", "now"), now_ns=now_ns)
        start = self.get("from")
        window = Window(parse_time(start, now_ns=now_ns) if start else end_ns - HOUR_NS, end_ns)
        if window.duration_ns > WINDOW_MAX_NS:
            raise ConfigError("the range is longer than 31 days")
        return window

    def href(self, path: str | None = None, **changes: str | int | None) -> str:
        """A link to `path` that keeps range and language. None takes a parameter away.

        Without a path: this page, with all its parameters, changed.
        """
        kept = dict(self.params) if path is None else {key: self.params[key] for key in CARRIED if key in self.params}
        for name, value in changes.items():
            key = name.rstrip("_")
            kept.pop(key, None)
            if value is not None and value != "":
                kept[key] = str(value)
        target = quote(path if path is not None else self.path, safe="/:")
        return target + (f"?{urlencode(kept)}" if kept else "")

    def to_window(self, window: Window, path: str | None = None, **changes: str | int | None) -> str:
        """A link that shows exactly that window."""
        ends = {"range": None, "from_": window.start_ns, "to": window.end_ns}
        return self.href(path, **ends, **changes)


SLOTS_NS = (10 * SECOND_NS, 20 * SECOND_NS, 30 * SECOND_NS, 60 * SECOND_NS, 300 * SECOND_NS)


def slot_of(duration_ns: int, *, cost_s: float = 0.0) -> int:
    """How far a relative window moves at a time: a 360th of its length, or ten times what one look costs.

    One of SLOTS_NS. However large the system, a viewer keeps a core busy for about a tenth of the time; but what is
    shown is never older than a 60th of the range (and half a minute), for somebody may be watching an outage.
    """
    most = max(duration_ns / 60, 30 * SECOND_NS)
    least = max(duration_ns / 360, min(cost_s * 10 * SECOND_NS, most))
    return next((slot for slot in SLOTS_NS if slot >= least), SLOTS_NS[-1])
