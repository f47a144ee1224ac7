"""Sends documents in bulk requests and learns what became of each: stored, there already, or refused.

Bodies are cut by bytes; several are in flight. What the server had no room for (429) is sent again after a while, only
that. A body that is too large (413) is halved. A document that the server will never take goes to the dead letters,
with the reason. Anything else ends the delivery with StoreError, to be repeated as a whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from elastic_transport import ApiError
from elasticsearch import Elasticsearch

from causeway.errors import StoreError
from causeway.stores.elasticsearch.client import error_text, plain_errors
from causeway.stores.elasticsearch.documents import Documents

_HEADERS = {
    "accept": "application/vnd.elasticsearch+json;compatible-with=8",
    "content-type": "application/vnd.elasticsearch+x-ndjson;compatible-with=8",
}
CREATED, EXISTS, REFUSED = 201, 409, 400
_BUSY, _TOO_LARGE = 429, 413
BUSY_WAITS_S = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
# Refusals that only this document is to blame for; others (403, 404, 5xx) would meet any document.
_OWN_FAULT = frozenset({400, 413})
REASON_CHARS = 1000


@dataclass(slots=True)
class Counters:
    """What was sent since the start, for /metrics."""

    documents: int = 0
    bytes: int = 0
    requests: int = 0
    created: int = 0
    existed: int = 0
    withdrawn: int = 0
    dead_letters: int = 0
    busy: int = 0
    halved: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **counts: int) -> None:
        """Add to some of them; from any thread."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of documents. status: (n,) CREATED, EXISTS or REFUSED. index: (n,) place in `indices`, -1 for none.

    reasons: by row, of those refused.
    """

    status: np.ndarray
    index: np.ndarray
    indices: tuple[str, ...]
    reasons: dict[int, str]


class BulkSender:
    """Delivers documents to data streams. For one thread; it uses several."""

    def __init__(
        self,
        client: Elasticsearch,
        *,
        body_bytes: int,
        in_flight: int,
        counters: Counters,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """client: of `connect_raw`."""
        self._client, self._body_bytes, self._counters, self._sleep = client, body_bytes, counters, sleep
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="bulk")

    def close(self) -> None:
        """Wait for what is in flight."""
        self._pool.shutdown()

    def send(self, stream: str, documents: Documents) -> Delivered:
        """Create the documents in the stream; those whose ids its write index has are left alone.

        Raises StoreError when the server takes no more now; some may be stored then.
        """
        outcome = _Outcome(len(documents))
        bodies = list(_cut(documents.lines.offsets, self._body_bytes))
        work = [self._pool.submit(self._deliver, stream, documents, rows, outcome) for rows in bodies]
        failures = [failure for failure in (done.exception() for done in work) if failure is not None]
        if failures:
            raise failures[0]
        return outcome.delivered()

    def request(self, path: str, body: bytes) -> bytes:
        """The raw answer to a POST of lines of JSON. Raises ApiError and TransportError."""
        self._counters.add(requests=1, bytes=len(body))
        answer: bytes = self._client.perform_request("POST", path, headers=_HEADERS, body=body).body
        return answer

    def _deliver(self, stream: str, documents: Documents, rows: np.ndarray, outcome: _Outcome) -> None:
        self._counters.add(documents=len(rows))
        pieces = [rows]
        for wait_s in (*BUSY_WAITS_S, None):
            attempts = [self._attempt(stream, documents, piece, outcome) for piece in pieces]
            pieces = [piece for again, _ in attempts for piece in again]
            if not pieces:
                return
            count = sum(map(len, pieces))
            self._counters.add(busy=count)
            if wait_s is None:
                why = next(why for again, why in attempts if again)
                raise StoreError(f"Elasticsearch has no room for {count} documents of {stream}: {why}")
            self._sleep(wait_s)

    def _attempt(
        self, stream: str, documents: Documents, rows: np.ndarray, outcome: _Outcome
    ) -> tuple[list[np.ndarray], str]:
        """Send once; the rows to send again, by request, and why."""
        try:
            with plain_errors(f"write to {stream}"):
                answer = self.request(f"/{stream}/_bulk", _body(documents, rows))
        except StoreError as failure:
            error = failure.__cause__
            status = error.meta.status if isinstance(error, ApiError) else 0
            if status == _BUSY:  # perhaps because the body is larger than all the memory for it
                return _halves(rows), str(failure)
            if status != _TOO_LARGE:
                raise
            return self._too_large(stream, documents, rows, outcome)
        again, why = outcome.take(rows, answer, stream)
        return ([again] if len(again) else []), why

    def _too_large(
        self, stream: str, documents: Documents, rows: np.ndarray, outcome: _Outcome
    ) -> tuple[list[np.ndarray], str]:
        if len(rows) == 1:
            outcome.refuse(int(rows[0]), "the document alone is larger than a request may be (http.max_content_length)")
            return [], ""
        self._counters.add(halved=1)
        attempts = [self._attempt(stream, documents, half, outcome) for half in _halves(rows)]
        return [piece for again, _ in attempts for piece in again], next((why for _, why in attempts if why), "")


def _halves(rows: np.ndarray) -> list[np.ndarray]:
    return [half for half in np.array_split(rows, 2) if len(half)]


class _Outcome:
    """Collects what became of rows, from several threads, each with rows of its own."""

    def __init__(self, count: int) -> None:
        self._status = np.zeros(count, np.int16)
        self._index = np.full(count, -1, np.int32)
        self._indices: dict[str, int] = {}
        self._reasons: dict[int, str] = {}
        self._lock = threading.Lock()

    def delivered(self) -> Delivered:
        return Delivered(self._status, self._index, tuple(self._indices), self._reasons)

    def refuse(self, row: int, reason: str) -> None:
        self._status[row] = REFUSED
        with self._lock:
            self._reasons[row] = reason[:REASON_CHARS]

    def take(self, rows: np.ndarray, answer: bytes, stream: str) -> tuple[np.ndarray, str]:
        """Note the answer to these rows; returns those to be sent again and why. Raises StoreError."""
        name = _only_index(answer, len(rows))
        if name is not None:
            self._status[rows] = CREATED
            self._index[rows] = self._place(name)
            return rows[:0], ""
        return self._take_each(rows, _items(answer, len(rows), stream), stream)

    def _take_each(self, rows: np.ndarray, items: list[dict[str, Any]], stream: str) -> tuple[np.ndarray, str]:
        busy, why = [], ""
        for row, item in zip(rows.tolist(), items, strict=True):
            status = item["status"]
            if status in {200, CREATED, EXISTS}:
                self._status[row] = EXISTS if status == EXISTS else CREATED
                self._index[row] = self._place(str(item["_index"]))
            elif status == _BUSY:
                busy.append(row)
                why = error_text(item.get("error"))
            elif status in _OWN_FAULT:
                self.refuse(row, error_text(item.get("error")))
            else:
                raise StoreError(f"cannot write to {stream}: {error_text(item.get('error'))} (HTTP {status})")
        return np.array(busy, np.int64), why

    def _place(self, name: str) -> int:
        with self._lock:
            return self._indices.setdefault(name, len(self._indices))


def _cut(offsets: np.ndarray, body_bytes: int) -> Iterator[np.ndarray]:
    """Row numbers of bodies of at most so many bytes; a single row may be larger."""
    first, count = 0, len(offsets) - 1
    while first < count:
        end = int(np.searchsorted(offsets, offsets[first] + body_bytes, side="right")) - 1
        end = max(end, first + 1)
        yield np.arange(first, end)
        first = end


def _body(documents: Documents, rows: np.ndarray) -> bytes:
    offsets, data = documents.lines.offsets, documents.lines.data
    if rows[-1] - rows[0] + 1 == len(rows):
        found: bytes = data[offsets[rows[0]] : offsets[rows[-1] + 1]].tobytes()
        return found
    return b"".join(data[offsets[row] : offsets[row + 1]].tobytes() for row in rows.tolist())


_ERRORS_NONE = b'"errors":false'
_INDEX = b'"_index":"'


def _only_index(answer: bytes, count: int) -> str | None:
    """The backing index where all was created; None where it was not all, or not all there."""
    if _ERRORS_NONE not in answer[:64]:
        return None
    start = answer.find(_INDEX)
    end = answer.find(b'"', start + len(_INDEX))
    field_ = answer[start : end + 1]
    # `create` answers with 201 or with an error, so that without errors all were created.
    return field_[len(_INDEX) : -1].decode() if start >= 0 and answer.count(field_) == count else None


def _items(answer: bytes, count: int, stream: str) -> list[dict[str, Any]]:
    try:
        items = [next(iter(item.values())) for item in orjson.loads(answer)["items"]]
    except (orjson.JSONDecodeError, KeyError, TypeError, StopIteration):
        raise StoreError(f"cannot write to {stream}: the server's answer to a bulk request is not understood") from None
    if len(items) != count:
        raise StoreError(f"cannot write to {stream}: {count} documents sent, {len(items)} answered")
    return items
