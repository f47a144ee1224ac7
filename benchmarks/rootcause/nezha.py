"""The recordings of Nezha (Yu et al., FSE 2023): each fault's minutes, compared with a fault-free minute.

The traces of a fault begin a minute before the injection at the earliest, so that no usual time is recorded right
before many of them. As in the paper the reference is the recorded fault-free minute; its records are moved to just
before the window, which `causeway replay --from --until --shift-to` does too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rootcause.cases import Case
from causeway.errors import ConfigError
from causeway.window import MINUTE_NS, SECOND_NS, Window
from collectors.replay.exports import Cut, Due, Shift, exports
from collectors.replay.recording import Recording, read

BEFORE_NS = MINUTE_NS  # effects were seen up to 50 s before the time noted
AFTER_NS = 3 * MINUTE_NS
REFERENCE_NS = MINUTE_NS
_SLOT_NS = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the recording, and by how much it is moved."""

    window: Window
    by_ns: int = 0


def cases(folder: Path) -> list[Case]:
    """One case per injected fault, and fault-free windows out of the fault-free minutes."""
    try:
        listed = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{folder} holds no cases.json: {error}") from error
    recording = read(folder)
    quiet = [_minute(text) for text in listed["fault_free_minutes_utc"]]
    found = []
    for place, entry in enumerate(listed["cases"]):
        at_ns = int(entry["injected_at_unix_s"]) * SECOND_NS
        reference = min(quiet, key=lambda start_ns: abs(start_ns - at_ns))
        name = f"{place:02}-{entry['service']}-{entry['fault']}"
        truth = frozenset({entry["service"], entry["pod"]})
        start_ns = at_ns // _SLOT_NS * _SLOT_NS
        faulty = Window(start_ns - BEFORE_NS, start_ns + AFTER_NS)
        found.append(_case(recording, folder, (name, entry["fault"], truth), faulty, reference))
    return [*found, *_quiet(recording, folder, quiet)]


def _quiet(recording: Recording, folder: Path, minutes: list[int]) -> list[Case]:
    """The fault-free minutes, compared with each other and half with half."""
    found = []
    half = REFERENCE_NS // 2
    for place, start_ns in enumerate(minutes):
        for other in minutes:
            if other != start_ns:
                whole = Window(start_ns, start_ns + REFERENCE_NS)
                found.append(_case(recording, folder, (f"quiet-{place}-other", "", frozenset()), whole, other))
        for part in (0, 1):
            window = Window(start_ns + part * half, start_ns + (part + 1) * half)
            other_half = start_ns + (1 - part) * half
            named = (f"quiet-{place}-half-{part}", "", frozenset[str]())
            found.append(_case(recording, folder, named, window, other_half, length_ns=half))
    return found


def _case(
    recording: Recording,
    folder: Path,
    named: tuple[str, str, frozenset[str]],
    window: Window,
    reference_ns: int,
    *,
    length_ns: int = REFERENCE_NS,
) -> Case:
    """reference_ns: where the usual time begins, length_ns how long it is; it is moved to just before the window."""
    reference = Window(reference_ns, reference_ns + length_ns)
    baseline = window.before(length_ns)
    parts = (_Span(reference, baseline.start_ns - reference_ns), _Span(window))
    name, fault, truth = named
    return Case(
        name=name,
        truth=truth,
        fault=fault,
        window=window,
        baseline=baseline,
        exports=lambda: _exports(recording, parts),
        key=f"{folder.resolve()}|{parts}",
    )


def _exports(recording: Recording, parts: tuple[_Span, ...]) -> Iterator[Due]:
    for part in parts:
        yield from exports(recording.within(part.window), cut=Cut(), shift=Shift(part.by_ns))


def _minute(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()) * SECOND_NS
