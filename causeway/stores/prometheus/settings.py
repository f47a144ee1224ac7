"""How a Prometheus-compatible server is written and read: from the table `[samples]` and from a location URL."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from causeway.config import parse
from causeway.errors import ConfigError

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label.removesuffix("!")):
        raise ValueError(f"{label!r} is no label name")


@dataclass(frozen=True, slots=True)
class SeriesRule:
    """Whose series is it? metrics: a regular expression for the whole name. service, instance: labels, best first."""

    metrics: str
    service: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            re.compile(self.metrics)
        except re.error as error:
            raise ValueError(f"metrics: {self.metrics!r}: {error}") from None
        for label in (*self.service, *self.instance):
            _check_label(label)


# The first rule whose `metrics` fits decides. `pod!` is the workload of a pod's name: `cart-7d9f8b6c5-x2x7k` is `cart`.
# What cAdvisor says of a whole pod beside its containers belongs to no service: it would be counted twice.
RULES = (
    SeriesRule(
        r"container_network_.*", ("container_label_com_docker_compose_service", "pod!", "name"), ("pod", "name")
    ),
    SeriesRule(
        r"container_.*",
        (
            "container",
            "container_label_io_kubernetes_container_name",
            "container_label_com_docker_compose_service",
            "name",
        ),
        ("pod", "name"),
    ),
    SeriesRule(
        r"kube_.*",
        ("container", "deployment", "statefulset", "daemonset", "job_name", "cronjob", "pod!"),
        ("pod",),
    ),
    SeriesRule(r"(node|machine|windows)_.*", (), ("node", "instance")),
    SeriesRule(
        r".*",
        ("service_name", "service", "app", "app_kubernetes_io_name", "container", "pod!", "job"),
        ("service_instance_id", "pod", "instance"),
    ),
)


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """All that is configurable. Texts are empty where not given; sizes in bytes, times in seconds.

    url: what `/api/v1/query` is appended to. write_url: the whole remote-write address; empty is `url` with
    `/api/v1/write`. labels: put on every series written. match: labels that every series read must have. foreign:
    series that others wrote are read too. Only one of a password and token_file is needed.
    """

    url: str = "http://127.0.0.1:9090"
    write_url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: str = ""
    token_file: str = ""
    ca_certs: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = True
    timeout_s: float = 30.0
    samples_per_request: int = 10_000
    request_bytes: int = 2 << 20
    shards: int = 4
    retries: int = 3
    retry_wait_max_s: float = 5.0
    splits_max: int = 1000
    labels_max: int = 30
    metadata_every_s: float = 60.0
    points_per_query: int = 1_000_000
    series_max: int = 500_000
    compress: bool = False
    rules: tuple[SeriesRule, ...] = RULES

    def __post_init__(self) -> None:
        for name in ("url", "write_url"):
            address = getattr(self, name)
            if address or name == "url":
                _check_url(name, address)
        if bool(self.password or self.password_file) != bool(self.username):
            raise ValueError("username and password (or password_file) are needed together")
        if self.username and self.token_file:
            raise ValueError("either username or token_file, not both")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file: goes with cert_file")
        for label in (*self.labels, *self.match):
            _check_label(label)
        least = {"samples_per_request": 1, "request_bytes": 1 << 14, "shards": 1, "retries": 0, "splits_max": 0}
        least |= {"labels_max": 10, "points_per_query": 1000, "series_max": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name}: must be at least {smallest}")

    @property
    def write_address(self) -> str:
        """Where samples are sent."""
        return self.write_url or f"{self.url.rstrip('/')}/api/v1/write"

    def location(self) -> str:
        """The server as a URL without secrets, for people."""
        return self.url

    def basic_auth(self) -> tuple[str, str] | None:
        """(user, password). Raises ConfigError when the file with the password cannot be read."""
        if not self.username:
            return None
        return self.username, self.password or _secret(self.password_file, "password_file")

    def token(self) -> str | None:
        """The bearer token. Raises ConfigError when its file cannot be read."""
        return _secret(self.token_file, "token_file") if self.token_file else None


def parse_location(location: str, base: PrometheusSettings | None = None) -> PrometheusSettings:
    """Settings from `http[s]://[user:password@]host[:port][/prefix][?key=value&...]` over those of `base`.

    Texts, numbers and truth values may be keys. Raises ConfigError; its text never holds the password.
    """
    where = _without_password(location)
    try:
        url = urlsplit(location)
        netloc = url.netloc.rpartition("@")[2]
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    table = _as_table(base or PrometheusSettings())
    table["url"] = urlunsplit((url.scheme, netloc, url.path.rstrip("/"), "", ""))
    if "@" in url.netloc:
        user, _, password = url.netloc.rpartition("@")[0].partition(":")
        table["username"] = unquote(user)
        if password:
            table |= {"password": unquote(password), "password_file": ""}
    known = typing.get_type_hints(PrometheusSettings)
    for key, text in parse_qsl(url.query, keep_blank_values=True):
        if key in {"url", "password"} or known.get(key) not in (str, int, float, bool):
            raise ConfigError(f"{where}: unknown key {key!r}")
        table[key] = _converted(text, known[key], f"{where}: {key}")
    return parse(PrometheusSettings, table, where=where)


def _as_table(settings: PrometheusSettings) -> dict[str, typing.Any]:
    table = {item.name: getattr(settings, item.name) for item in dataclasses.fields(settings)}
    table["rules"] = [dataclasses.asdict(rule) for rule in settings.rules]
    return table


def _converted(text: str, kind: type, where: str) -> str | bool | int | float:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    try:
        return words[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise ConfigError(f"{where}: expected {kind.__name__}, got {text!r}") from None


def _check_url(name: str, address: str) -> None:
    url = urlsplit(address)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(f"{name}: {_without_password(address)!r} must be http://host:port or https://host:port")
    if "@" in url.netloc:
        raise ValueError(f"{name}: {_without_password(address)!r}: name the user in username, not in the address")


def _without_password(location: str) -> str:
    head, at, tail = location.rpartition("@")
    return f"{head.partition('://')[0]}://***@{tail}" if at else location


def _secret(path: str, name: str) -> str:
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"samples.{name}: cannot read {path}: {error}") from None
    if not found:
        raise ConfigError(f"samples.{name}: {path} is empty")
    return found
