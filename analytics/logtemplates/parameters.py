"""The variable parts of one line, with their kinds: worked out when somebody looks, never at ingest."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from causeway.logtemplates.unwrapping import LINE_MAX, unwrap
from causeway.logtemplates.wording import MASKED

# The first kind that fits a value names it; order matters.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("boolean", r"(?i:true|false)"),
        ("null", r"(?i:null|none|nil)"),
        ("uuid", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        ("integer", r"[+-]?\d{1,3}(?:,\d{3})+|[+-]?\d+"),
        ("decimal", r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?"),
        ("percentage", r"[+-]?\d+(?:\.\d+)?%"),
        ("duration", r"\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|sec|min|h)"),
        ("size", r"\d+(?:\.\d+)?\s?(?:[KMGTP]i?)?[Bb]"),
        (
            "time",
            (
                r"(?:\d{4}[-/.]\d\d[-/.]\d\d[T ]?)?\d\d:\d\d:\d\d(?:[.,:]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
                r"|\d{4}[-/.]\d\d[-/.]\d\d"
            ),
        ),
        ("ip", r"/?(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}"),
        ("address", r"/?[\w.-]*(?:/[\d.]+)?:\d{1,5}"),
        ("url", r"[a-zA-Z][\w+.-]*://\S+"),
        ("path", r"(?:[A-Za-z]:)?[~.]{0,2}[/\\]\S*"),
        ("hex", r"0[xX][0-9a-fA-F]+|(?=.*\d)[0-9a-fA-F]{6,}"),
        ("list", r".*[,\s].*"),
        ("word", r".*"),
    )
)

_BLANKS = re.compile(r"[\x00- \x7f]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a line. `kind` is a name of KINDS."""

    kind: str
    value: str


def parameters(template: str, line: str) -> tuple[Parameter, ...] | None:
    """The values at the masks of a template, left to right; None where the line does not follow it.

    Values are cut at the first place where the template goes on, in one pass over the line.
    """
    pieces = [_BLANKS.sub(" ", piece) for piece in template.split(MASKED)]
    message = message_of(line)
    if not message.startswith(pieces[0]):
        return None
    at, values = len(pieces[0]), []
    for number, piece in enumerate(pieces[1:], start=2):
        last = number == len(pieces)
        end = _next(message, piece, at, last=last)
        if end < 0:
            return None
        values.append(message[at:end])
        at = end + len(piece)
    return tuple(Parameter(kind(value), value) for value in values) if at == len(message) else None


def kind(value: str) -> str:
    """The kind of a value: the first of KINDS that fits all of it."""
    return next(name for name, pattern in KINDS if pattern.fullmatch(value.replace("\n", " ")))


def message_of(line: str) -> str:
    """The message that the miner sees: unwrapped, at most LINE_MAX bytes, blanks as single spaces."""
    source = np.frombuffer(line.encode("utf-8", "replace"), np.uint8)
    found = np.empty(LINE_MAX, np.uint8)
    length = unwrap(source, 0, len(source), found) if len(source) else 0
    return _BLANKS.sub(" ", found[:length].tobytes().decode("utf-8", errors="replace")).strip(" ")


def _next(message: str, piece: str, at: int, *, last: bool) -> int:
    """Where the text behind a value begins; -1 if it does not. The last text ends the line."""
    if last:
        end = len(message) - len(piece)
        return end if end >= at and message.endswith(piece) else -1
    return message.find(piece, at + 1) if piece else at
