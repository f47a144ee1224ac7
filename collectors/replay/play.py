"""The command `replay`: its words on the way in, its progress, its summary."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import ConfigError
from causeway.findings import Message, MessageValue
from causeway.otlp.send import Export, Tally
from causeway.terminal import Terminal
from causeway.window import Window, parse_time
from collectors.replay.plain import is_plain
from collectors.replay.recording import SIGNALS, Recording, read
from collectors.replay.run import ReplayOptions, replay

_FAR_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """What was typed: speed `max` or a number, times as `parse_time` reads them."""

    folder: Path
    to: str
    speed: str
    shift_to: str | None
    signals: tuple[str, ...]
    start: str | None
    end: str | None


def play(request: PlayRequest, *, language: str) -> None:
    """Replay and say what became of every signal. Raises CausewayError (bad request, absent server)."""
    terminal = Terminal(language=language)
    now_ns = time.time_ns()
    recording = read(request.folder, signals=_signals(request), window=_window(request, now_ns))
    shift_to_ns = parse_time(request.shift_to, now_ns=now_ns) if request.shift_to else None
    options = ReplayOptions(speed=_speed(request.speed), shift_to_ns=shift_to_ns)
    terminal.say(_opening(recording, request), tone="head")
    began = time.monotonic()
    with terminal.progress(Message("demo.replay_progress"), _requests_estimate(recording)) as advance:

        def sent(export: Export) -> None:
            advance(export.records)

        tallies = replay(recording, to=request.to, options=options, progress=sent)
    _summary(terminal, tallies, time.monotonic() - began)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise ConfigError(f"--speed {text!r} is neither max nor a number above 0")
    return speed


def _signals(request: PlayRequest) -> tuple[str, ...]:
    unknown = [name for name in request.signals if name not in SIGNALS]
    if unknown:
        raise ConfigError(f"--signals: no signal {unknown[0]!r}; known: {', '.join(SIGNALS)}")
    return request.signals


def _window(request: PlayRequest, now_ns: int) -> Window | None:
    if request.start is None and request.end is None:
        return None
    start = parse_time(request.start, now_ns=now_ns) if request.start else 0
    return Window(start, parse_time(request.end, now_ns=now_ns) if request.end else _FAR_NS)


def _opening(recording: Recording, request: PlayRequest) -> Message:
    extent = recording.span_of_time().as_json()
    rows = {signal: recording.tables[signal].num_rows if signal in recording.tables else 0 for signal in SIGNALS}
    values = {name: f"{count:,}" for name, count in rows.items()}
    values |= {"from": str(extent["from"]), "to": str(extent["to"]), "server": request.to}
    return Message("demo.replay_opening", values)


def _requests_estimate(recording: Recording) -> int:
    values = 0
    if (metrics := recording.tables.get("metrics")) is not None:
        if is_plain(metrics):
            return sum(table.num_rows for table in recording.tables.values())
        from collectors.replay.metric_columns import COLUMNS

        present = [metrics[column.recorded] for column in COLUMNS if column.recorded in metrics.column_names]
        values = sum(len(column) - column.null_count for column in present)
    plain = sum(table.num_rows for signal, table in recording.tables.items() if signal != "metrics")
    return plain + values


def _summary(terminal: Terminal, tallies: Mapping[str, Tally], took_s: float) -> None:
    for signal, tally in tallies.items():
        if not tally.requests:
            continue
        values: dict[str, MessageValue] = {
            "signal": signal,
            "sent": f"{tally.sent:,}",
            "accepted": f"{tally.accepted:,}",
            "rejected": f"{tally.rejected:,}",
            "requests": f"{tally.requests:,}",
            "resent": f"{tally.resent:,}",
            "size": float(tally.bytes),
        }
        terminal.say(Message("demo.replay_tally", values), tone="warn" if tally.rejected else "good")
        if tally.message:
            terminal.say(Message("demo.replay_server_says", {"text": tally.message}), tone="warn")
    terminal.say(Message("demo.replay_done", {"took": took_s}))
