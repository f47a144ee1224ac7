"""The recordings of Nezha (Yu et al., FSE 2023): each fault's minutes, compared with a fault-free minute.

The traces of a fault begin a minute before the injection at the earliest, so that no usual time is recorded right
before many of them. As in the paper the reference is the recorded fault-free minute; its records are moved to before
the minute before the window, which `causeway replay --from --until --shift-to` does too.
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

AFTER_NS = 3 * MINUTE_NS  # the symptoms begin within the first minute
REFERENCE_NS = MINUTE_NS
_SLOT_NS = 10 * SECOND_NS
SPANS_MIN = 50  # in a fault-free minute below which it holds nothing to judge


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the recording, and by how much it is moved."""

    window: Window
    by_ns: int = 0


def cases(folder: Path) -> list[Case]:
    """One case per injected fault, and one fault-free window per minute before an injection that has traces."""
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
        calm = Window(start_ns - MINUTE_NS, start_ns)
        faulty = Window(start_ns, start_ns + AFTER_NS)
        found.append(_case(recording, folder, (name, entry["fault"], truth), faulty, (reference, calm)))
        if _spans(recording, calm) >= SPANS_MIN:
            found.append(_case(recording, folder, (f"{name}-before", "", frozenset()), calm, (reference, None)))
    return found


def _case(
    recording: Recording,
    folder: Path,
    named: tuple[str, str, frozenset[str]],
    window: Window,
    usual: tuple[int, Window | None],
) -> Case:
    """usual: the start of the fault-free minute, and what is usual right before the window."""
    reference_ns, calm = usual
    near = window if calm is None else Window(calm.start_ns, window.end_ns)
    reference = Window(reference_ns, reference_ns + REFERENCE_NS)
    moved = near.before(REFERENCE_NS)
    parts = (_Span(reference, moved.start_ns - reference_ns), _Span(near))
    name, fault, truth = named
    return Case(
        name=name,
        truth=truth,
        fault=fault,
        window=window,
        baseline=Window(moved.start_ns, window.start_ns),
        exports=lambda: _exports(recording, parts),
        key=f"{folder.resolve()}|{parts}",
    )


def _exports(recording: Recording, parts: tuple[_Span, ...]) -> Iterator[Due]:
    for part in parts:
        yield from exports(recording.within(part.window), cut=Cut(), shift=Shift(part.by_ns))


def _spans(recording: Recording, window: Window) -> int:
    return recording.within(window).tables["spans"].num_rows


def _minute(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()) * SECOND_NS
