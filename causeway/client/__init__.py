"""What a notebook imports: telemetry and analysis as pandas and networkx objects, local or remote.

    import causeway

    shop = causeway.open("demo-data")                    # a data folder, also while a server writes to it
    shop = causeway.connect("http://127.0.0.1:8050")     # a running Causeway
    shop.graph("-15m").edges

Both answer the same questions with the same objects. Times are given as on the command line (RFC 3339, Unix
seconds, `-15m`), as Unix ns, or as `datetime`; a time without a zone is UTC.
"""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from causeway.client.anomalies import Anomalies as Anomalies
from causeway.client.anomalies import anomalies_of
from causeway.client.consequences import Consequences as Consequences
from causeway.client.consequences import consequences_of
from causeway.client.frames import frame, rows
from causeway.client.graphs import Graph as Graph
from causeway.client.graphs import GraphDiff as GraphDiff
from causeway.client.graphs import graph_diff_of, graph_of
from causeway.client.sources import LocalSource, RemoteSource, Source
from causeway.client.templates import Template as Template
from causeway.client.templates import template_of, templates_of
from causeway.deployment import EMBEDDED, Options, deployment
from causeway.findings import Diagnosis, Incident, PatrolReport
from causeway.messages import text
from causeway.window import SECOND_NS, Window, parse_time
from causeway.wire import from_json

LIMIT_ROWS = 10_000
Time = str | int | datetime | None


class Truncated(UserWarning):
    """An answer holds only its first rows; ask for a shorter window or a higher limit."""


