"""How much harm a diff can do, read from its lines: no parser, no language, only what is taken away or made smaller.

Moved lines cancel out. What is left is judged by the worst of: a limit or time made much smaller, a protection (lock,
retry, tolerance, check) taken away, a field renamed, a dependency's version raised, something that grows without bound.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from analytics.metric_roles import words_of

HARMLESS, PLAIN, UNKNOWN = 0.05, 0.2, 0.1
_LOWERED, _UNPROTECTED, _RENAMED, _VERSION, _PATCH, _GROWS, _ADDED, _RAISED = 0.9, 0.9, 0.8, 0.5, 0.05, 0.6, 0.2, 0.15
_SMALLER = 2.0  # times smaller than before from which a number counts as lowered
_QUIET_FILES = re.compile(
    r"\.(md|rst|txt|css|svg|png|snap|golden)$|_test\.|(^|/)(tests?|testdata|docs?|documentation|\.github|\.circleci)(/|$)|"
    r"CODEOWNERS|LICENSE|\.golangci|\.tsx?$",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"^\s*(//|#|/\*|\*|--|<!--)")
_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*(?:\*\s*)?(?:time\.)?([A-Za-z]+)?")
_VERSION_TEXT = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)")
_QUOTED = re.compile(r"\"[A-Za-z][\w.-]*\"|\"[A-Za-z][\w.-]*(?=[,\"])")
_PROTECTS = {
    "lock", "unlock", "mutex", "rwmutex", "sync", "leeway", "tolerance", "skew", "delay", "backoff", "retry", "retries",
    "timeout", "deadline", "limit", "max", "bound", "validate", "verify", "check", "guard", "evict", "close", "release",
    "rollback", "sanitize", "escape", "recover", "fallback", "quorum", "throttle",
}  # fmt: skip
_GROWING = re.compile(r"append\(|accumulat|\.push\(|\.add\(|\[\w+\]\s*=", re.IGNORECASE)
_BOUNDED = {"evict", "evicted", "lru", "bounded", "ring", "max", "limit", "cap", "truncate", "expire", "ttl"}
_SECONDS = {"ms": 1e-3, "millisecond": 1e-3, "s": 1.0, "second": 1.0, "m": 60.0, "minute": 60.0, "h": 3600.0}
_SECONDS |= {"hour": 3600.0, "us": 1e-6, "microsecond": 1e-6, "ns": 1e-9, "nanosecond": 1e-9}


@dataclass(frozen=True, slots=True)
class Harm:
    """size: in [0, 1]. kind: which rule gave it, as in the catalogue (`rootcause.change_KIND`)."""

    size: float
    kind: str


def harm_of(diff: str, files: str) -> Harm:
    """The worst that a diff can do. files: paths parted by blanks; an empty diff is judged by them alone."""
    names = files.split()
    if names and all(_QUIET_FILES.search(name) for name in names):
        return Harm(HARMLESS, "quiet")
    removed, added = _lines(diff)
    if not removed and not added:
        return Harm(UNKNOWN if not diff else HARMLESS, "unknown" if not diff else "moved")
    rules = (_numbers(removed, added), _versions(removed, added), _unprotected(removed, added))
    found = [harm for harm in (*rules, _renamed(removed, added), _grows(removed, added)) if harm is not None]
    if not found:
        found = [Harm(PLAIN if removed else _ADDED, "plain")]
    return max(found, key=lambda harm: harm.size)


def _lines(diff: str) -> tuple[list[str], list[str]]:
    """(removed, added) without comments, blanks and what only moved."""
    sides: dict[str, Counter[str]] = {"-": Counter(), "+": Counter()}
    for line in diff.splitlines():
        if line[:1] in sides and not line.startswith(("---", "+++")):
            plain = " ".join(line[1:].split())
            if plain and not _COMMENT.match(plain):
                sides[line[0]][plain] += 1
    moved = sides["-"] & sides["+"]
    return list((sides["-"] - moved).elements()), list((sides["+"] - moved).elements())


def _skeleton(line: str) -> str:
    return _NUMBER.sub("0", _VERSION_TEXT.sub("v", line)).replace(" ", "")


def _numbers(removed: list[str], added: list[str]) -> Harm | None:
    """The same line with other numbers: much smaller is a limit lowered."""
    after = {_skeleton(line): line for line in added}
    worst: Harm | None = None
    for line in removed:
        other = after.get(_skeleton(line))
        if other is None or _VERSION_TEXT.search(line):
            continue
        for old, new in zip(_values(line), _values(other), strict=False):
            lowered = old > 0 and new < old / (_SMALLER * 0.999)
            harm = Harm(_LOWERED, "lowered") if lowered else Harm(_RAISED, "raised")
            if old != new and (worst is None or harm.size > worst.size):
                worst = harm
    return worst


def _values(line: str) -> list[float]:
    found = []
    for number, unit in _NUMBER.findall(line):
        found.append(float(number) * _SECONDS.get(unit.lower().rstrip("s") or unit.lower(), 1.0))
    return found


def _versions(removed: list[str], added: list[str]) -> Harm | None:
    after = {_skeleton(line): line for line in added}
    worst: Harm | None = None
    for line in removed:
        other = after.get(_skeleton(line))
        old, new = _VERSION_TEXT.search(line), _VERSION_TEXT.search(other) if other else None
        if old and new and old.groups() != new.groups():
            patch = old.groups()[:2] == new.groups()[:2]
            harm = Harm(_PATCH, "patch") if patch else Harm(_VERSION, "version")
            worst = harm if worst is None or harm.size > worst.size else worst
    return worst


def _unprotected(removed: list[str], added: list[str]) -> Harm | None:
    """Words of protection that stood in the removed lines and stand in no added one."""
    gone = _words(removed) & _PROTECTS - _words(added)
    return Harm(_UNPROTECTED, "unprotected") if gone else None


def _words(lines: list[str]) -> set[str]:
    return {word for line in lines for word in words_of(line).split()}


def _renamed(removed: list[str], added: list[str]) -> Harm | None:
    """The same line but for one quoted name: who reads the old name finds nothing."""

    def blanked(line: str) -> str:
        return re.sub(r"^\w+", "", _QUOTED.sub('""', line)).replace(" ", "")

    after = {blanked(line): line for line in added}
    for line in removed:
        other = after.get(blanked(line))
        if other is None or "http.Error" in line:
            continue
        old, new = set(_QUOTED.findall(line)), set(_QUOTED.findall(other))
        if old - new and new - old:
            return Harm(_RENAMED, "renamed")
    return None


def _grows(removed: list[str], added: list[str]) -> Harm | None:
    if len(added) > len(removed) and _GROWING.search("\n".join(added)) and not _words(added) & _BOUNDED:
        return Harm(_GROWS, "grows")
    return None
