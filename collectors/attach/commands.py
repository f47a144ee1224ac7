"""`causeway attach`."""

from __future__ import annotations

from typing import Annotated

import typer

from causeway.deployment_options import Config, Data, Store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("attach")(attach)


def attach(
    location: Annotated[
        str, typer.Argument(help="elasticsearch://[USER:PASSWORD@]HOST:9200, or http://HOST:16686 for jaeger-query.")
    ],
    layout: Annotated[
        str | None,
        typer.Option(
            help="Whose documents: jaeger, otel, apm, skywalking; jaeger-query reads Jaeger's HTTP API instead.",
            show_default="found out",
        ),
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="Index, alias or pattern to read.", show_default="as the product names them")
    ] = None,
    spans: Annotated[
        str,
        typer.Option(
            help="rollups: of each span what the graph, rates and latencies need (about 30 bytes a span); "
            "copy: whole spans with attributes, events and links (about 70 bytes with 12 tags)."
        ),
    ] = "rollups",
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Begin: RFC 3339, Unix time, or -7d before now.", show_default="all (jaeger-query: -1h)"
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all there is has been read.")] = False,
    share: Annotated[
        float, typer.Option(help="At most this share of a node's search threads works for us; one at least.")
    ] = 0.25,
    data: Data = None,
    store: Store = None,
    config: Config = None,
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Read the traces that Jaeger, Elastic APM, SkyWalking or an OpenTelemetry Collector already keep.

    Reads what there is, oldest first, then follows what comes until Ctrl-C. It can be stopped and started at any
    time: it goes on where it was, and nothing is counted twice. Nothing is written to the source.

    \b
    Examples:
      causeway attach elasticsearch://es:9200 --layout jaeger --from -7d --once --data D
      causeway attach 'elasticsearch://reader@es:9200/?tls=1&password_file=pw&ca_certs=ca.pem' --data D
      causeway attach http://jaeger:16686 --layout jaeger-query --from -1h --data D
    """
    from causeway.deployment import Options, deployment
    from collectors.attach.command import AttachRequest
    from collectors.attach.command import attach as run

    place = deployment(Options(data, config, store, None, None))
    run(AttachRequest(location, layout, index, spans, start, once, share), place, language=lang)