class Client:
    """Questions to one Causeway. Windows default to the last hour."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back files and connections."""
        self._source.close()

    def services(self, start: Time = None, end: Time = None) -> list[str]:
        """Every service that sent a span, log or sample in the window, by name."""
        return self._source.services(_window(start, end))

    def spans(
        self, start: Time = None, end: Time = None, *, service: str | None = None, limit: int = LIMIT_ROWS
    ) -> pd.DataFrame:
        """Spans by start: trace_id, span_id, service, operation, start, duration_ms, attributes, ..."""
        return self._table("spans", start, end, service=service, limit=limit)

    def logs(
        self, start: Time = None, end: Time = None, *, service: str | None = None, limit: int = LIMIT_ROWS
    ) -> pd.DataFrame:
        """Log lines by time: service, severity, body, trace_id, ..."""
        return self._table("logs", start, end, service=service, limit=limit)

    def events(
        self, start: Time = None, end: Time = None, *, service: str | None = None, limit: int = LIMIT_ROWS
    ) -> pd.DataFrame:
        """Deployments, restarts, settings and the like, by time."""
        return self._table("events", start, end, service=service, limit=limit)

    def samples(
        self,
        start: Time = None,
        end: Time = None,
        *,
        service: str | None = None,
        name: str | None = None,
        limit: int = 10 * LIMIT_ROWS,
    ) -> pd.DataFrame:
        """Values of scalar metrics: name, service, instance, unit, type, attributes, time, value, ..."""
        values = self._table("samples", start, end, service=service, limit=limit)
        series = self._table("series", start, end, service=service, limit=limit)
        if name is not None:
            series = series[series["name"] == name]
        known = series[["series_id", "name", "service", "instance", "unit", "type", "attributes"]]
        return known.merge(values[["series_id", "time", "value"]], on="series_id", how="inner")

    def table(
        self,
        name: str,
        start: Time = None,
        end: Time = None,
        *,
        service: str | None = None,
        limit: int = LIMIT_ROWS,
    ) -> pd.DataFrame:
        """A table of the store: spans, logs, samples, series, events, edges, operations or instances.

        Warns `Truncated` where the window holds more than `limit` rows. CausewayError for an unknown name.
        """
        return self._table(name, start, end, service=service, limit=limit)

    def _table(self, name: str, start: Time, end: Time, *, service: str | None, limit: int) -> pd.DataFrame:
        page = self._source.table(name, _window(start, end), service=service, limit=limit)
        if page.truncated:
            warnings.warn(f"{name}: only the first {page.table.num_rows:,} rows", Truncated, stacklevel=3)
        return frame(page.table)

    def graph(
        self,
        start: Time = None,
        end: Time = None,
        *,
        level: str = "service",
        service: str | None = None,
        hops: int = 1,
    ) -> Graph:
        """Who called whom, how often, how fast and with how many errors.

        level: service, operation, instance or version. service, hops: only what is within so many calls of it.
        """
        options = _graph_options(level, service, hops)
        return graph_of(self._source.document("graph", _window(start, end), options))

    def graph_diff(
        self,
        start: Time = None,
        end: Time = None,
        *,
        before: tuple[Time, Time] | str | None = None,
        level: str = "service",
        service: str | None = None,
        hops: int = 1,
    ) -> GraphDiff:
        """Which calls of the window came, went or changed beyond noise.

        before: what it is compared with: `"1h"` (that long before the window), or two times; by default as long a time
        just before.
        """
        options = _graph_options(level, service, hops)
        if isinstance(before, str):
            options["before"] = before
        elif before is not None:
            earlier = _window(*before)
            options["before"] = f"{earlier.start_ns}/{earlier.end_ns}"
        return graph_diff_of(self._source.document("graph/diff", _window(start, end), options))

    def impact(
        self, start: Time = None, end: Time = None, *, level: str = "service", fast: bool = False
    ) -> pd.DataFrame:
        """How much each service matters, 0-100, highest first, with the parts of the score.

        level: service, operation, instance or version. fast: estimated from call ratios, no traces are read.
        """
        options = {"level": level} | ({"fast": "true"} if fast else {})
        document = self._source.document("impact", _window(start, end), options)
        return rows(document["services"], first=("service", "impact"))

    def impact_history(self, start: Time = None, end: Time = None) -> pd.DataFrame:
        """The factor of each service (a column) over each full hour of the window, three days at least, by hour.

        Five weeks are kept. NaN where a service was not seen or the hour was not looked at. Empty without
        `causeway analyze`, which keeps it.
        """
        document = self._source.document("impact/history", _window(start, end))
        hours = pd.DatetimeIndex(pd.to_datetime(document["hours"], utc=True), name="hour")
        return pd.DataFrame(document["services"], index=hours, dtype=float)

    def anomalies(
        self, start: Time = "-1d", end: Time = None, *, entity: str | None = None, compute: bool = False
    ) -> Anomalies:
        """Series that were unusual, grouped into events; only those of an entity. Default window: the last day.

        What `causeway analyze` kept, or, with `compute` or where it judged nothing of the window, worked out from what
        is stored: that reads a week before the window.
        """
        options = ({} if entity is None else {"entity": entity}) | ({"compute": "true"} if compute else {})
        return anomalies_of(self._source.document("anomalies", _window(start, end), options))

    def risk(self, start: Time = None, end: Time = None, *, fast: bool = False) -> pd.DataFrame:
        """How likely each service is to fail soon times its impact, highest first; a column for each part."""
        document = self._source.document("risk", _window(start, end), {"fast": "true"} if fast else {})
        found = []
        for one in document["risks"]:
            parts = {part["name"]: part["value"] for part in one["parts"]}
            found.append({**{name: value for name, value in one.items() if name != "parts"}, **parts})
        return rows(found, first=("service", "risk", "likelihood", "impact"))

    def blast_radius(self, target: str, start: Time = None, end: Time = None) -> Consequences:
        """Who is hit when the target fails, and what each journey loses. target: as for `causeway blast`."""
        return consequences_of(self._source.document("blast", _window(start, end), {"target": target}))

    def what_if(
        self,
        start: Time = None,
        end: Time = None,
        *,
        remove: str | None = None,
        slow: str | None = None,
        by: str | None = None,
    ) -> Consequences:
        """What every journey suffers when a target is removed, or becomes slower by `200ms` or `x2`."""
        asked = {"remove": remove, "slow": slow, "by": by}
        options = {name: value for name, value in asked.items() if value is not None}
        return consequences_of(self._source.document("whatif", _window(start, end), options))

    def diagnose(self, start: Time = None, end: Time = None) -> Diagnosis:
        """What broke in the window, since when, and why."""
        return from_json(Diagnosis, self._source.document("diagnose", _window(start, end)))

    def patrol(self, start: Time = None, end: Time = None) -> PatrolReport:
        """All inspections over the window, worst first."""
        return from_json(PatrolReport, self._source.document("patrol", _window(start, end)))

    def templates(self, start: Time = None, end: Time = None, *, service: str | None = None) -> pd.DataFrame:
        """The kinds of log messages, most lines first: template_id, service, lines, template, change_kind, ..."""
        options = {} if service is None else {"service": service}
        return templates_of(self._source.document("templates", _window(start, end), options))

    def template(
        self,
        template_id: str | int,
        start: Time = None,
        end: Time = None,
        *,
        service: str | None = None,
        limit: int = 50,
    ) -> Template:
        """One of `templates` with its newest `limit` lines and the traces they name. CausewayError if unknown."""
        options = {"limit": str(limit)} | ({} if service is None else {"service": service})
        return template_of(self._source.document(f"templates/{template_id}", _window(start, end), options))

    def incidents(self) -> list[Incident]:
        """Incidents, newest first."""
        return [from_json(Incident, found) for found in self._source.document("incidents", None)["incidents"]]


