"""How long things are kept: rollups by the day of their index, records by the age of their backing indices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from elasticsearch import Elasticsearch

from causeway.stores.elasticsearch import capabilities
from causeway.stores.elasticsearch.client import connect, plain_errors
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.scan import MISSING, check_complete, request
from causeway.stores.elasticsearch.settings import LAYOUT_OURS, ElasticsearchSettings
from causeway.stores.elasticsearch.templates import ROLLOVER_AGE, ROLLOVER_SIZE
from causeway.window import DAY_NS, SECOND_NS

_MS_NS = 1_000_000
_ROLLOVER = {"conditions": {"max_age": ROLLOVER_AGE, "max_primary_shard_size": ROLLOVER_SIZE, "min_docs": 1}}
_STREAMS = ("spans", "logs", "events", "points", "dead_letters")


class Keeper:
    """Deletes what is too old in one namespace; never anything of another product."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, *, streams: bool) -> None:
        """streams: whether data streams are ours to look after, because the server does not."""
        self._client, self._settings, self._streams = client, settings, streams
        self._names = Names(settings.namespace)

    def keep(self, now_ns: int) -> list[str]:
        """The indices that were deleted. Raises StoreError."""
        found = [*self._old_rollups(now_ns), *(self._old_generations(now_ns) if self._streams else ())]
        for name in found:
            with plain_errors(f"delete {name}"):
                self._client.options(ignore_status=404).indices.delete(index=name)
        return found

    def _old_rollups(self, now_ns: int) -> Iterator[str]:
        days = self._settings.retention.rollups
        for name in self._indices(self._names.rollups) if days else ():
            day, too_old_ns = _day_ns(name), now_ns - days * DAY_NS
            if day is None or day + DAY_NS > too_old_ns:
                continue
            # What was rolled up long after its time, such as another product's documents, is kept as long from then.
            computed_ns = self._newest_ns(name, "computed_at")
            if computed_ns is None or computed_ns < too_old_ns:
                yield name

    def _old_generations(self, now_ns: int) -> Iterator[str]:
        for signal in _STREAMS:
            stream, days = getattr(self._names, signal), getattr(self._settings.retention, signal)
            generations = self._indices(f".ds-{stream}-*")
            if not generations:
                continue
            with plain_errors(f"roll {stream} over"):
                request(self._client, "POST", f"/{stream}/_rollover", _ROLLOVER)
            for name in generations[:-1] if days else ():
                newest_ns = self._newest_ns(name)
                if newest_ns is None or newest_ns < now_ns - days * DAY_NS:
                    yield name

    def _indices(self, pattern: str) -> list[str]:
        """By name, which is by age."""
        with plain_errors(f"list {pattern}"):
            options = {"expand_wildcards": "all", "allow_no_indices": "true", "features": "aliases"}
            return sorted(request(self._client, "GET", f"/{pattern}", None, **options))

    def _newest_ns(self, index: str, field: str = "@timestamp") -> int | None:
        body: dict[str, Any] = {"size": 0, "aggs": {"newest": {"max": {"field": field}}}}
        with plain_errors(f"read {index}"):
            answer = request(self._client, "POST", f"/{index}/_search", body, **MISSING)
        check_complete(answer, index)
        newest_ms = answer.get("aggregations", {}).get("newest", {}).get("value")
        return None if newest_ms is None else int(newest_ms) * _MS_NS


def open_keeper(settings: ElasticsearchSettings) -> Keeper:
    """A keeper that does what this server leaves to us. Raises StoreError when the server does not answer."""
    client = connect(settings)
    server = capabilities.ask(client)
    ours = settings.layout == LAYOUT_OURS and settings.manage_templates
    return Keeper(client, settings, streams=ours and not server.manages_data_streams and not server.serverless)


def _day_ns(index: str) -> int | None:
    """The start of the UTC day in the name of an index of rollups, None where there is none."""
    try:
        day = dt.datetime.strptime(index.rsplit("-", 1)[-1], "%Y.%m.%d").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return int(day.timestamp()) * SECOND_NS
