"""Metric, attribute and unit names in OpenTelemetry's words and in Prometheus' words, by published rules.

OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility". Our deviations: a delta sum gets no `_total`,
for it is no counter there; a name without a single ASCII letter or digit becomes a hash of it, where the rules would
leave nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import xxhash

_NOT_ASCII_WORD = re.compile(r"[^a-zA-Z0-9]+")
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_UNITS_BACK = {word: unit for unit, word in _UNITS.items() if word} | {"ratio": "1", "cores": "{cpu}"}
_PER_UNITS_BACK = {word: unit for unit, word in _PER_UNITS.items()}


def metric_name(name: str, unit: str, *, type_: str, temporality: str = "CUMULATIVE", monotonic: bool = False) -> str:
    """`http.server.duration` in `ms` becomes `http_server_duration_milliseconds`; a counter ends in `_total`."""
    tokens = _tokens(name) or [f"metric_{xxhash.xxh32_hexdigest(name.encode())}"]
    main, _, per = unit.partition("/")
    word = _word(main, _UNITS)
    if word and word not in tokens:
        tokens.append(word)
    per_word = _word(per, _PER_UNITS)
    if per_word and per_word not in tokens:
        tokens += ["per", per_word]
    if type_ == "sum" and monotonic and temporality != "DELTA":
        tokens = [*_without(tokens, "total"), "total"]
    if type_ == "gauge" and unit == "1":
        tokens = [*_without(tokens, "ratio"), "ratio"]
    joined = "_".join(tokens)
    return f"_{joined}" if joined[0].isdigit() else joined


def label_name(key: str) -> str:
    """`http.route` becomes `http_route`. Never empty, never beginning with `__`."""
    name = _NOT_ASCII_WORD.sub("_", key)
    if name in {"", "_"}:
        return f"key_{xxhash.xxh32_hexdigest(key.encode())}"
    return f"key{'' if name[0] == '_' else '_'}{name}" if name[0] == "_" or name[0].isdigit() else name


def unit_words(unit: str) -> str:
    """The unit as metadata says it: `By/s` is `bytes_per_second`; empty for counts of things."""
    main, _, per = unit.partition("/")
    word, per_word = _word(main, _UNITS), _word(per, _PER_UNITS)
    return "_per_".join(part for part in (word, per_word) if part) if per_word else word


def unit_of_name(name: str) -> str:
    """The unit that a name of somebody else's metric ends in: `By` for `..._bytes`; empty where it names none."""
    tokens = name.removesuffix("_total").split("_")
    if len(tokens) > 3 and tokens[-2] == "per" and tokens[-1] in _PER_UNITS_BACK:
        return f"{_UNITS_BACK.get(tokens[-3], '')}/{_PER_UNITS_BACK[tokens[-1]]}"
    return _UNITS_BACK.get(tokens[-1], "") if len(tokens) > 1 else ""


def unit_of_words(words: str) -> str:
    """The unit of metadata in OpenTelemetry's words: `bytes_per_second` is `By/s`; unknown ones stay."""
    main, _, per = words.partition("_per_")
    unit = _UNITS_BACK.get(main, main)
    return f"{unit}/{_PER_UNITS_BACK.get(per, per)}" if per else unit


def _word(unit: str, words: dict[str, str]) -> str:
    unit = unit.strip()
    if not unit or "{" in unit or "}" in unit:
        return ""
    return "_".join(_tokens(words.get(unit, unit)))


def _tokens(text: str) -> list[str]:
    return [token for token in _NOT_ASCII_WORD.split(text) if token]


def _without(tokens: Iterable[str], token: str) -> list[str]:
    return [each for each in tokens if each != token]
