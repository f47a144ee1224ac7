"""`causeway collect`, `causeway attach` and `causeway replay`."""

from __future__ import annotations

from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Samples, StatePlace, Store


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command("collect")(collect)
    from collectors.attach import commands as attach
    from collectors.replay import commands as replay

    attach.register(app)
    replay.register(app)


def collect(
    data: Data = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="OTLP over gRPC; 0: a free one.", show_default="4317")] = None,
    http_port: Annotated[
        int | None,
        typer.Option(help="OTLP over HTTP, /healthz, /metrics; 0: a free one.", show_default="4318"),
    ] = None,
    config: Config = None,
) -> None:
    """Take in OpenTelemetry traces, metrics and logs (OTLP) and store them.

    A request is acknowledged when it is on disk, in the log of the data folder. Stop with Ctrl-C: what was taken in is
    flushed first.
    """
    from causeway.config import parse
    from causeway.deployment import Options, deployment_of, settings
    from collectors.serving import CollectConfig, run

    tables = settings(config)
    place = deployment_of(Options(data, config, store, samples, state), tables)
    given = {"host": host, "grpc_port": grpc_port, "http_port": http_port}
    table = tables.get("collect", {}) | {key: value for key, value in given.items() if value is not None}
    run(place, parse(CollectConfig, table, where="collect"))
