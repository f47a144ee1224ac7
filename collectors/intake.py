"""From requests to durable records: a bounded queue, one thread that decodes groups, the log, the acknowledgement."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from causeway import logs
from causeway.errors import BadRequest, CausewayError, QueueFull, StoreError
from causeway.stores.journal.drain import Tables
from causeway.stores.journal.journal import Journal, Request
from collectors.decoded import Decoded, Outcome
from collectors.log_templates import LogTemplates
from collectors.otlp.decode import decode

log = logs.get("intake")

QUEUE_BYTES_MAX = 64 << 20  # requests received, not yet logged
GROUP_BYTES_MAX = 8 << 20  # decoded and synced together
GROUP_REQUESTS_MAX = 64
POINTS = ("samples", "histograms")


@dataclass(slots=True)
class _Waiting:
    signal: str
    payload: bytes
    encoding: str
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Outcome]


class Meters:
    """The collector's own metrics, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["signal"]
        self.accepted = Counter("causeway_intake_requests", "Requests acknowledged", labels, registry=registry)
        self.bytes = Counter("causeway_intake_bytes", "Bytes of requests acknowledged", labels, registry=registry)
        self.records = Counter("causeway_intake_records", "Records accepted, by table", ["table"], registry=registry)
        self.rejected = Counter(
            "causeway_intake_rejected_records", "Records refused as invalid", labels, registry=registry
        )
        self.refused = Counter("causeway_intake_refused_requests", "Requests refused", ["reason"], registry=registry)
        self.group = Histogram(
            "causeway_intake_group_requests",
            "Requests synced together",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self.waiting = Gauge(
            "causeway_intake_waiting_bytes",
            "Bytes received and held in memory",
            registry=registry,
        )
        self.log_bytes = Gauge("causeway_log_bytes", "Bytes of the write-ahead log on disk", registry=registry)


class Intake:
    """Takes requests from any number of servers on event loops, and answers when their records are durable."""

    def __init__(
        self,
        journal: Journal,
        *,
        registry: CollectorRegistry | None = None,
        refused: Mapping[str, str] | None = None,
        templates: LogTemplates | None = None,
    ) -> None:
        """refused: signals whose records have no place to go, with the reason that senders are told.

        templates: gives log lines their template ids; without it they are stored without.
        """
        self._journal = journal
        self._templates = templates
        self._refused_signals = dict(refused or {})
        self.meters = Meters(registry or CollectorRegistry())
        self.meters.waiting.set_function(lambda: self._bytes + journal.waiting_bytes)
        self.meters.log_bytes.set_function(journal.log_bytes)
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    async def submit(self, signal: str, payload: bytes, encoding: str) -> Outcome:
        """The outcome once every good record of the request is durable.

        signal: traces, metrics or logs; encoding: protobuf or json. Raises BadRequest when nothing of it can be
        understood, QueueFull when the sender must come back later, StoreError when the disk refuses.
        """
        if not payload:
            return Outcome()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(signal, payload, encoding, loop, loop.create_future())
        with self._changed:
            if self._stopping:
                raise self._refused("stopping", QueueFull("the collector is stopping", retry_after_s=2.0))
            if self._bytes + len(payload) > QUEUE_BYTES_MAX and self._queue:
                raise self._refused("queue_full", QueueFull(f"{self._bytes >> 20} MiB of requests are waiting"))
            self._queue.append(waiting)
            self._bytes += len(payload)
            self._changed.notify()
        return await waiting.answer

    def close(self) -> None:
        """Refuse new requests, answer those that wait, stop the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=60)

    def _refused(self, reason: str, error: CausewayError) -> CausewayError:
        self.meters.refused.labels(reason).inc()
        return error

    # -- the intake thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            answers = self._take_in(group)
            with self._changed:
                self._bytes -= sum(len(waiting.payload) for waiting in group)
            _answer(group, answers)

    def _next_group(self) -> list[_Waiting]:
        with self._changed:
            while not self._queue:
                if self._stopping:
                    return []
                self._changed.wait()
            group = [self._queue.popleft()]
            size = len(group[0].payload)
            while self._queue and len(group) < GROUP_REQUESTS_MAX and size < GROUP_BYTES_MAX:
                group.append(self._queue.popleft())
                size += len(group[-1].payload)
        self.meters.group.observe(len(group))
        return group

    def _take_in(self, group: list[_Waiting]) -> list[Outcome | CausewayError]:
        """One answer per request, in order."""
        answers: dict[int, Outcome | CausewayError] = {}
        requests: list[Request] = []
        tables: dict[str, list[pa.Table]] = {}
        for signal in dict.fromkeys(waiting.signal for waiting in group):
            members = [(place, waiting) for place, waiting in enumerate(group) if waiting.signal == signal]
            if signal in self._refused_signals:
                reason = self._refused_signals[signal]
                answers.update((place, _refusal(signal, waiting, reason)) for place, waiting in members)
                continue
            decoded = _decode(signal, [(waiting.payload, waiting.encoding) for _, waiting in members])
            for (place, waiting), outcome in zip(members, decoded.outcomes, strict=True):
                answers[place] = outcome
                if not isinstance(outcome, BadRequest):
                    requests.append((signal, waiting.encoding, waiting.payload))
            found = decoded.tables if self._templates is None else self._templates.fill(decoded.tables)
            for name, table in found.items():
                tables.setdefault(name, []).append(table)
        if requests:
            failure = self._store(requests, {name: _concat(parts) for name, parts in tables.items()})
            if failure is not None:
                return [
                    failure if isinstance(answers[place], Outcome) else answers[place] for place in range(len(group))
                ]
        self._count(group, answers, tables)
        return [answers[place] for place in range(len(group))]

    def _store(self, requests: list[Request], tables: Tables) -> CausewayError | None:
        try:
            self._journal.append(requests, tables)
        except QueueFull as error:
            return self._refused("store_behind", error)
        except StoreError as error:
            log.error("log.failed", error=str(error))
            return self._refused("log_failed", error)
        return None

    def _count(
        self,
        group: list[_Waiting],
        answers: dict[int, Outcome | CausewayError],
        tables: dict[str, list[pa.Table]],
    ) -> None:
        for place, waiting in enumerate(group):
            answer = answers[place]
            if isinstance(answer, Outcome):
                self.meters.accepted.labels(waiting.signal).inc()
                self.meters.bytes.labels(waiting.signal).inc(len(waiting.payload))
                if answer.rejected:
                    self.meters.rejected.labels(waiting.signal).inc(answer.rejected)
            else:
                self._refused("bad_request", answer)
        for name, parts in tables.items():
            self.meters.records.labels(name).inc(sum(part.num_rows for part in parts))


def _refusal(signal: str, waiting: _Waiting, reason: str) -> Outcome | BadRequest:
    """All records of the request refused, which its sender must not send again."""
    decoded = _decode(signal, [(waiting.payload, waiting.encoding)])
    outcome = decoded.outcomes[0]
    if isinstance(outcome, BadRequest):
        return outcome
    count = sum(decoded.tables[name].num_rows for name in POINTS if name in decoded.tables)
    return Outcome(rejected=outcome.rejected + count, message=reason)


def decode_for_log(
    signal: str, payloads: Sequence[tuple[bytes, str]], *, templates: LogTemplates | None = None
) -> Tables:
    """The tables of logged requests, as they were at intake; for replay after a crash."""
    from causeway.stores.embedded.store import decode_records

    if signal == "records":
        return decode_records(signal, payloads)
    tables = decode(signal, payloads).tables
    return tables if templates is None else templates.fill(tables, again=True)


def _decode(signal: str, payloads: list[tuple[bytes, str]]) -> Decoded:
    """Decode a group; should our decoder crash, the request that does it is refused and the others are kept."""
    try:
        return decode(signal, payloads)
    except Exception as error:
        if len(payloads) > 1:
            singles = [_decode(signal, [payload]) for payload in payloads]
            names = dict.fromkeys(name for single in singles for name in single.tables)
            tables = {
                name: _concat([single.tables[name] for single in singles if name in single.tables]) for name in names
            }
            return Decoded(tables, tuple(single.outcomes[0] for single in singles))
        log.error("decode.crashed", signal=signal, bytes=len(payloads[0][0]), exc_info=True)
        return Decoded({}, (BadRequest(f"this {signal} request cannot be decoded: {type(error).__name__}"),))


def _concat(parts: list[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive")


def _answer(group: list[_Waiting], answers: list[Outcome | CausewayError]) -> None:
    """Hand the answers to the event loops, one call per loop."""
    loops = {id(waiting.loop): waiting.loop for waiting in group}
    for key, loop in loops.items():
        mine = [
            (waiting.answer, answer) for waiting, answer in zip(group, answers, strict=True) if id(waiting.loop) == key
        ]
        loop.call_soon_threadsafe(_resolve, mine)


def _resolve(answers: list[tuple[asyncio.Future[Outcome], Outcome | CausewayError]]) -> None:
    for future, answer in answers:
        if future.done():
            continue  # the client went away
        if isinstance(answer, Outcome):
            future.set_result(answer)
        else:
            future.set_exception(answer)
