"""Keeps a resent record single over a rollover.

Each backing index of a data stream knows its own ids only: after a rollover the new one takes an old id again. So what
was sent is looked for in the older backing indices that may hold it, and withdrawn from the newer one. Records that
were there already are looked for too, which heals a crash between sending and withdrawing.

Ids of records later than everything in the older indices, as nearly all are, are not looked for. The time of the
newest record of an older index is asked once, and again while a writer may still not know of the rollover.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import orjson
from elasticsearch import Elasticsearch

from causeway.errors import StoreError
from causeway.stores.elasticsearch.bulk import CREATED, EXISTS, Delivered
from causeway.stores.elasticsearch.client import error_text, plain_errors
from causeway.stores.elasticsearch.documents import Documents

IDS_PER_REQUEST = 5_000
MS_NS = 1_000_000
Post = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class _Extent:
    """The times of the records of a backing index, ms; last < first where it has none."""

    first_ms: float
    last_ms: float
    asked_s: float


class Generations:
    """The backing indices of one data stream, as far as they are known. For one thread."""

    def __init__(
        self,
        stream: str,
        client: Elasticsearch,
        post: Post,
        *,
        settled_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """post: sends lines of JSON, of `BulkSender.request`. settled_s: no request lasts longer."""
        self._stream, self._client, self._post = stream, client, post
        self._settled_s, self._clock = settled_s, clock
        self._names: list[str] = []  # oldest first
        self._seen_s: dict[str, float] = {}
        self._extents: dict[str, _Extent] = {}

    def withdraw_copies(self, documents: Documents, delivered: Delivered) -> int:
        """Delete the newer copies of those delivered that an older backing index has; returns how many were deleted.

        Raises StoreError; calling again with what is delivered then goes on.
        """
        if any(name not in self._seen_s for name in delivered.indices):
            self._look()
        withdrawn = 0
        for place, name in enumerate(delivered.indices):
            older = self._names[: self._names.index(name)] if name in self._names else []
            if not older:
                continue
            there = (delivered.index == place) & np.isin(delivered.status, (CREATED, EXISTS))
            withdrawn += self._withdraw(documents, np.flatnonzero(there), older, name)
        return withdrawn

    def _withdraw(self, documents: Documents, rows: np.ndarray, older: list[str], newest: str) -> int:
        copies: list[tuple[str, int]] = []
        found = np.zeros(len(documents), np.bool_)
        for name in older:
            candidates = rows[self._may_hold(name, documents.times_ns[rows])]
            held = self._held(name, documents, candidates)
            # The oldest copy stays; one in a later index is what a crash left.
            copies += [(name, row) for row in held[found[held]].tolist()]
            found[held] = True
        copies += [(newest, row) for row in np.flatnonzero(found).tolist()]
        self._delete(documents, copies)
        return int(found.sum())

    def _look(self) -> None:
        """Learn the backing indices again."""
        with plain_errors(f"look for the backing indices of {self._stream}"):
            streams = self._client.indices.resolve_index(name=self._stream)["data_streams"]
        names = [name for stream in streams if stream["name"] == self._stream for name in stream["backing_indices"]]
        now = self._clock()
        self._names = sorted(names, key=lambda name: (name.rpartition("-")[2], name))
        self._seen_s = {name: self._seen_s.get(name, now) for name in self._names}
        self._extents = {name: extent for name, extent in self._extents.items() if name in self._seen_s}

    def _may_hold(self, name: str, times_ns: np.ndarray) -> np.ndarray:
        """(n,) bool: whether the index may hold records of these times."""
        extent = self._extent(name)
        times_ms = times_ns // MS_NS
        found: np.ndarray = (times_ms >= extent.first_ms - 1) & (times_ms <= extent.last_ms + 1)
        return found

    def _extent(self, name: str) -> _Extent:
        known = self._extents.get(name)
        followers = self._names[self._names.index(name) + 1 :] if name in self._names else []
        settled_at = self._seen_s[followers[0]] + self._settled_s if len(followers) == 1 else 0.0
        if known is None or known.asked_s < settled_at:
            known = self._extents[name] = self._ask(name)
        return known

    def _ask(self, name: str) -> _Extent:
        now = self._clock()
        bounds = {bound: {bound: {"field": "@timestamp"}} for bound in ("min", "max")}
        client = self._client.options(ignore_status=404)  # retention may have deleted it meanwhile
        with plain_errors(f"ask for the times in {name}"):
            client.indices.refresh(index=name)
            answer = client.search(index=name, size=0, track_total_hits=False, aggs=bounds)
        found = answer.get("aggregations", {})
        first, last = (found.get(bound, {}).get("value") for bound in ("min", "max"))
        return _Extent(float("inf") if first is None else first, float("-inf") if last is None else last, now)

    def _held(self, name: str, documents: Documents, rows: np.ndarray) -> np.ndarray:
        """Those of the rows whose id the index has, also when it cannot be searched for yet."""
        held = []
        for first in range(0, len(rows), IDS_PER_REQUEST):
            part = rows[first : first + IDS_PER_REQUEST]
            body = orjson.dumps({"ids": [documents.ids[row].tobytes().decode() for row in part.tolist()]})
            with plain_errors(f"look for records in {name}"):
                answer = self._post(f"/{name}/_mget?_source=false&filter_path=docs.found,docs.error", body)
            held.append(part[self._flags(answer, len(part), name)])
        return np.concatenate(held) if held else rows[:0]

    def _flags(self, answer: bytes, count: int, name: str) -> np.ndarray:
        found = orjson.loads(answer).get("docs", [])
        errors = [document["error"] for document in found if "error" in document]
        if errors and errors[0].get("type") == "index_not_found_exception":  # retention has deleted it meanwhile
            return np.zeros(count, np.bool_)
        if errors or len(found) != count:
            raise StoreError(f"cannot look for records in {name}: {error_text(errors[0]) if errors else 'no answer'}")
        return np.array([document["found"] for document in found], np.bool_)

    def _delete(self, documents: Documents, copies: list[tuple[str, int]]) -> None:
        """Delete (index, row) copies; those that are not there any more are none."""
        for first in range(0, len(copies), IDS_PER_REQUEST):
            lines = [
                orjson.dumps({"delete": {"_index": name, "_id": documents.ids[row].tobytes().decode()}})
                for name, row in copies[first : first + IDS_PER_REQUEST]
            ]
            with plain_errors(f"withdraw copies from {self._stream}"):
                answer = self._post("/_bulk?filter_path=items.delete.status", b"\n".join([*lines, b""]))
            statuses = {item["delete"]["status"] for item in orjson.loads(answer)["items"]}
            if statuses - {200, 404}:
                raise StoreError(f"cannot withdraw copies from {self._stream}: HTTP {sorted(statuses)}")
