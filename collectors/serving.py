"""`causeway collect`: the servers of all protocols, one intake, one store, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import uvicorn
from prometheus_client import CollectorRegistry, ProcessCollector

from causeway import logs
from causeway.deployment import NO_SAMPLES, Deployment
from causeway.errors import ConfigError
from causeway.stores.embedded.journal import EmbeddedConfig, EmbeddedJournal
from causeway.stores.journal.journal import Journal
from causeway.stores.journal.spool import Spool, SpoolConfig
from collectors.auth import TokenInterceptor, asking_for_token
from collectors.health import DrainMeters, with_health
from collectors.intake import Intake, decode_for_log
from collectors.log_templates import LogTemplates
from collectors.otlp.decode import warm_up
from collectors.otlp.grpc_server import serve_grpc
from collectors.otlp.http_server import otlp_app

log = logs.get("collect")

LOOPBACK = ("127.0.0.1", "::1", "localhost")
STOP_GRACE_S = 3.0  # for requests under way when the collector is asked to stop


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """Where the collector listens, who may send to it, and how it stores.

    token: what senders must show as `authorization: Bearer TOKEN`; empty means that nobody is asked.
    store: the way into the embedded store; spool: the way to stores on other machines.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 4317
    http_port: int = 4318
    token: str = field(default="", repr=False)
    store: EmbeddedConfig = field(default_factory=EmbeddedConfig)
    spool: SpoolConfig = field(default_factory=SpoolConfig)

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.token:
            raise ConfigError(
                f"collect.host: {self.host} is reachable from outside and nothing checks who sends; "
                "set collect.token in the configuration file, or listen on 127.0.0.1"
            )


def run(deployment: Deployment, config: CollectConfig) -> None:
    """Collect into the stores of the deployment until SIGINT or SIGTERM. Raises CausewayError when it cannot start."""
    # Decoded columns live for seconds and are large: the system's allocator gives them back, Arrow's keeps them
    # (860 MB instead of 1,010 MB at the end of a million spans).
    pa.set_memory_pool(pa.system_memory_pool())
    if not asyncio.run(_collect(deployment, config)):
        # Connections to a server that does not answer would keep the process; what they carry is in the log.
        os._exit(0)


async def _collect(deployment: Deployment, config: CollectConfig) -> bool:
    """Whether every drain has ended."""
    warm_up()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    templates = LogTemplates(deployment.data, registry=registry)
    # The first lines wait for it, nothing else does.
    threading.Thread(target=templates.warm_up, name="templates", daemon=True).start()
    journal = _open_journal(deployment, config, templates)
    registry.register(DrainMeters(journal))
    refused = {"metrics": NO_SAMPLES} if deployment.distributed and deployment.samples is None else {}
    intake = Intake(journal, registry=registry, refused=refused, templates=templates)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await _serve(intake, journal, registry, config, stop)
    finally:
        await asyncio.to_thread(intake.close)
        await asyncio.to_thread(templates.close)
        ended = await asyncio.to_thread(journal.close)
        log.info("collect.stopped", data=str(deployment.data))
    return ended


def _open_journal(deployment: Deployment, config: CollectConfig, templates: LogTemplates) -> Journal:
    decode = partial(decode_for_log, templates=templates)
    if not deployment.distributed:
        return EmbeddedJournal(deployment.data, decode=decode, config=config.store)
    return Spool(deployment.data, deployment.sinks(), decode=decode, config=config.spool)


async def _serve(
    intake: Intake, journal: Journal, registry: CollectorRegistry, config: CollectConfig, stop: asyncio.Event
) -> None:
    interceptors = [TokenInterceptor(config.token)] if config.token else []
    grpc_server, grpc_port = await serve_grpc(
        intake, host=config.host, port=config.grpc_port, interceptors=interceptors
    )
    app = with_health(otlp_app(intake), journal, registry)
    if config.token:
        app = asking_for_token(app, config.token)
    http = _Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.http_port,
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=int(STOP_GRACE_S),
        )
    )
    serving = asyncio.create_task(http.serve())
    while not http.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        await grpc_server.stop(None)
        raise ConfigError(f"cannot listen on {config.host}:{config.http_port} (--http-port): is it in use?")
    http_port = http.servers[0].sockets[0].getsockname()[1]
    log.info("collect.ready", grpc=f"{config.host}:{grpc_port}", http=f"{config.host}:{http_port}")
    await stop.wait()
    http.should_exit = True
    await asyncio.gather(grpc_server.stop(STOP_GRACE_S), serving)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: we stop all servers together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's way of saying that the port is taken
            self.should_exit = True
