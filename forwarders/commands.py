"""Commands of the ways out: `causeway forward test` and `causeway forward status`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from causeway.deployment_options import Config as Settings
from causeway.deployment_options import Data, Samples, StatePlace, Store

Config = Annotated[Path, typer.Option("--config", help="Configuration file (TOML) with [[forward.*]] tables.")]
Format = Annotated[str, typer.Option("--format", help="table or json.")]
Lang = Annotated[str, typer.Option("--lang", help="Language: en, zh-CN.")]

forward_app = typer.Typer(help="Ways out: tell alarm systems about incidents.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    forward_app.command("test")(send_test_alert)
    forward_app.command("status")(status)
    app.add_typer(forward_app, name="forward")


def send_test_alert(config: Config, output: Format = "table", lang: Lang = "en") -> None:
    """Send a test alert to every configured target; it resolves by itself. Exit status 2 if one was not taken."""
    from causeway.config import load_toml
    from forwarders.reporting import send_test, write

    results = send_test(load_toml(config), now_ns=time.time_ns())
    write(results, output, lang, stream=sys.stdout)
    raise typer.Exit(0 if results and all(result.delivered for result in results) else 2)


def status(
    data: Data = None,
    config: Settings = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    output: Format = "table",
    lang: Lang = "en",
) -> None:
    """Show what waits, was delivered and was given up, for each target."""
    from causeway.deployment import Options, deployment_of, settings
    from forwarders.reporting import queue_status, write

    tables = settings(config)
    place = deployment_of(Options(data, config, store, samples, state), tables)
    write(queue_status(place, tables), output, lang, stream=sys.stdout)
