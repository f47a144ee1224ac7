"""The commands `up`, `demo`, `doctor` and `rebuild`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causeway import supervisor_commands
from causeway.deployment import EMBEDDED, VARIABLES
from causeway.doctor import commands as doctor
from causeway.errors import ConfigError
from causeway.stores.embedded.rebuild import commands as rebuild

# A shop that is made up has no business in a store that the environment names.
_OWN_PLACES = {VARIABLES["store"]: EMBEDDED, VARIABLES["samples"]: "", VARIABLES["state"]: ""}


def register(app: typer.Typer) -> None:
    """Add them."""
    supervisor_commands.register(app)
    doctor.register(app)
    rebuild.register(app)
    app.command("demo")(demo)


def demo(
    data: Annotated[Path, typer.Option(help="Folder of the embedded store.")] = Path("demo-data"),
    fault: Annotated[str | None, typer.Option(help="Break something: see --list-faults.")] = None,
    service: Annotated[str | None, typer.Option(help="The service at fault, instead of the usual.")] = None,
    after: Annotated[str, typer.Option(help="Normal time before the fault.")] = "60s",
    duration: Annotated[str, typer.Option(help="How long the fault lasts.")] = "5m",
    prefill: Annotated[str, typer.Option(help="Generated history: a duration, or none.")] = "1h",
    load: Annotated[float, typer.Option(help="Customer requests per second.", min=0.1, max=50.0)] = 8.0,
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 1,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="Say what can be broken.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    grpc_port: Annotated[int, typer.Option(help="OTLP over gRPC.")] = 4317,
    http_port: Annotated[int, typer.Option(help="OTLP over HTTP.")] = 4318,
    port: Annotated[int, typer.Option(help="Dashboards and API.")] = 8050,
    serve: Annotated[bool, typer.Option(help="Run the dashboards and the API.")] = True,
    analyze: Annotated[bool, typer.Option(help="Run the analyses in the background.")] = True,
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Run Causeway with a small live shop to look at, and break it on request."""
    _need_sdk()
    from causeway.demo import faults
    from causeway.demo.run import DemoOptions, run
    from causeway.terminal import Terminal
    from causeway.up import PlatformOptions
    from causeway.window import SECOND_NS, parse_duration

    if list_faults:
        typer.echo(_fault_list(lang))
        return
    options = DemoOptions(
        PlatformOptions(data, host, grpc_port, http_port, port, None, serve, analyze, _OWN_PLACES),
        fault=faults.choose(fault, service) if fault else None,
        after_s=parse_duration(after) / SECOND_NS,
        duration_s=parse_duration(duration) / SECOND_NS,
        prefill_ns=0 if prefill == "none" else parse_duration(prefill),
        per_s=load,
        seed=seed,
    )
    run(options, Terminal(language=lang))


def _need_sdk() -> None:
    """Raises ConfigError when the packages of the shop's services are not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the demo needs more packages: pip install 'causeway[demo]' ({error})") from error


def _fault_list(lang: str) -> str:
    from causeway.demo.faults import FAULTS
    from causeway.findings import Message
    from causeway.messages import text

    lines = []
    for fault in FAULTS.values():
        entity = fault.entity(fault.service)
        story = text(Message(fault.story, {"service": fault.service, "entity": entity}), lang)
        lines.append(text(Message("demo.fault_line", {"fault": fault.name, "story": story, "entity": entity}), lang))
    return "\n".join(lines)
