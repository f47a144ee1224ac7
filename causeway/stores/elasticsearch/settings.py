"""How an Elasticsearch is reached and written: from the table `[store]` and from a location URL."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from causeway.config import parse
from causeway.errors import ConfigError

SCHEME = "elasticsearch"
PORT = 9200
LAYOUT_OURS = "causeway"
# Data stream names are TYPE-DATASET-NAMESPACE, so a namespace holds no dash.
_NAMESPACE = re.compile(r"[a-z0-9_][a-z0-9_.]{0,99}")
_LAYOUT = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Retention:
    """Days kept; 0 keeps for ever."""

    spans: int = 7
    logs: int = 7
    points: int = 30
    events: int = 90
    dead_letters: int = 7
    rollups: int = 90

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if getattr(self, item.name) < 0:
                raise ValueError(f"{item.name}: must be 0 or more days")


@dataclass(frozen=True, slots=True)
class ElasticsearchSettings:
    """All that is configurable. Texts are empty where not given; sizes in bytes, times in seconds.

    hosts: base URLs. layout: whose documents are read; only `causeway` is written. replicas: -1 makes one copy where
    there is a second node. Only one of password, password_file, api_key_file and cloud_id's own is needed.
    """

    hosts: tuple[str, ...] = ("http://127.0.0.1:9200",)
    cloud_id: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: str = ""
    api_key_file: str = ""
    ca_certs: str = ""
    verify: bool = True
    layout: str = LAYOUT_OURS
    namespace: str = "default"
    indices: str = ""
    timeout_s: float = 30.0
    retries: int = 3
    compress: bool = False
    manage_templates: bool = True
    shards: int = 1
    replicas: int = -1
    refresh_s: float = 5.0
    bulk_bytes: int = 8 << 20
    bulk_in_flight: int = 2
    bulk_timeout_s: float = 120.0
    retention: Retention = field(default_factory=Retention)

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(f"namespace: {self.namespace!r} must be lower-case letters, digits, _ and dots")
        if not _LAYOUT.fullmatch(self.layout):
            raise ValueError(f"layout: {self.layout!r} is no name")
        if not self.hosts and not self.cloud_id:
            raise ValueError("hosts: at least one is needed")
        for host in self.hosts:
            _check_host(host)
        for name, least in (("shards", 1), ("replicas", -1), ("bulk_bytes", 1 << 16), ("bulk_in_flight", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be at least {least}")
        if bool(self.password or self.password_file) != bool(self.username):
            raise ValueError("username and password (or password_file) are needed together")
        if self.username and self.api_key_file:
            raise ValueError("either username or api_key_file, not both")

    def location(self) -> str:
        """The store as a URL without secrets, for people."""
        nodes = ",".join(urlsplit(host).netloc for host in self.hosts) or "cloud"
        return f"{SCHEME}://{nodes}/?layout={self.layout}&namespace={self.namespace}"

    def basic_auth(self) -> tuple[str, str] | None:
        """(user, password). Raises ConfigError when the file with the password cannot be read."""
        if not self.username:
            return None
        return self.username, self.password or _secret(self.password_file, "password_file")

    def api_key(self) -> str | None:
        """The key in the form the server gives it. Raises ConfigError when its file cannot be read."""
        return _secret(self.api_key_file, "api_key_file") if self.api_key_file else None


def parse_location(location: str, base: ElasticsearchSettings | None = None) -> ElasticsearchSettings:
    """Settings from `elasticsearch://[user:password@]host[:port][,host2:port2][/?key=value&...]` over those of `base`.

    Any setting may be a key, `retention.spans` too; `tls=1` speaks HTTPS. Raises ConfigError; its text never holds
    the password.
    """
    where = _without_password(location)
    try:
        url = urlsplit(location)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    if url.scheme != SCHEME or not url.netloc:
        raise ConfigError(f"{where}: expected {SCHEME}://host:port")
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    tls = _boolean(options.pop("tls", "0"), f"{where}: tls")
    table = _as_table(base or ElasticsearchSettings())
    table |= {"hosts": _hosts(url, tls=tls, where=where)}
    if "@" in url.netloc:
        user, _, password = url.netloc.rpartition("@")[0].partition(":")
        table |= {"username": unquote(user)}
        if password:
            table |= {"password": unquote(password), "password_file": ""}
    for key, text in options.items():
        _put(table, key, text, where)
    return parse(ElasticsearchSettings, table, where=where)


def _hosts(url: SplitResult, *, tls: bool, where: str) -> list[str]:
    scheme = "https" if tls else "http"
    found = []
    for part in url.netloc.rpartition("@")[2].split(","):
        has_port = ":" in part.rpartition("]")[2]
        if not part or part.startswith(":"):
            raise ConfigError(f"{where}: a host is missing")
        found.append(f"{scheme}://{part}{'' if has_port else f':{PORT}'}")
    return found


def _as_table(settings: ElasticsearchSettings) -> dict[str, typing.Any]:
    table = {item.name: getattr(settings, item.name) for item in dataclasses.fields(settings)}
    retention = {item.name: getattr(settings.retention, item.name) for item in dataclasses.fields(Retention)}
    return table | {"hosts": list(settings.hosts), "retention": retention}


def _put(table: dict[str, typing.Any], key: str, text: str, where: str) -> None:
    head, _, tail = key.partition(".")
    if head == "retention" and tail:
        table["retention"] = {**table["retention"], tail: _converted(text, int, f"{where}: {key}")}
        return
    known = typing.get_type_hints(ElasticsearchSettings)
    if key in {"hosts", "retention", "password"} or key not in known:
        raise ConfigError(f"{where}: unknown key {key!r}")
    table[key] = _converted(text, known[key], f"{where}: {key}")


def _converted(text: str, kind: type, where: str) -> str | bool | int | float:
    if kind is bool:
        return _boolean(text, where)
    try:
        return text if kind is str else int(text) if kind is int else float(text)
    except ValueError:
        raise ConfigError(f"{where}: expected a number, got {text!r}") from None


def _boolean(text: str, where: str) -> bool:
    words: Mapping[str, bool] = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in words:
        raise ConfigError(f"{where}: expected true or false, got {text!r}")
    return words[text.lower()]


def _check_host(host: str) -> None:
    url = urlsplit(host)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(f"hosts: {_without_password(host)!r} must be http://host:port or https://host:port")
    if "@" in url.netloc:
        raise ValueError(f"hosts: {_without_password(host)!r}: name the user in username, not in the address")
    if url.port is None:
        raise ValueError(f"hosts: {host!r} needs a port, such as {PORT}")


def _without_password(location: str) -> str:
    head, at, tail = location.rpartition("@")
    if not at:
        return location
    scheme, _, _ = head.partition("://")
    return f"{scheme}://***@{tail}"


def _secret(path: str, name: str) -> str:
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"store.{name}: cannot read {path}: {error}") from None
    if not found:
        raise ConfigError(f"store.{name}: {path} is empty")
    return found
