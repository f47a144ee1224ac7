"""`causeway analyze`: the command around the runner, which is loaded when it runs (it brings the state's database)."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `causeway analyze`."""

    @app.command()
    def analyze(
        data: Annotated[Path | None, typer.Option(help="Folder of the embedded store [causeway-data].")] = None,
        config: Annotated[Path | None, typer.Option(help="Settings (TOML); `data` there names the folder.")] = None,
        once: Annotated[bool, typer.Option("--once", help="Run every job once and end.")] = False,
    ) -> None:
        """Watch for incidents, run scheduled patrols, forward alerts: until Ctrl-C."""
        from analytics.reading import Asked, data_folder
        from analytics.runner import Runner
        from causeway.config import load_toml

        folder = data_folder(Asked(data, config, None, None, None, "en"))
        runner = Runner(folder, load_toml(config) if config else {})
        if once:
            runner.step()
            runner.close()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        runner.run(stop)
