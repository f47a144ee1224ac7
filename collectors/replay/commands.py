"""`causeway replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of a recording, in one of the layouts known.")],
    to: Annotated[str, typer.Option("--to", help="OTLP/HTTP address.")] = "http://127.0.0.1:4318",
    speed: Annotated[str, typer.Option(help="Recorded seconds per second, or max.")] = "max",
    shift_to: Annotated[
        str | None,
        typer.Option(help="Move the times: the last record (with a speed: the first) to this time, e.g. now."),
    ] = None,
    signals: Annotated[
        str, typer.Option(help="Comma list of spans, logs, metrics, events.")
    ] = "spans,logs,metrics,events",
    start: Annotated[str | None, typer.Option("--from", help="Only records from this (recorded) time on.")] = None,
    end: Annotated[str | None, typer.Option("--until", help="Only records before this (recorded) time.")] = None,
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Send recorded telemetry through the intake, keeping its times unless asked to shift them."""
    from collectors.replay.play import PlayRequest, play

    play(PlayRequest(folder, to, speed, shift_to, tuple(signals.split(",")), start, end), language=lang)
