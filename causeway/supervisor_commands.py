"""`causeway up`: the whole platform in one terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from causeway.deployment import VARIABLES, Options, deployment
from causeway.deployment_options import Config, Data, Samples, StatePlace, Store
from causeway.findings import Message, MessageValue
from causeway.supervisor import Happening, Supervisor, What
from causeway.terminal import Terminal
from causeway.up import PARTS, PlatformOptions, check_ports, children

READY_WITHIN_S = 120.0
_STEP_S = 0.25
_SAID = frozenset({What.DIED, What.CRASH_LOOP, What.KILLED})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    grpc_port: Annotated[int, typer.Option(help="OTLP over gRPC.")] = 4317,
    http_port: Annotated[int, typer.Option(help="OTLP over HTTP.")] = 4318,
    port: Annotated[int, typer.Option(help="Dashboards and API.")] = 8050,
    serve: Annotated[bool, typer.Option(help="Run the dashboards and the API.")] = True,
    analyze: Annotated[bool, typer.Option(help="Run the analyses in the background.")] = True,
    lang: Annotated[str, typer.Option(help="Language: en, zh-CN.")] = "en",
) -> None:
    """Run collect, analyze and serve until Ctrl-C; each is restarted alone if it dies."""
    terminal = Terminal(language=lang)
    said = {"store": store, "samples": samples, "state": state}
    folder = deployment(Options(data, config, store, samples, state)).data
    environment = {VARIABLES[name]: url for name, url in said.items() if url}
    options = PlatformOptions(folder, host, grpc_port, http_port, port, config, serve, analyze, environment)
    with stop_signals() as stopping, platform(options, terminal, stopping) as supervisor:
        while not stopping.wait(_STEP_S):
            supervisor.step()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the process at once."""
    stopping = threading.Event()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, lambda *_: stopping.set())
    try:
        yield stopping
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def platform(options: PlatformOptions, terminal: Terminal, stopping: threading.Event) -> Iterator[Supervisor]:
    """The platform, started and ready (or `stopping` set); all its children are stopped at the end."""
    check_ports(options)
    options.data.mkdir(parents=True, exist_ok=True)
    terminal.say(Message("demo.up_starting", {"data": str(options.data.resolve())}), tone="head")
    supervisor = Supervisor(options.data / "run", tell=teller(terminal, options))
    try:
        supervisor.add(children(options))
        if supervisor.wait_ready(within_s=READY_WITHIN_S, stopping=stopping):
            _say_where(terminal, options)
        elif not stopping.is_set():
            terminal.say(Message("demo.up_slow", {"waited": READY_WITHIN_S}), tone="warn")
        yield supervisor
    finally:
        terminal.say(Message("demo.up_stopping"))
        supervisor.stop()
        terminal.say(Message("demo.up_stopped", {"data": str(options.data.resolve())}), tone="good")


def teller(terminal: Terminal, options: PlatformOptions) -> Callable[[Happening], None]:
    """Says what happens to children, one line each, and the end of the log of one that died."""
    logs = options.data / "run"

    def tell(happening: Happening) -> None:
        values: dict[str, MessageValue] = {
            "child": happening.child,
            "pid": str(happening.pid),
            "code": str(happening.code),
            "wait": happening.wait_s,
            "log": str(logs / f"{happening.child}.log"),
        }
        if happening.what in _SAID or (happening.what is What.READY and happening.child in PARTS):
            tone = {What.READY: "good", What.CRASH_LOOP: "bad"}.get(happening.what, "warn")
            terminal.say(Message(f"demo.child_{happening.what}", values), tone=tone)
        if happening.what in {What.DIED, What.CRASH_LOOP}:
            for line in happening.tail[-5:]:
                terminal.raw(f"    | {line}")

    return tell


def _say_where(terminal: Terminal, options: PlatformOptions) -> None:
    grpc = f"{options.host}:{options.grpc_port}"
    terminal.say(Message("demo.up_receiving", {"grpc": grpc, "http": options.otlp_http}), tone="good")
    if options.serve:
        terminal.say(Message("demo.up_dashboards", {"url": options.dashboards}), tone="good")
    terminal.say(Message("demo.up_stop_hint"))
