"""One way out of the journal: a thread that hands batches of records to a sink and remembers how far it came.

Records come from memory while the sink keeps up. A drain that falls behind lets go of them and reads the log again, in
batches, until it has caught up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from causeway import logs
from causeway.errors import StoreError
from causeway.stores.journal.wal import Frame, WriteAheadLog

log = logs.get("journal")

T = TypeVar("T")
Tables = Mapping[str, pa.Table]
Decode = Callable[[str, Sequence[tuple[bytes, str]]], Tables]
_BACK_OFF_FIRST_S, _BACK_OFF_MAX_S = 0.5, 15.0


class Sink(Protocol):
    """Where a drain's records go."""

    def flush(self, batches: list[Tables], *, log_position: int) -> int:
        """Store the records durably; returns how many were new. Those already stored are left alone.

        log_position: of the end of the batch in the write-ahead log. Raises StoreError when it cannot be done now:
        then it is called again with the same arguments.
        """
        ...

    def close(self) -> None:
        """Give back connections; nothing is flushed any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Bounds of the way in. Sizes count encoded bytes, as they came; in memory spans take about twice that."""

    flush_bytes: int = 16 << 20
    flush_age_s: float = 1.5
    buffer_bytes_max: int = 64 << 20
    room_wait_s: float = 5.0


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """What a drain does.

    tables: the record tables that its sink takes; None: all. signals: those of the log that hold such tables.
    half_flushed: up to here a crash may have left a flush that only a part of the sink has; it is then repeated as one.
    cursor: name of the file beside the log that holds the position; default: `cursor.NAME`. numbers: what the sink
    counted since the start, by name.
    """

    sink: Sink
    tables: frozenset[str] | None = None
    signals: frozenset[str] | None = None
    half_flushed: int = 0
    cursor: str = ""
    numbers: Callable[[], Mapping[str, float]] = dict


@dataclass(frozen=True, slots=True)
class DrainStatus:
    """How far a drain is. lag_s: age of the oldest record that it has not delivered.

    failing: why the sink does not take records now, and since when (Unix seconds); None while it does.
    numbers: what the sink itself counted.
    """

    name: str
    waiting_bytes: int
    lag_s: float
    reads_log: bool
    flushes: int
    flush_s: float
    failing: str | None = None
    failing_since_s: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    tables: list[Tables] = field(default_factory=list)
    bytes: int = 0
    end: int = 0
    since: float = 0.0
    requests: int = 0


