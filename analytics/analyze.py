"""`causeway analyze`: the command around the runner, which is loaded when it runs (it brings the state's database)."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Samples, StatePlace, Store


def register(app: typer.Typer) -> None:
    """Add `causeway analyze`."""

    @app.command()
    def analyze(
        data: Data = None,
        config: Config = None,
        store: Store = None,
        samples: Samples = None,
        state: StatePlace = None,
        once: Annotated[bool, typer.Option("--once", help="Run every job once and end.")] = False,
    ) -> None:
        """Watch for incidents, run scheduled patrols, forward alerts: until Ctrl-C.

        Any number may run on one state: one of them leads and does that, and over Elasticsearch all compute rollups.
        """
        from analytics.runner import Runner, run_together
        from causeway.deployment import Options, deployment_of, settings
        from causeway.jobs import Place

        tables = settings(config)
        where = deployment_of(Options(data, config, store, samples, state), tables)
        # Rollups must not wait for a diagnosis.
        parts = [(place,) for place in Place] if where.distributed else [tuple(Place)]
        runners = [Runner(where, tables, places=places) for places in parts]
        if once:
            for runner in reversed(runners):
                runner.step()
                runner.close()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run_together(runners, stop)
