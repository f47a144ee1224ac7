"""`causeway doctor`: one page on whether everything is where it should be."""

from __future__ import annotations

from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Samples, StatePlace, Store

Format = Annotated[str, typer.Option("--format", help="table or json.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    output: Format = "table",
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Say what is configured, what answers, what a server lacks and what waits to be delivered.

    Exit status 0: fine; 1: something will become a problem; 2: something does not work.
    """
    from causeway.config import parse
    from causeway.deployment import Options, deployment_of, settings
    from causeway.doctor.checks import examine, worst
    from causeway.doctor.show import STATUS, check_options, write
    from causeway.stores.journal.spool import SpoolConfig

    check_options(output, lang)
    tables = settings(config)
    spool = parse(SpoolConfig, tables.get("collect", {}).get("spool", {}), where="collect.spool")
    place = deployment_of(Options(data, config, store, samples, state), tables)
    lines = list(examine(place, spool_bytes_max=spool.spool_bytes_max))
    write(lines, output, lang)
    raise typer.Exit(STATUS[worst(lines)])
