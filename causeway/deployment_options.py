"""The options that say where an installation keeps things, the same for every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder: the embedded store, or a collector's log.", show_default="causeway-data"),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings (TOML); options and environment win over the file.")
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Records lie in elasticsearch://HOST:9200 ($CAUSEWAY_STORE), not in the data folder.",
        show_default="embedded",
    ),
]
Samples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        help="Metrics lie in a Prometheus-compatible server, http://HOST:9090 ($CAUSEWAY_SAMPLES); goes with --store.",
    ),
]
StatePlace = Annotated[
    str | None,
    typer.Option(
        "--state",
        help="State lies in postgresql://USER@HOST/NAME ($CAUSEWAY_STATE), not in the data folder.",
        show_default="DIR/state.sqlite",
    ),
]