def _graph_options(level: str, service: str | None, hops: int) -> dict[str, str]:
    return {"level": level} | ({} if service is None else {"service": service, "hops": str(hops)})


def hypotheses(diagnosis: Diagnosis, *, language: str = "en") -> pd.DataFrame:
    """One row per hypothesis, best first, with the sentences that speak for and against it."""
    found = [
        {
            "rank": item.rank,
            "entity": item.entity,
            "family": item.family,
            "confidence": item.confidence,
            "summary": text(item.summary, language),
            "for": [text(evidence.reason, language) for evidence in item.evidence_for],
            "against": [text(evidence.reason, language) for evidence in item.evidence_against],
            "path": list(item.path),
        }
        for item in diagnosis.hypotheses
    ]
    return rows(found, first=("rank", "entity", "family", "confidence", "summary"))


def open_folder(
    folder: str | Path | None = None,
    *,
    config: str | Path | None = None,
    store: str | None = None,
    samples: str | None = None,
    state: str | None = None,
) -> Client:
    """A client of the data folder of a Causeway on this machine, or of the servers that hold its records.

    Named as on the command line: `store="elasticsearch://..."`, `samples=`, `state=`, or a configuration file; a folder
    alone is an embedded store. StoreError where there is nothing to read from.
    """
    if folder is not None and store is None and config is None:
        store = EMBEDDED
    options = Options(
        None if folder is None else Path(folder), None if config is None else Path(config), store, samples, state
    )
    return Client(LocalSource(deployment(options)))


def connect(url: str, *, token: str | None = None) -> Client:
    """A client of a running Causeway, e.g. `http://127.0.0.1:8050`; `token` where its `[serve]` table has one."""
    return Client(RemoteSource(url, token=token))


def _window(start: Time, end: Time) -> Window:
    now_ns = time.time_ns()
    return Window(_time_ns("-1h" if start is None else start, now_ns), _time_ns("now" if end is None else end, now_ns))


def _time_ns(moment: str | int | datetime, now_ns: int) -> int:
    if isinstance(moment, str):
        return parse_time(moment, now_ns=now_ns)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = int(aware.replace(microsecond=0).timestamp())
        return whole * SECOND_NS + aware.microsecond * 1000 + getattr(aware, "nanosecond", 0)
    return int(moment)
