"""Sentences from the catalogues `causeway/locales/<language>/<domain>.toml`, and numbers that read well."""

from __future__ import annotations

import math
import string
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib import resources

from causeway.errors import ConfigError
from causeway.findings import Message, MessageValue
from causeway.window import SECOND_NS, iso

LANGUAGES = ("en", "zh-CN")
MISSING = "–"
_MINUS = "−"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All sentences of a language by `domain.name`. Raises ConfigError for a language we do not have."""
    if language not in LANGUAGES:
        raise ConfigError(f"no catalogue for language {language!r}; there are {', '.join(LANGUAGES)}")
    folder = resources.files("causeway") / "locales" / language
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            domain = file.name.removesuffix(".toml")
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            found.update({f"{domain}.{name}": text for name, text in table.items()})
    return found


def text(message: Message | str, language: str = "en", clock: tzinfo | None = None, /, **values: MessageValue) -> str:
    """The sentence in that language. Numbers are written to three significant digits with their unit.

    A placeholder may name a unit: `{share:%}`, `{latency:ms}`, `{rate:/s}`, `{size:B}`, `{wait:s}`.
    `{time:at}` is an instant in Unix ns: RFC 3339 in UTC, or the date and time of day in the zone `clock`.
    A plain `{name}` is put in as it is. Raises KeyError for an unknown id or a missing value: a bug.
    """
    if isinstance(message, Message):
        template, values = catalogue(language)[message.id], dict(message.values)
    else:
        template = catalogue(language)[message]
    return _Numbers(clock).vformat(template, (), values)


class _Numbers(string.Formatter):
    def __init__(self, clock: tzinfo | None) -> None:
        self._clock = clock

    def format_field(self, value: object, format_spec: str) -> str:
        if value is None:
            return MISSING
        if format_spec == "at":
            return str(value) if not isinstance(value, int) else instant(value, self._clock)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return quantity(float(value), format_spec)
        return str(value)


def instant(time_ns: int, clock: tzinfo | None = None) -> str:
    """An instant in UTC as RFC 3339; in a zone of the reader's as `09-14 14:03:10`, for its page names the zone."""
    if clock is None:
        return iso(time_ns)
    return datetime.fromtimestamp(time_ns / SECOND_NS, UTC).astimezone(clock).strftime("%m-%d %H:%M:%S")


def quantity(value: float | None, unit: str = "") -> str:
    """A number as people read it: three significant digits, a fitting scale, its unit, − for minus.

    Units: `ratio` or `%` (value is a ratio), `ms` (1,500 → 1.5 s), `s`, `B` and `B/s` (1024s), `/s`, `/min`,
    "" (1.2 k). Missing (None, NaN) is `–`.
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    scaled, suffix = _scale(value, unit)
    return _three_digits(scaled).replace("-", _MINUS) + (f" {suffix}" if suffix else "")


def _scale(value: float, unit: str) -> tuple[float, str]:
    if unit in {"%", "ratio"}:
        return value * 100, "%"
    if unit in {"ms", "s", "ns", "us"}:
        return _duration(value * {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}[unit])
    if unit in {"B", "By", "bytes"}:
        return _stepped(value, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), "")
    if unit in {"B/s", "By/s"}:
        return _stepped(value, 1024.0, ("B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"), "")
    return _stepped(value, 1000.0, ("", "k", "M", "G", "T"), unit)


def _duration(millis: float) -> tuple[float, str]:
    size = abs(millis)
    if size == 0:
        return 0.0, "ms"
    # Scales change where the rounded number would, or 999.9 ms would read "1000 ms".
    for limit, factor, name in (
        (1000, 1e3, "µs"),
        (1000, 1.0, "ms"),
        (120, 1e-3, "s"),
        (120, 1 / 60e3, "min"),
    ):
        if round(size * factor) < limit:
            return millis * factor, name
    if size < 172_800e3:
        return millis / 3_600e3, "h"
    return millis / 86_400e3, "d"


def _stepped(value: float, base: float, names: tuple[str, ...], unit: str) -> tuple[float, str]:
    step = 0
    while round(abs(value)) >= base and step < len(names) - 1:
        value, step = value / base, step + 1
    if unit.startswith("/") or not unit:
        return value, names[step] + unit
    return value, f"{names[step]} {unit}".strip()


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    shown = f"{value:.{min(digits, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
