"""Where the journal's records go in the distributed mode: a flush is idempotent, so that it may be repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import orjson
import pyarrow as pa
from elasticsearch import Elasticsearch

from causeway import logs
from causeway.errors import StoreError
from causeway.stores.elasticsearch import capabilities, templates
from causeway.stores.elasticsearch.bulk import CREATED, BulkSender, Counters, Delivered
from causeway.stores.elasticsearch.client import connect, connect_raw, error_text, plain_errors
from causeway.stores.elasticsearch.documents import Documents, documents, resource_objects
from causeway.stores.elasticsearch.generations import Generations
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.settings import ElasticsearchSettings

log = logs.get("elasticsearch")

Tables = Mapping[str, pa.Table]
RECORDS = ("spans", "logs", "events", "histograms", "exemplars")
# Rows encoded at once: some 50 MB of spans.
ROWS_AT_ONCE = 32_768
REFERENCES_PER_REQUEST = 2_000
RESOURCES_MAX = 100_000


class ElasticsearchSink:
    """A cluster that records are written to. It connects, and installs the templates, with the first flush.

    For one thread but for `counters`. What the tables `samples` and `rollup_*` hold is not for Elasticsearch.
    """

    def __init__(
        self,
        settings: ElasticsearchSettings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.names = Names(settings.namespace)
        self.counters = Counters()
        self._clock_ns = clock_ns
        self._client: Elasticsearch = connect(settings)
        self._sender = BulkSender(
            connect_raw(settings),
            body_bytes=settings.bulk_bytes,
            in_flight=settings.bulk_in_flight,
            counters=self.counters,
            sleep=sleep,
        )
        self._generations = {
            stream: Generations(stream, self._client, self._sender.request, settled_s=2 * settings.bulk_timeout_s)
            for stream in self.names.streams.values()
        }
        self._resources: dict[int, bytes] = {}
        self._known: dict[str, set[int]] = {"resources": set(), "series": set(), "log_templates": set()}
        self._ready = False
        self._lock = threading.Lock()

    def flush(self, batches: list[Tables], *, log_position: int) -> int:  # noqa: ARG002
        """Store the records; returns how many were new. Raises StoreError; calling again then goes on."""
        with self._lock:
            self._prepare()
            resources = _joined(batches, "resources")
            if resources is not None:
                self._remember(resources)
                self._refer("resources", "resource_id", resources)
            series = _joined(batches, "series")
            if series is not None:
                self._refer("series", "series_id", series)
            told = _joined(batches, "log_templates")
            if told is not None:
                self._refer("log_templates", "entry_id", told)
            return sum(self._store(name, _joined(batches, name)) for name in RECORDS)

    def refresh(self) -> None:
        """Return when everything flushed is visible to readers. Raises StoreError."""
        targets = [*self.names.streams.values(), self.names.resources, self.names.series, self.names.log_templates]
        with plain_errors("refresh"):
            self._client.indices.refresh(index=targets, ignore_unavailable=True, allow_no_indices=True)

    def close(self) -> None:
        """Wait for what is in flight, and close the connections."""
        self._sender.close()
        self._client.close()

    def _prepare(self) -> None:
        if not self._ready:
            templates.install(self._client, self.settings, capabilities.ask(self._client))
            self._ready = True

    def _store(self, name: str, table: pa.Table | None) -> int:
        if table is None:
            return 0
        new = 0
        for first in range(0, table.num_rows, ROWS_AT_ONCE):
            made = documents(name, table.slice(first, ROWS_AT_ONCE), self._resources)
            new += self._deliver(self.names.streams[name], made)
        return new

    def _deliver(self, stream: str, made: Documents) -> int:
        delivered = self._sender.send(stream, made)
        withdrawn = self._generations[stream].withdraw_copies(made, delivered)
        if delivered.reasons:
            self._bury(stream, made, delivered)
        created = int((delivered.status == CREATED).sum())
        existed = len(made) - created - len(delivered.reasons)
        self.counters.add(created=created, existed=existed, withdrawn=withdrawn, dead_letters=len(delivered.reasons))
        return max(0, created - withdrawn)

    def _bury(self, stream: str, made: Documents, delivered: Delivered) -> None:
        """Keep refused documents as text, with the reason, under the ids they would have had."""
        now_ms = self._clock_ns() // 1_000_000
        rows = sorted(delivered.reasons)
        reason = delivered.reasons[rows[0]]
        log.warning("documents.refused", stream=stream, count=len(rows), reason=reason, kept_in=self.names.dead_letters)
        for part in _parts(rows, REFERENCES_PER_REQUEST):
            lines: list[bytes] = []
            for row in part:
                letter = {
                    "@timestamp": now_ms,
                    "reason": delivered.reasons[row],
                    "stream": stream,
                    "id": _id(made, row),
                    "document": _document(made, row),
                }
                lines += (orjson.dumps({"create": {"_id": _id(made, row)}}), orjson.dumps(letter))
            self._write(self.names.dead_letters, lines)

    def _remember(self, resources: pa.Table) -> None:
        if len(self._resources) > RESOURCES_MAX:
            self._resources.clear()
        self._resources.update(resource_objects(resources))

    def _refer(self, name: str, key: str, table: pa.Table) -> None:
        """Create the documents of resources or series that this process has not sent before."""
        known = self._known[name]
        wanted = [identity not in known for identity in table[key].to_pylist()]
        if not any(wanted):
            return
        rows = table.filter(pa.array(wanted)).to_pylist(maps_as_pydicts="lossy")
        fresh = {row[key]: row for row in reversed(rows)}
        index = getattr(self.names, name)
        for part in _parts(list(fresh), REFERENCES_PER_REQUEST):
            lines: list[bytes] = []
            for identity in part:
                lines += (orjson.dumps({"create": {"_id": str(identity)}}), orjson.dumps(fresh[identity]))
            self._write(index, lines)
        if len(known) > RESOURCES_MAX:
            known.clear()
        known.update(fresh)

    def _write(self, target: str, lines: list[bytes]) -> None:
        """Create documents that are few. Raises StoreError unless each is stored or was there."""
        with plain_errors(f"write to {target}"):
            answer = orjson.loads(self._sender.request(f"/{target}/_bulk", b"\n".join([*lines, b""])))
        for item in answer["items"]:
            if item["create"]["status"] not in {200, 201, 409}:
                raise StoreError(f"cannot write to {target}: {error_text(item['create'].get('error'))}")


def _joined(batches: list[Tables], name: str) -> pa.Table | None:
    parts = [batch[name] for batch in batches if name in batch and batch[name].num_rows]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else pa.concat_tables(_same_types(parts)).unify_dictionaries()


def _same_types(parts: list[pa.Table]) -> list[pa.Table]:
    """Dictionary columns become plain where a part has them plain, so that the parts can be put together."""
    first = parts[0].schema
    if all(part.schema.equals(first) for part in parts):
        return parts
    plain = pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in first
        ]
    )
    return [part.cast(plain) for part in parts]


def _parts(items: list[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _id(made: Documents, row: int) -> str:
    return made.ids[row].tobytes().decode()


def _document(made: Documents, row: int) -> str:
    """The document itself, without its action line."""
    offsets, data = made.lines.offsets, made.lines.data
    return data[offsets[row] : offsets[row + 1]].tobytes().split(b"\n", 1)[1].decode().rstrip("\n")
