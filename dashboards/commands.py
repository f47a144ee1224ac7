"""The command `causeway serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this room's commands."""

    @app.command()
    def serve(
        data: Annotated[Path, typer.Option(help="The data folder.")] = Path("causeway-data"),
        host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 if not given.")] = None,
        port: Annotated[int | None, typer.Option(help="The port; 8050 if not given, 0 for a free one.")] = None,
        config: Annotated[Path | None, typer.Option(help="A TOML file with a [serve] table.")] = None,
    ) -> None:
        """Serve the dashboards and the API on http://127.0.0.1:8050."""
        from dashboards.server import read_config, run

        run(data, read_config(config, host=host, port=port))
