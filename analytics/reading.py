"""What the analysis commands share: which store, which window, and the World of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from analytics.output import working
from analytics.world import World
from analytics.world_build import build_world, seen_nothing
from causeway.deployment import Options, deployment
from causeway.errors import ConfigError
from causeway.findings import Diagnosis, DiagnosisVerdict, Message, Verdict
from causeway.messages import LANGUAGES, text
from causeway.stores.contract import Reader, StoreStatus
from causeway.window import Window, iso, parse_duration, parse_window

NEVER = "never"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of an analysis command as typed."""

    options: Options
    start: str | None
    end: str | None
    baseline: str | None
    lang: str
    default: str = "-1h"


def check_language(lang: str) -> str:
    """The language itself; ConfigError for one we do not have."""
    if lang not in LANGUAGES:
        raise ConfigError(f"--lang: no {lang!r}; known: {', '.join(LANGUAGES)}")
    return lang


@dataclass(frozen=True, slots=True)
class Opened:
    """The store and the window of a command, while it reads. `now_ns`: what its relative times count from."""

    store: Reader
    window: Window
    baseline: Window | None
    now_ns: int
    language: str

    def hint(self) -> None:
        """On standard error, what the store holds: for a window that holds nothing."""
        sys.stderr.write(text(_held(self.window, self.store.status()), self.language) + "\n")


@contextmanager
def opened(asked: Asked, *, now_ns: int | None = None) -> Iterator[Opened]:
    """The store of what was asked for, with a spinner on a terminal until it is closed again."""
    now = time.time_ns() if now_ns is None else now_ns
    language = check_language(asked.lang)
    window = parse_window(asked.start, asked.end, now_ns=now, default=asked.default)
    baseline = window.before(parse_duration(asked.baseline)) if asked.baseline else None
    store = deployment(asked.options).open_reader()
    try:
        with working(Message("graph.reading"), language=language):
            yield Opened(store, window, baseline, now, language)
    finally:
        store.close()


def read_world(asked: Asked, *, calls_only: bool = False, now_ns: int | None = None) -> World:
    """The World of what was asked for. Where there is nothing in it, a hint on standard error says what there
    is."""
    with opened(asked, now_ns=now_ns) as place:
        world = build_world(place.store, place.window, place.baseline, calls_only=calls_only)
        if seen_nothing(world):
            place.hint()
        return world


def diagnosis_verdict(diagnosis: Diagnosis, *, nothing_seen: bool) -> Verdict:
    """A diagnosis on the one scale: a cause is CRITICAL, symptoms without one WARNING, no data UNKNOWN."""
    if diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND:
        return Verdict.CRITICAL
    if diagnosis.symptoms:
        return Verdict.WARNING
    return Verdict.UNKNOWN if nothing_seen else Verdict.OK


def verdict_status(verdict: Verdict, fail_on: str) -> int:
    """Exit status 1 when the verdict is at or above `fail_on` (a verdict, or `never`), else 0."""
    if fail_on.lower() == NEVER:
        return 0
    return int(verdict.rank >= Verdict(fail_on.upper()).rank and verdict is not Verdict.OK)


def check_format(output: str, known: Sequence[str]) -> str:
    """The option itself; ConfigError for a format that the command does not have."""
    if output not in known:
        raise ConfigError(f"--format: no {output!r}; known: {', '.join(known)}")
    return output


def check_fail_on(fail_on: str) -> str:
    """The option itself; ConfigError when it is no verdict."""
    known = [NEVER, *(verdict.value.lower() for verdict in Verdict if verdict is not Verdict.OK)]
    if fail_on.lower() not in known:
        raise ConfigError(f"--fail-on: no {fail_on!r}; known: {', '.join(known)}")
    return fail_on


def _held(window: Window, status: StoreStatus) -> Message:
    asked = {"from": iso(window.start_ns), "to": iso(window.end_ns)}
    spans = next((table for table in status.tables if table.name == "spans"), None)
    if spans is None or spans.first_ns is None or spans.last_ns is None:
        return Message("graph.held_nothing", asked)
    return Message("graph.held", {**asked, "first": iso(spans.first_ns), "last": iso(spans.last_ns)})
