"""The command `causeway serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Samples, StatePlace, Store


def register(app: typer.Typer) -> None:
    """Add this room's commands."""

    @app.command()
    def serve(
        data: Data = None,
        store: Store = None,
        samples: Samples = None,
        state: StatePlace = None,
        host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 if not given.")] = None,
        port: Annotated[int | None, typer.Option(help="The port; 8050 if not given, 0 for a free one.")] = None,
        config: Config = None,
    ) -> None:
        """Serve the dashboards and the API on http://127.0.0.1:8050."""
        from causeway.deployment import Options, deployment
        from dashboards.server import read_config, run

        options = Options(data, config, store, samples, state)
        run(deployment(options), read_config(config, host=host, port=port))
