"""`causeway collect` and `causeway replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command("collect")(collect)
    from collectors.replay import commands as replay

    replay.register(app)


def collect(
    data: Annotated[Path, typer.Option(help="Folder of the embedded store; made if absent.")] = Path("causeway-data"),
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="OTLP over gRPC; 0: a free one.", show_default="4317")] = None,
    http_port: Annotated[
        int | None,
        typer.Option(help="OTLP over HTTP, /healthz, /metrics; 0: a free one.", show_default="4318"),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; its table [collect] is read, options win.")] = None,
) -> None:
    """Take in OpenTelemetry traces, metrics and logs (OTLP) and store them.

    A request is acknowledged when it is on disk. Stop with Ctrl-C: what was taken in is flushed first.
    """
    from causeway.config import load_toml, parse
    from collectors.serving import CollectConfig, run

    table = load_toml(config).get("collect", {}) if config else {}
    given = {"host": host, "grpc_port": grpc_port, "http_port": http_port}
    table |= {key: value for key, value in given.items() if value is not None}
    run(data, parse(CollectConfig, table, where="collect"))
