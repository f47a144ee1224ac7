"""Where an installation keeps things: its data folder, its store of records, its samples and its state.

Said by options, else by the environment (`CAUSEWAY_STORE`, `CAUSEWAY_SAMPLES`, `CAUSEWAY_STATE`), else by the
configuration file, else everything lies in the data folder.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from causeway.config import load_toml, parse
from causeway.errors import ConfigError
from causeway.stores.elasticsearch.settings import LAYOUT_OURS, ElasticsearchSettings
from causeway.stores.elasticsearch.settings import parse_location as parse_elasticsearch

if TYPE_CHECKING:
    from causeway.state import State
    from causeway.stores.contract import Reader
    from causeway.stores.journal.drain import DrainPlan
    from causeway.stores.prometheus.settings import PrometheusSettings

DATA_DEFAULT = "causeway-data"
EMBEDDED = "embedded"  # as a store: in the data folder, whatever the file says
VARIABLES = {"store": "CAUSEWAY_STORE", "samples": "CAUSEWAY_SAMPLES", "state": "CAUSEWAY_STATE"}
# What goes to which server, and the signals of the log that hold it.
RECORD_TABLES = frozenset({"resources", "spans", "logs", "log_templates", "events", "exemplars"})
RECORD_SIGNALS = frozenset({"traces", "logs", "metrics", "records"})
SAMPLE_TABLES = frozenset({"resources", "series", "samples", "histograms"})
SAMPLE_SIGNALS = frozenset({"metrics", "records"})
NO_SAMPLES = (
    "no place for metrics is configured beside Elasticsearch: name a Prometheus-compatible server with --samples, "
    f"{VARIABLES['samples']} or `url` in the table [samples]"
)


@dataclass(frozen=True, slots=True)
class StatePlace:
    """The table `[state]`. password_file: its content goes into the URL."""

    url: str = field(default="", repr=False)
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said; None where it said nothing."""

    data: Path | None = None
    config: Path | None = None
    store: str | None = field(default=None, repr=False)
    samples: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The places, checked but not yet opened. Its text and its errors hold no password.

    store: None is the embedded store in `data`. samples: only beside a store. state: the URL of a database; empty is
    `state.sqlite` in `data`.
    """

    data: Path = Path(DATA_DEFAULT)
    store: ElasticsearchSettings | None = None
    samples: PrometheusSettings | None = None
    state: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.samples is not None and self.store is None:
            raise ConfigError(
                "samples: the embedded store keeps metrics itself; a place for samples goes with an Elasticsearch "
                f"store (--store or {VARIABLES['store']})"
            )

    @property
    def distributed(self) -> bool:
        """Whether records lie on servers rather than in the data folder."""
        return self.store is not None

    @property
    def location(self) -> str:
        """The store of records, for people and as a key: a URL without secrets, or the folder."""
        return str(self.data) if self.store is None else self.store.location()

    @property
    def state_location(self) -> str:
        """The state, for people."""
        return without_password(self.state) if self.state else str(self.data)

    @property
    def has_state(self) -> bool:
        """Whether the state is there already, as far as that can be told without a server."""
        return bool(self.state) or (self.data / "state.sqlite").is_file()

    def open_reader(self) -> Reader:
        """The reader of records and samples. Raises StoreError when there is nothing to read from."""
        from causeway.stores import open_store

        if self.store is None:
            return open_store(self.data)
        from causeway.stores.elasticsearch.reader import ElasticsearchReader

        records = ElasticsearchReader(self.store)
        if self.samples is None:
            return records
        from causeway.stores.combined import CombinedReader
        from causeway.stores.prometheus.reader import PrometheusReader

        return CombinedReader(records, PrometheusReader(self.samples))

    def sinks(self) -> dict[str, DrainPlan]:
        """Where a collector delivers to, by name; none for an embedded store. No server needs to answer for that."""
        from causeway.stores.journal.drain import DrainPlan

        found: dict[str, DrainPlan] = {}
        if self.store is not None:
            from causeway.stores.elasticsearch.sink import ElasticsearchSink

            if self.store.layout != LAYOUT_OURS:
                raise ConfigError(f"store: documents of the layout {self.store.layout!r} are read, never written")
            records = ElasticsearchSink(self.store)
            found["elasticsearch"] = DrainPlan(
                records, RECORD_TABLES, RECORD_SIGNALS, numbers=lambda: _numbers(records.counters)
            )
        if self.samples is not None:
            from causeway.stores.prometheus.sink import PrometheusSink

            samples = PrometheusSink(self.samples)
            found["prometheus"] = DrainPlan(
                samples, SAMPLE_TABLES, SAMPLE_SIGNALS, numbers=lambda: _numbers(samples.counts)
            )
        return found

    def open_state(self) -> State:
        """The state; made if missing. Raises StoreError when it cannot be opened."""
        from causeway.state import open_state

        return open_state(self.state or self.data)


def deployment(options: Options, environment: Mapping[str, str] | None = None) -> Deployment:
    """The deployment that options, environment and configuration file describe. Raises ConfigError."""
    return deployment_of(options, settings(options.config), environment)


def settings(config: Path | None) -> dict[str, Any]:
    """The tables of the configuration file; empty without one. Raises ConfigError."""
    return load_toml(config) if config is not None else {}


def deployment_of(
    options: Options, tables: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Deployment:
    """As `deployment`, with the tables of the configuration file read already."""
    environment = os.environ if environment is None else environment
    named = tables.get("data", DATA_DEFAULT)
    if not isinstance(named, str):
        raise ConfigError(f"data: expected the name of a folder, got {named!r}")
    said = {name: getattr(options, name) or environment.get(VARIABLES[name], "") for name in VARIABLES}
    return Deployment(
        data=options.data or Path(named),
        store=_store(said["store"], _table("store", tables)),
        samples=_samples(said["samples"], _table("samples", tables)),
        state=_state(said["state"], _table("state", tables)),
    )


def _table(name: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"{name}: expected a table, got {table!r}")
    return dict(table)


def _url(said: str, table: dict[str, Any], *, where: str) -> str:
    """What was said, else `url` of the table, which is taken out of it."""
    url = table.pop("url", "")
    if not isinstance(url, str):
        raise ConfigError(f"{where}.url: expected a URL")
    return said or url


def _store(said: str, table: dict[str, Any]) -> ElasticsearchSettings | None:
    url = _url(said, table, where="store")
    base = parse(ElasticsearchSettings, table, where="store")
    if url == EMBEDDED or not (url or table):
        return None
    if not url:
        return base
    if "://" not in url:
        raise ConfigError(f"store: expected elasticsearch://HOST:9200 or {EMBEDDED}; an embedded store lies in --data")
    return parse_elasticsearch(url, base)


def _samples(said: str, table: dict[str, Any]) -> PrometheusSettings | None:
    url = _url(said, table, where="samples")
    if not url and not table:
        return None
    from causeway.stores.prometheus.settings import PrometheusSettings, parse_location

    base = parse(PrometheusSettings, table, where="samples")
    return parse_location(url, base) if url else base


def _state(said: str, table: dict[str, Any]) -> str:
    place = parse(StatePlace, table, where="state")
    # A password file of the configuration belongs to the address of the configuration, unless none is said.
    url = said or place.url
    return _with_password(url, place.password_file if not urlsplit(url).password else "")


def _with_password(url: str, file: str) -> str:
    """The URL with the password in that file, or in the one its own query names as `password_file`."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "password_file" in query:
        file = query.pop("password_file")
        parts = parts._replace(query=urlencode(query))
        url = parts.geturl()
    if not file or not url:
        return url
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        raise ConfigError("state.password_file needs a user in the URL: postgresql://USER@HOST/NAME")
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"state.password_file: cannot read {file}: {error}") from None
    user = user.partition(":")[0]
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def _numbers(counters: Any) -> dict[str, float]:
    """The public numbers of a counters' dataclass; what is counted by reason is added up."""
    values = {item.name: getattr(counters, item.name) for item in dataclasses.fields(counters)}
    return {
        name: float(value.total() if isinstance(value, Counter) else value)
        for name, value in values.items()
        if isinstance(value, int | Counter) and not name.startswith("_")
    }


def without_password(url: str) -> str:
    """The URL with *** for its password."""
    scheme, separator, rest = url.partition("://")
    end = min((place for sign in "/?#" if (place := rest.find(sign)) >= 0), default=len(rest))
    user, at, host = rest[:end].rpartition("@")
    if not separator or not at or ":" not in user:
        return url
    return f"{scheme}://{user.partition(':')[0]}:***@{host}{rest[end:]}"
