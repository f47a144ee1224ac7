"""The settings of `causeway serve`, and the rule about where it may listen."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from causeway.errors import ConfigError

PORT_DEFAULT = 8050


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """Where the dashboards listen and who may read them; the table `[serve]` of a configuration file.

    token: the password of HTTP Basic (any user name) and the Bearer token; empty means that nobody is asked.
    allowed_hosts: names besides localhost that a browser may use for this server.
    """

    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    token: str = ""
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, got {self.port}")


def check_binding(config: ServeConfig) -> None:
    """Raise ConfigError when the server would be open to others without asking who they are."""
    if not is_loopback(config.host) and not config.token:
        raise ConfigError(
            f"serve: refusing to listen on {config.host} without authentication; "
            "set `token` in the [serve] table of the configuration file, or keep --host 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
