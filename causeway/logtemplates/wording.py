"""The words of a shape: what the miner compares column by column, and the text a person reads.

The rules follow the guidelines by which published ground truth is corrected (Khan et al., ICSE 2022): a word joined
to a variable is a variable, truth values are variables, blanks do not matter.
"""

from __future__ import annotations

import re

MASKED = "<*>"  # a column that is variable by its spelling
OPEN = "<**>"  # a column that took many different words
MASK_CHARACTER = "\x01"

_LIST_MIN = 6  # so many masks in a row are one list

_JOINED = re.compile(  # addresses, times and hardware addresses: pieces with a mask, joined by colons
    r"(?<![\w:])(?:[\w.$/\x01+-]*[./\x01][\w.$/\x01+-]*|[0-9A-Fa-f]{1,4}|[A-Z](?=:\x01))"
    r"(?::{1,2}(?:[0-9A-Fa-f]{1,4}(?![\w])|[\w.+-]*\x01[\w.+\x01-]*))+(?!:?[\w\x01])"
)
_PARTS = re.compile(r"(\.{2,}|-{2,}|\*{2,}|[\s,;=()\[\]{}<>\"'|:@#]|[^\x00-\x7f]+)")
_AFFIXES = re.compile(r"^([*!&?~^%+\\/.-]*)(.*?)([.!?*]*)$", re.DOTALL)
_PREFIX = re.compile(r"([^\W\d_]{2,}[-.])[\x01.+-]+")
_CONSTANT = re.compile(r"(?i:true|false|null)|[0-9a-fA-F]{8,}")
_DAYS = frozenset(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
_MONTHS = frozenset(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"))


def words(shape: str) -> tuple[str, ...]:
    """The columns of a shape: words, delimiters and blanks, each a string; MASKED for what varies."""
    found: list[str] = []
    for part in _PARTS.split(_JOINED.sub(_one_mask, shape)):
        if MASK_CHARACTER in part:
            found.extend(_masked(part))
        elif part:
            found.append(MASKED if _CONSTANT.fullmatch(part) else part)
    return tuple(_without_lists(_without_dates(found)))


def text(columns: tuple[str, ...]) -> str:
    """The template as people and ground truth write it."""
    return "".join(MASKED if column == OPEN else column for column in columns)


def is_word(column: str) -> bool:
    """Whether a column may vary from line to line, and is not a delimiter."""
    return column[0].isalnum() or column in (MASKED, OPEN) or any(character.isalnum() for character in column)


def _one_mask(match: re.Match[str]) -> str:
    return MASK_CHARACTER if MASK_CHARACTER in match[0] else match[0]


def _masked(part: str) -> list[str]:
    before, core, after = _AFFIXES.fullmatch(part).groups()  # type: ignore[union-attr]
    keep = before if before in ("*", "!", "&") else ""
    prefix = _PREFIX.fullmatch(core)
    return [piece for piece in (keep, prefix[1] if prefix else "", MASKED, after) if piece]


def _without_dates(columns: list[str]) -> list[str]:
    """Weekdays and months beside a number are part of a time."""
    for i, column in enumerate(columns):
        if column in _DAYS or column in _MONTHS:
            near = columns[i + 2 : i + 3] + columns[max(i - 2, 0) : i][:1]
            if any(other == MASKED or other in _DAYS or other in _MONTHS for other in near):
                columns[i] = MASKED
    return columns


def _without_lists(columns: list[str]) -> list[str]:
    """A long run of masks with nothing but blanks and commas between them is one mask."""
    if columns.count(MASKED) < _LIST_MIN:
        return columns
    found: list[str] = []
    at = 0
    while at < len(columns):
        if columns[at] != MASKED:
            found.append(columns[at])
            at += 1
            continue
        end, masks = at, 0
        while end < len(columns) and columns[end] in (MASKED, " ", ","):
            masks += columns[end] == MASKED
            end += 1
        end -= columns[end - 1] == " "
        found.extend([MASKED] if masks >= _LIST_MIN else columns[at:end])
        at = end
    return found
