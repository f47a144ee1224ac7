"""Rollups in Elasticsearch: one document per minute of spans that holds the rows computed from it.

A document has the minute's start as id and the time it was computed as version, so that the latest computation wins
whoever writes last. Rows may lie in slots before the minute (corrections): `slot_min` and `slot_max` say which.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from elastic_transport import ApiError
from elasticsearch import Elasticsearch

from causeway import records
from causeway.errors import StoreError
from causeway.stores.elasticsearch.client import plain_errors
from causeway.stores.elasticsearch.layouts.layout import Clause
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.scan import MISSING, PAGE_DOCUMENTS, all_of, check_complete, request
from causeway.stores.older import in_full
from causeway.window import MINUTE_NS, Window

_MILLISECOND_NS = 1_000_000
# Decoded tables that are kept for the next query: a day of a hundred services has some 100 MB.
KEPT_BYTES_MAX = 256 << 20
BY_ID_MINUTES_MAX = 720  # up to here minutes are asked for by id, which sees what is not refreshed yet
FETCHED_AT_ONCE = 100  # documents with tables in one answer


class RollupDocuments:
    """The rollup documents of one namespace. Safe from many threads."""

    def __init__(self, client: Elasticsearch, names: Names, *, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._client, self._names = client, names
        self._kept = _KeptTables(kept_bytes_max)

    # -- writing -------------------------------------------------------------------------------------------------

    def write_minute(self, minute_ns: int, tables: Mapping[str, pa.Table], *, spans: int, computed_ns: int) -> bool:
        """Replace the document of a minute at once; False, and nothing, where one computed later is there.

        spans: the span documents it was computed from. Raises StoreError.
        """
        low, high = _slots(minute_ns, tables)
        document = {
            "minute": minute_ns // _MILLISECOND_NS,
            "slot_min": low,
            "slot_max": high,
            "spans": spans,
            "computed_at": computed_ns // _MILLISECOND_NS,
            "tables": {name: encode(table) for name, table in tables.items() if table.num_rows},
        }
        version = {"version": str(computed_ns), "version_type": "external_gte"}
        path = f"/{self._names.rollups_of(minute_ns)}/_doc/{minute_ns}"
        with plain_errors("write rollups"):
            try:
                request(self._client, "PUT", path, document, **version)
            except ApiError as error:
                if error.meta.status == 409:
                    return False
                raise
        return True

    def refresh(self) -> None:
        """Let searches see everything written until now."""
        with plain_errors("refresh rollups"):
            request(self._client, "POST", f"/{self._names.rollups}/_refresh", None, **MISSING)

    # -- what there is -------------------------------------------------------------------------------------------

    def read_counts(self, window: Window) -> dict[int, tuple[int, int]]:
        """By minute: the span documents it was computed from, and when (ns). The window is widened to minutes."""
        whole = window.aligned(MINUTE_NS)
        minutes = range(whole.start_ns, whole.end_ns, MINUTE_NS)
        if len(minutes) <= BY_ID_MINUTES_MAX:
            found = self._by_id(minutes, "spans")
            return {minute: (int(hit["_source"]["spans"]), int(hit["_version"])) for minute, hit in found.items()}
        clause = {"range": {"minute": _milliseconds(whole)}}
        hits = self._search([clause], ["spans"])
        return {int(hit["_id"]): (int(hit["_source"]["spans"]), int(hit["_version"])) for hit in hits}

    def versions(self, minutes: Sequence[int]) -> dict[int, int]:
        """When each of these minutes was computed, as of now: by id, without waiting for a refresh."""
        return {minute: int(hit["_version"]) for minute, hit in self._by_id(minutes, None).items()}

    def tables_of(self, minutes: Sequence[int], name: str) -> dict[int, pa.Table]:
        """One table of each of these minutes that has it, as of now."""
        found = {}
        for start in range(0, len(minutes), FETCHED_AT_ONCE):
            for minute, hit in self._by_id(minutes[start : start + FETCHED_AT_ONCE], f"tables.{name}").items():
                text = hit["_source"].get("tables", {}).get(name)
                if text is not None:
                    found[minute] = decode(text)
        return found

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, name: str, window: Window) -> pa.Table:
        """The rows of one rollup table with slots in the window, of all minutes, not summed.

        Minutes computed before a table was there have no rows of it, those from before a column null in it.
        Raises StoreError.
        """
        schema = records.TABLES[name][0]
        meets: list[Clause] = [
            {"range": {"slot_max": {"gte": window.start_ns}}},
            {"range": {"slot_min": {"lt": window.end_ns}}},
        ]
        versions = {int(hit["_id"]): int(hit["_version"]) for hit in self._search(meets, [])}
        tables = self._kept.get(name, versions)
        missing = [minute for minute in sorted(versions) if minute not in tables]
        for start in range(0, len(missing), FETCHED_AT_ONCE):
            for minute, hit in self._by_id(missing[start : start + FETCHED_AT_ONCE], f"tables.{name}").items():
                text = hit["_source"].get("tables", {}).get(name)
                tables[minute] = schema.empty_table() if text is None else in_full(decode(text), schema).cast(schema)
                self._kept.put(name, minute, int(hit["_version"]), tables[minute])
        whole = pa.concat_tables([tables[minute] for minute in sorted(tables)]) if tables else schema.empty_table()
        slot = whole["slot_ns"]
        return whole.filter(pc.and_(pc.greater_equal(slot, window.start_ns), pc.less(slot, window.end_ns)))

    def any_in(self, window: Window) -> bool:
        """Whether there is any rollup of minutes in the window."""
        clauses = [{"range": {"minute": _milliseconds(window)}}]
        body = {"size": 1, "query": all_of(clauses), "_source": False, "track_total_hits": False}
        with plain_errors("read rollups"):
            answer = request(self._client, "POST", f"/{self._names.rollups}/_search", body, **MISSING)
        return bool(answer["hits"]["hits"])

    # -- asking --------------------------------------------------------------------------------------------------

    def _by_id(self, minutes: Iterable[int], source: str | None) -> dict[int, Any]:
        wanted = [
            {"_index": self._names.rollups_of(minute), "_id": str(minute), "_source": [source] if source else False}
            for minute in minutes
        ]
        if not wanted:
            return {}
        with plain_errors("read rollups"):
            answer = request(self._client, "POST", "/_mget", {"docs": wanted})
        for item in answer["docs"]:
            error = item.get("error", {})
            if error and error.get("type") != "index_not_found_exception":
                raise StoreError(f"cannot read rollups: {error.get('reason', error)}")
        return {int(item["_id"]): item for item in answer["docs"] if item.get("found")}

    def _search(self, clauses: Sequence[Clause], source: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        body: dict[str, Any] = {
            "size": PAGE_DOCUMENTS,
            "query": all_of(clauses),
            "_source": list(source) or False,
            "version": True,
            "track_total_hits": False,
            "sort": [{"minute": "asc"}],
        }
        while True:
            with plain_errors("read rollups"):
                answer = request(self._client, "POST", f"/{self._names.rollups}/_search", body, **MISSING)
            check_complete(answer, self._names.rollups)
            hits = answer["hits"]["hits"]
            found += hits
            if len(hits) < PAGE_DOCUMENTS:
                return found
            body["search_after"] = hits[-1]["sort"]


class _KeptTables:
    """Decoded tables by (name, minute), each of one version, those used longest ago forgotten first."""

    def __init__(self, bytes_max: int) -> None:
        self._tables: OrderedDict[tuple[str, int], tuple[int, pa.Table]] = OrderedDict()
        self._bytes, self._bytes_max = 0, bytes_max
        self._lock = threading.Lock()

    def get(self, name: str, versions: Mapping[int, int]) -> dict[int, pa.Table]:
        """The tables that are kept in just that version."""
        found = {}
        with self._lock:
            for minute, version in versions.items():
                kept = self._tables.get((name, minute))
                if kept is not None and kept[0] == version:
                    found[minute] = kept[1]
                    self._tables.move_to_end((name, minute))
        return found

    def put(self, name: str, minute: int, version: int, table: pa.Table) -> None:
        with self._lock:
            before = self._tables.pop((name, minute), None)
            self._bytes += table.nbytes - (before[1].nbytes if before else 0)
            self._tables[name, minute] = (version, table)
            while self._bytes > self._bytes_max and len(self._tables) > 1:
                _, (_, dropped) = self._tables.popitem(last=False)
                self._bytes -= dropped.nbytes


def encode(table: pa.Table) -> str:
    """A table as text for a JSON document: base64 of an Arrow IPC stream, zstd inside."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table.combine_chunks())
    return base64.b64encode(sink.getvalue()).decode("ascii")


def decode(text: str) -> pa.Table:
    """The table that `encode` wrote."""
    return pa.ipc.open_stream(base64.b64decode(text)).read_all()


def _slots(minute_ns: int, tables: Mapping[str, pa.Table]) -> tuple[int, int]:
    low = high = minute_ns
    for table in tables.values():
        if table.num_rows and "slot_ns" in table.column_names:
            found = pc.min_max(table["slot_ns"]).as_py()
            low, high = min(low, found["min"]), max(high, found["max"])
    return low, high


def _milliseconds(window: Window) -> dict[str, Any]:
    bounds = {"gte": window.start_ns // _MILLISECOND_NS, "lt": -(-window.end_ns // _MILLISECOND_NS)}
    return {**bounds, "format": "epoch_millis"}
