"""What every page is rendered for: an address, a window, a language, a theme, a time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from causeway.findings import Message, MessageValue
from causeway.messages import MISSING, text
from causeway.window import DAY_NS, MINUTE_NS, SECOND_NS, Window
from causeway.wire import sentence
from dashboards.address import Address
from dashboards.theme import Theme, theme_called


@dataclass(frozen=True, slots=True)
class View:
    """One viewer's look at one page. Nothing in it depends on data."""

    address: Address
    window: Window
    now_ns: int
    theme: Theme
    zone: tzinfo = UTC

    @property
    def language(self) -> str:
        return self.address.language

    @property
    def live(self) -> bool:
        """Whether the window moves with the clock."""
        return self.address.preset is not None

    @property
    def steady_window(self) -> Window:
        """The window for what is too costly to follow the clock closely: it moves by whole minutes, or by a 60th."""
        if not self.live:
            return self.window
        step_ns = max(MINUTE_NS, self.window.duration_ns // 60)
        end_ns = self.window.end_ns // step_ns * step_ns
        return Window(end_ns - self.window.duration_ns, end_ns)

    def say(self, message: Message | str, **values: MessageValue) -> str:
        """The sentence in the viewer's language; a bare name is one of this room's (`pages.name`)."""
        if isinstance(message, str) and "." not in message:
            message = f"pages.{message}"
        return text(message, self.language, self.zone, **values)

    def tell(self, message: Message) -> str:
        """A message from a finding, which may have been stored by an older version, in language and zone."""
        return sentence(message, self.language, self.zone)

    def join(self, sentences: Iterable[str]) -> str:
        """The sentences one after the other, with a space where the language has one."""
        return ("" if self.language == "zh-CN" else " ").join(sentence for sentence in sentences if sentence)

    def local(self, time_ns: int) -> datetime:
        """That instant in the viewer's zone."""
        return datetime.fromtimestamp(time_ns / SECOND_NS, UTC).astimezone(self.zone)

    def clock(self, time_ns: int | None, *, seconds: bool = False) -> str:
        """`14:03`, with the day where it is not the window's last; `–` for None."""
        if time_ns is None:
            return MISSING
        moment = self.local(time_ns)
        shown = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
        if moment.date() == self.local(self.window.end_ns).date():
            return shown
        return moment.strftime("%m-%d ") + shown

    def span_of(self, window: Window) -> str:
        """`14:00 – 15:00`, with days where it is longer or not today."""
        start, end = self.local(window.start_ns), self.local(window.end_ns)
        today = self.local(self.now_ns).date()
        days = window.duration_ns > DAY_NS or end.date() != today or start.date() != today
        form = "%Y-%m-%d %H:%M" if days else "%H:%M"
        return f"{start.strftime(form)} – {end.strftime('%H:%M' if start.date() == end.date() else form)}"

    def zone_name(self) -> str:
        """`UTC+8`, named once on the page."""
        offset = self.local(self.now_ns).utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset else 0
        if not minutes:
            return "UTC"
        hours, rest = divmod(abs(minutes), 60)
        return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")

    def href(self, path: str | None = None, **changes: str | int | None) -> str:
        return self.address.href(path, **changes)


def view_of(
    address: Address, *, now_ns: int, slot_ns: int | None = None, theme: str | None = None, zone: str | None = None
) -> View:
    """The view of an address. Raises ConfigError when its time range cannot be read."""
    return View(address, address.window(now_ns, slot_ns=slot_ns), now_ns, theme_called(theme), zone_called(zone))


def zone_called(name: str | None) -> tzinfo:
    """The time zone a browser names; UTC for one that this machine does not know."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
