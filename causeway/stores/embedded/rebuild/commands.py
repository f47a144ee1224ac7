"""`causeway rebuild`: rollups made anew from the records of an embedded store, or compared with them."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Store

Format = Annotated[str, typer.Option("--format", help="table or json.")]
_PAST = "1970-01-01T00:00:00Z"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild")(rebuild)


def rebuild(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    start: Annotated[str | None, typer.Option("--from", help="RFC 3339, Unix seconds, or -15m.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="As --from.")] = None,
    compare: Annotated[
        bool, typer.Option("--check", help="Change nothing: say what differs; a collector may be running.")
    ] = False,
    output: Format = "table",
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Make the call graph and the other rollups anew from the stored spans and logs.

    Without --from: from where all records are still there; older rollups stay. Refuses while a collector runs.
    With --check, exit status 0: the stored rollups are what the records make; 1: they are not.
    """
    from causeway.deployment import Options, deployment_of, settings
    from causeway.doctor.show import check_options
    from causeway.errors import UnsupportedQuery
    from causeway.findings import Message
    from causeway.stores.embedded.rebuild import rebuild as work
    from causeway.stores.embedded.rebuild import show
    from causeway.terminal import Terminal
    from causeway.window import parse_window

    check_options(output, lang)
    place = deployment_of(Options(data, config, store), settings(config))
    if place.distributed:
        raise UnsupportedQuery(
            f"{place.location}: only the rollups of an embedded store are made anew; in Elasticsearch analyzers do it"
        )
    asked = None
    if start is not None or end is not None:
        asked = parse_window(start or _PAST, end, now_ns=time.time_ns())
    records = work.look(place.data, asked).rows
    reading = Message("rebuild.reading", {"records": f"{records:,}", "data": str(place.data)})
    with Terminal(language=lang).progress(reading, records) as advance:
        if compare:
            checked = work.check(place.data, asked, advance=advance)
            show.write_checked(place.data, checked, output, lang)
            raise typer.Exit(0 if checked.identical else 1)
        made = work.rebuild(place.data, asked, advance=advance)
    show.write_made(place.data, made, output, lang)
