"""Running the application under uvicorn until it is told to stop."""

from __future__ import annotations

import dataclasses
import gc
import socket
from pathlib import Path

import uvicorn

from causeway import logs
from causeway.config import load_toml, parse
from causeway.deployment import Deployment
from causeway.errors import ConfigError
from dashboards.config import ServeConfig, check_binding

log = logs.get("dashboards")
# Keep-alive connections of open browsers do not hold up the end.
SHUTDOWN_S = 3
KEEP_ALIVE_S = 30


def read_config(path: Path | None, *, host: str | None = None, port: int | None = None) -> ServeConfig:
    """The `[serve]` table of the file, with what the command line says on top."""
    table = load_toml(path).get("serve", {}) if path is not None else {}
    config = parse(ServeConfig, table, where="serve")
    return dataclasses.replace(
        config,
        host=config.host if host is None else host,
        port=config.port if port is None else port,
    )


def run(deployment: Deployment, config: ServeConfig) -> None:
    """Serve until a signal. Raises ConfigError where the address is taken or must not be used."""
    from dashboards.app import create_app
    from dashboards.live import LiveServices

    check_binding(config)
    listening = _listen(config)
    services = LiveServices(deployment)
    try:
        app = create_app(services, config)
        gc.collect()
        gc.freeze()  # what was imported lives for ever: no need to look at it again and again
        settings = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=SHUTDOWN_S,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        host, port = listening.getsockname()[:2]
        log.info("serve.listening", url=f"http://{host}:{port}", store=deployment.location)
        uvicorn.Server(settings).run(sockets=[listening])
    finally:
        listening.close()
        services.close()


def _listen(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"serve: cannot listen on {config.host}:{config.port}: {error.strerror}; choose another --port"
        ) from error
    return listening
