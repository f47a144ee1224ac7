"""What `causeway doctor` looks at: each check asks one part of the deployment and says what it found."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causeway.deployment import Deployment
from causeway.errors import CausewayError
from causeway.findings import Message, MessageValue
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.journal.journal import undelivered
from causeway.stores.prometheus.settings import PrometheusSettings
from causeway.window import SECOND_NS

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

DISK_FREE_MIN = 2 << 30
CLOCK_SKEW_MAX_S = 2.0
SPOOL_WARN_SHARE = 0.5


class Health(StrEnum):
    """From good to bad: as it should be, worth knowing, will become a problem, does not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    BROKEN = "broken"

    @property
    def rank(self) -> int:
        return list(Health).index(self)


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: the part it is about (`data`, `store`, ...), how good it is, and the sentence."""

    part: str
    health: Health
    message: Message


def examine(deployment: Deployment, *, spool_bytes_max: int) -> Iterator[Line]:
    """Every fact, part by part. A part that does not answer is a BROKEN line, never an error."""
    yield from _data(deployment)
    if deployment.store is None:
        yield from _embedded(deployment)
    else:
        yield from _elasticsearch(deployment.store)
    if deployment.samples is not None:
        yield from _prometheus(deployment.samples)
    elif deployment.distributed:
        yield _line("samples", Health.WARNING, "samples_missing")
    yield from _spool(deployment, spool_bytes_max)
    yield from _state(deployment)


def worst(lines: list[Line]) -> Health:
    """The worst of them; OK for none."""
    return max((line.health for line in lines), key=lambda health: health.rank, default=Health.OK)


def _line(part: str, health: Health, name: str, **values: MessageValue) -> Line:
    return Line(part, health, Message(f"doctor.{name}", values))


def _broken(part: str, where: str, error: Exception) -> Line:
    return _line(part, Health.BROKEN, "broken", where=where, reason=str(error))


# -- this machine ------------------------------------------------------------------------------------------------


def _data(deployment: Deployment) -> Iterator[Line]:
    folder = deployment.data
    if not folder.is_dir():
        yield _line("data", Health.NOTE, "data_missing", folder=str(folder))
        return
    free = shutil.disk_usage(folder).free
    health = Health.OK if free >= DISK_FREE_MIN else Health.WARNING
    yield _line("data", health, "data", folder=str(folder.resolve()), free=float(free))


def _spool(deployment: Deployment, spool_bytes_max: int) -> Iterator[Line]:
    waiting = undelivered(deployment.data)
    running = _is_written(deployment.data)
    for drain, size in waiting.items():
        full = deployment.distributed and size > spool_bytes_max * SPOOL_WARN_SHARE
        health = Health.WARNING if full or (size and not running) else Health.OK
        name = "spool" if running or not size else "spool_stopped"
        yield _line("spool", health, name, drain=drain, size=float(size))


def _is_written(folder: Path) -> bool:
    """Whether a collector holds the folder."""
    try:
        handle = os.open(folder / "writer.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


# -- stores ------------------------------------------------------------------------------------------------------


def _embedded(deployment: Deployment) -> Iterator[Line]:
    try:
        with closing(deployment.open_reader()) as reader:
            status = reader.status()
    except (CausewayError, OSError) as error:
        if not (deployment.data / "spans").exists():
            yield _line("store", Health.NOTE, "store_none", folder=str(deployment.data))
            return
        yield _broken("store", deployment.location, error)
        return
    size = sum(table.bytes for table in status.tables)
    newest = max((table.last_ns for table in status.tables if table.last_ns is not None), default=None)
    if newest is None:
        yield _line("store", Health.OK, "store_empty", location=status.location)
    else:
        age_s = max(0.0, time.time() - newest / SECOND_NS)
        yield _line("store", Health.OK, "store_embedded", location=status.location, size=float(size), age=age_s)
    for problem in status.problems:
        yield _line("store", Health.WARNING, "problem", problem=problem)


def _elasticsearch(settings: ElasticsearchSettings) -> Iterator[Line]:
    from causeway.stores.elasticsearch.capabilities import MEANINGS, ask
    from causeway.stores.elasticsearch.client import connect

    where = settings.location()
    try:
        with closing(connect(settings)) as client:
            found = ask(client)
            health = _asked(client, "/_cluster/health?filter_path=status,number_of_data_nodes")
            began_s = time.time()
            stats = _asked(client, "/_nodes/_local/stats/os?filter_path=nodes.*.timestamp")
            elapsed_s = time.time() - began_s
    except (CausewayError, OSError) as error:
        yield _broken("store", where, error)
        return
    status = str(health.get("status", "unknown"))
    yield _line(
        "store",
        {"green": Health.OK, "red": Health.BROKEN}.get(status, Health.NOTE),
        f"cluster_{status}",
        location=where,
        version=found.version or "?",
        nodes=int(health.get("number_of_data_nodes", 0)),
    )
    for name in MEANINGS:
        if not getattr(found, name):
            yield _line("store", Health.NOTE, f"off_{name}")
    if found.forbidden:
        yield _line("store", Health.NOTE, "forbidden", names=", ".join(found.forbidden))
    for node in stats.get("nodes", {}).values():
        yield _clock("store", node["timestamp"] / 1e3 - began_s, elapsed_s)


def _asked(client: Elasticsearch, path: str) -> Mapping[str, Any]:
    """The answer; empty where this user may not ask or this server does not know the question. Raises StoreError."""
    from elasticsearch import ApiError

    from causeway.stores.elasticsearch.client import plain_errors

    with plain_errors("ask how the cluster is"):
        try:
            found: Mapping[str, Any] = client.perform_request("GET", path, headers={"accept": "application/json"}).body
        except ApiError as error:
            if error.meta.status in {403, 404, 405, 410}:
                return {}
            raise
    return found


def _prometheus(settings: PrometheusSettings) -> Iterator[Line]:
    from causeway.stores.prometheus.client import Client

    try:
        with closing(Client(settings)) as client:
            build = client.build()
            began_s = time.time()
            # VictoriaMetrics evaluates in the past (search.latencyOffset) unless told not to use its cache.
            answer = client.ask("query", [("query", "time()"), ("nocache", "1")])
            elapsed_s = time.time() - began_s
    except (CausewayError, OSError) as error:
        yield _broken("samples", settings.location(), error)
        return
    server = f"{build.kind} {build.version}".strip()
    yield _line("samples", Health.OK, "samples", location=settings.location(), server=server)
    found = answer["result"]
    # A scalar is [time, value]; VictoriaMetrics makes it a vector of one series.
    time_s, _ = found if answer["resultType"] == "scalar" else found[0]["value"]
    yield _clock("samples", float(time_s) - began_s, elapsed_s)


def _clock(part: str, ahead_s: float, elapsed_s: float) -> Line:
    """Clocks agree as far as can be told: the server read its own at some time while we waited."""
    skew_s = ahead_s if ahead_s < 0 else max(0.0, ahead_s - elapsed_s)
    if abs(skew_s) <= CLOCK_SKEW_MAX_S:
        return _line(part, Health.OK, "clock")
    return _line(part, Health.WARNING, "clock_skewed", skew=abs(skew_s))


# -- state -------------------------------------------------------------------------------------------------------


def _state(deployment: Deployment) -> Iterator[Line]:
    where = deployment.state_location
    if not deployment.has_state:
        yield _line("state", Health.NOTE, "state_missing", location=where)
        return
    try:
        with closing(deployment.open_state()) as state:
            opened = len(state.incidents(open_only=True))
            with closing(state.leadership()) as leadership:
                led = not leadership.leads()
    except (CausewayError, OSError) as error:
        yield _broken("state", where, error)
        return
    yield _line("state", Health.OK, "state", location=where, incidents=opened)
    yield _line("state", Health.OK if led else Health.WARNING, "leader" if led else "leader_none")
