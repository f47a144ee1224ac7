"""The processes of `causeway up`: collect, analyze and serve, their addresses, and when each is ready."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from causeway.errors import ConfigError
from causeway.supervisor import Child

# The analyses have no port to ask; what does not die in this time has read its settings and opened the store.
_SETTLE_S = 3.0


PARTS = ("collect", "analyze", "serve")


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """Where the platform keeps its data and listens; which of its parts run.

    environment: of all parts; it names the places of records, samples and state, whose passwords no list of processes
    shall show.
    """

    data: Path
    host: str = "127.0.0.1"
    grpc_port: int = 4317
    http_port: int = 4318
    port: int = 8050
    config: Path | None = None
    serve: bool = True
    analyze: bool = True
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def otlp_http(self) -> str:
        """Where SDKs send to over HTTP."""
        return f"http://{self.host}:{self.http_port}"

    @property
    def dashboards(self) -> str:
        """Where a browser looks."""
        return f"http://{self.host}:{self.port}"


def children(options: PlatformOptions) -> list[Child]:
    """The platform's processes in the order they are started."""
    given = options.environment
    common = ("--data", str(options.data), *(("--config", str(options.config)) if options.config else ()))
    ports = ("--grpc-port", str(options.grpc_port), "--http-port", str(options.http_port))
    collect = ("-m", "causeway", "collect", *common, "--host", options.host, *ports)
    found = [Child("collect", collect, ready=lambda: _listens(options), environment=given)]
    if options.analyze:
        analyze = ("-m", "causeway", "analyze", *common)
        found.append(Child("analyze", analyze, stage=1, settle_s=_SETTLE_S, environment=given))
    if options.serve:
        serve = ("-m", "causeway", "serve", *common, "--host", options.host, "--port", str(options.port))
        ready = lambda: answers(options.host, options.port, "/readyz")  # noqa: E731
        found.append(Child("serve", serve, ready=ready, stage=1, environment=given))
    return found


def check_ports(options: PlatformOptions) -> None:
    """Raises ConfigError naming the first port that somebody else uses, and the option to change it."""
    wanted = [(options.grpc_port, "--grpc-port"), (options.http_port, "--http-port")]
    if options.serve:
        wanted.append((options.port, "--port"))
    for port, option in wanted:
        check_port(options.host, port, option)


def check_port(host: str, port: int, option: str) -> None:
    """Raises ConfigError when nobody could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"cannot listen on {host}:{port}: {error.strerror}; choose another with {option}"
            raise ConfigError(reason) from error


def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP server there answers 200."""
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listens(options: PlatformOptions) -> bool:
    for port in (options.grpc_port, options.http_port):
        try:
            socket.create_connection((options.host, port), timeout=1.0).close()
        except OSError:
            return False
    return True