class Drain:
    """The thread, its cursor and its bounded memory. `changed` guards the state that other threads see."""

    def __init__(
        self,
        name: str,
        plan: DrainPlan,
        *,
        write_ahead_log: WriteAheadLog,
        folder: Path,
        decode: Decode,
        config: JournalConfig,
        spills: bool,
        changed: threading.Condition,
        advanced: Callable[[], None],
    ) -> None:
        """spills: let go of memory and read the log again where the sink is too slow. advanced: called by the drain's
        thread when its position has grown."""
        self.name = name
        self._plan, self._config, self._decode, self._spills = plan, config, decode, spills
        self._log = write_ahead_log
        self._changed, self._advanced = changed, advanced
        self._cursor = folder / (plan.cursor or f"cursor.{name}")
        self.position = max(read_cursor(self._cursor), write_ahead_log.start)
        self._end = write_ahead_log.end
        self._taken = self.position
        self._behind = self.position < self._end
        self._pending = _Batch(end=self._end)
        self._in_flight_bytes = 0
        self._flush_now = False
        self._stop_at: float | None = None
        self.failing: str | None = None
        self.failing_since_s: float | None = None
        self.flushes = 0
        self.flush_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"drain-{name}", daemon=True)

    # -- for the journal, which holds `changed` ------------------------------------------------------------------

    def offer(self, tables: Tables, *, size: int, end: int) -> None:
        """Hold the records of the log up to `end` for the next flush, or leave them to be read from there."""
        self._end = end
        wanted = self._wanted(tables)
        if self._behind:
            return
        if self._spills and wanted and self.memory_bytes + size > self._config.buffer_bytes_max:
            self._behind = True
            self._pending = _Batch()
            log.info("drain.reads_log", drain=self.name, reason=self.failing or "the sink is slower than the intake")
            return
        pending = self._pending
        if pending.end <= self._taken:
            pending.since = time.monotonic()
        if wanted:
            pending.tables.append(wanted)
            pending.bytes += size
        pending.end = end

    def has_room(self, size: int) -> bool:
        """Whether records of so many bytes fit into memory, or need not."""
        bounded = self._config.buffer_bytes_max
        if not self._spills:
            return self.memory_bytes <= bounded
        return self._behind or self.failing is not None or self.memory_bytes + size <= bounded

    @property
    def memory_bytes(self) -> int:
        """Encoded bytes of the records it holds in memory."""
        return self._pending.bytes + self._in_flight_bytes

    @property
    def reads_log(self) -> bool:
        """Whether it fell behind and reads the log."""
        return self._behind

    def numbers(self) -> Mapping[str, float]:
        """What the sink counted since the start."""
        return self._plan.numbers()

    def flush_soon(self) -> None:
        """Do not wait until the batch is large or old."""
        self._flush_now = True

    def stop(self, *, deadline: float) -> None:
        """Deliver what there is until that monotonic time, and end."""
        self._stop_at = deadline

    def forget_memory(self) -> None:
        """Let go of everything not yet flushed, as a killed process does; for tests."""
        self._pending = _Batch(end=self._taken)

    # -- the thread ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended within that time; its sink is closed then."""
        self._thread.join(timeout=max(0.0, timeout_s))
        if self._thread.is_alive():
            return False
        self._plan.sink.close()
        return True

    def catch_up(self) -> int:
        """Deliver, in this thread, what the log has; returns the number of requests. For before `start`."""
        count = 0
        while self._behind:
            batch = self._read()
            count += batch.requests
            self._deliver(batch)
        return count

    def _run(self) -> None:
        while True:
            batch = self._insist(self._next)
            if batch is None or self._insist(partial(self._deliver, batch)) is None:
                return

    def _insist(self, work: Callable[[], T]) -> T | None:
        """What `work` gives, however often it must be tried; None when the drain is to stop before."""
        wait_s = _BACK_OFF_FIRST_S
        while True:
            try:
                return work()
            except (StoreError, OSError, pa.ArrowException) as error:
                self._fail(str(error))
            except Exception as error:  # what is acknowledged must be delivered, whatever a sink does
                log.error("drain.crashed", drain=self.name, exc_info=True)
                self._fail(f"{type(error).__name__}: {error}")
            with self._changed:
                if self._changed.wait_for(lambda: self._stop_at is not None, wait_s):
                    return None
            wait_s = min(wait_s * 2, _BACK_OFF_MAX_S)

    def _fail(self, reason: str) -> None:
        if self.failing is None:
            log.error("flush.failed", drain=self.name, error=reason, retry="with back-off")
            self.failing_since_s = time.time()
        self.failing = reason

    def _next(self) -> _Batch | None:
        """The next batch to deliver, when it is large or old enough; None to stop."""
        with self._changed:
            while not self._behind:
                pending = self._pending
                due_s = pending.since + self._config.flush_age_s - time.monotonic()
                hurry = self._flush_now or self._stop_at is not None
                if pending.end > self._taken and (hurry or pending.bytes >= self._config.flush_bytes or due_s <= 0):
                    return self._take(pending)
                if self._stop_at is not None:
                    return None
                self._flush_now = False
                self._changed.wait(max(due_s, 0.01) if pending.end > self._taken else None)
            if self._stop_at is not None and time.monotonic() > self._stop_at:
                return None
        return self._read()

    def _take(self, batch: _Batch) -> _Batch:
        self._pending = _Batch()
        self._in_flight_bytes = batch.bytes
        self._taken = batch.end
        return batch

    def _read(self) -> _Batch:
        """The next batch from the log, at most `flush_bytes` and one request."""
        with self._changed:
            stop = self._end
        half = self._plan.half_flushed if self._taken < self._plan.half_flushed else None
        batch = _Batch(end=self._taken)
        frames: list[Frame] = []
        for frame in self._log.frames(self._taken, stop):
            if half is not None and frames and frame.end > half:
                break
            if self._plan.signals is None or frame.signal in self._plan.signals:
                frames.append(frame)
                batch.bytes += len(frame.payload)
            batch.end = frame.end
            batch.requests += 1
            if batch.bytes >= self._config.flush_bytes and (half is None or frame.end > half):
                break
        else:
            batch.end = stop  # also where the log begins behind our position
        for signal in dict.fromkeys(frame.signal for frame in frames):
            payloads = [(frame.payload, frame.encoding) for frame in frames if frame.signal == signal]
            if wanted := self._wanted(self._decode(signal, payloads)):
                batch.tables.append(wanted)
        with self._changed:
            self._behind = batch.end < self._end
            return self._take(batch)

    def _wanted(self, tables: Tables) -> Tables:
        names = self._plan.tables
        return {name: table for name, table in tables.items() if table.num_rows and (names is None or name in names)}

    def _deliver(self, batch: _Batch) -> bool:
        started = time.monotonic()
        if batch.tables:
            self._plan.sink.flush(batch.tables, log_position=max(batch.end, self._plan.half_flushed))
            self.flush_s += time.monotonic() - started
            self.flushes += 1
        batch.tables.clear()
        if self.failing is not None:
            after_s = round(time.time() - (self.failing_since_s or 0.0), 1)
            log.info("flush.recovered", drain=self.name, after_s=after_s, reads_log=self._behind)
        write_cursor(self._cursor, batch.end)
        with self._changed:
            self.failing = self.failing_since_s = None
            self.position = batch.end
            self._in_flight_bytes = 0
            self._changed.notify_all()
        self._advanced()
        return True


def read_cursor(path: Path) -> int:
    """The position in the file; 0, from where delivering again does no harm, where there is none."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def write_cursor(path: Path, position: int) -> None:
    """Replace the position in the file."""
    temporary = path.with_suffix(f"{path.suffix}.tmp")
    temporary.write_text(str(position))
    temporary.replace(path)
