"""The way into an embedded store: write-ahead log first, then memory, then the tables, by a thread of its own."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from causeway import logs
from causeway.errors import QueueFull, StoreError
from causeway.stores.embedded.maintenance import Maintenance, MaintenanceConfig
from causeway.stores.embedded.wal import Frame, WriteAheadLog
from causeway.stores.embedded.writer import TableWriter

log = logs.get("store")

Tables = Mapping[str, pa.Table]
Decode = Callable[[str, Sequence[tuple[bytes, str]]], Tables]
Request = tuple[str, str, bytes]  # signal, encoding, payload


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """Bounds of the way in. Sizes count encoded bytes, as they came; in memory spans take about twice that."""

    flush_bytes: int = 72 << 20  # about 130,000 spans: enough to write a file in its final form
    flush_age_s: float = 4.0  # so that answers lag ten seconds at the most
    buffer_bytes_max: int = 112 << 20
    room_wait_s: float = 5.0  # how long a request waits for the flushing thread before it is told to come back
    maintenance: MaintenanceConfig = field(default_factory=MaintenanceConfig)


@dataclass(slots=True)
class _Pending:
    tables: list[Tables] = field(default_factory=list)
    bytes: int = 0
    end: int = 0
    since: float = 0.0


class Journal:
    """An embedded store opened for writing; one process at a time."""

    def __init__(self, folder: Path, *, decode: Decode, config: JournalConfig | None = None) -> None:
        """Open or create the store, replay what the last run left in the log, start the flushing thread.

        decode: turns payloads of a signal into tables, as at intake. Raises StoreError when another process writes
        the store, or when it is damaged.
        """
        self.config = config or JournalConfig()
        folder.mkdir(parents=True, exist_ok=True)
        self._own = _own(folder)
        self.writer = TableWriter(folder)
        self._decode = decode
        positions = self.writer.log_positions()
        self._wal = WriteAheadLog(folder / "wal", start_at=max(positions.values()))
        self._cursor = folder / "wal" / "cursor"
        self.replayed = self._replay(max(positions.values()))
        self._pending = _Pending()
        self._flushing_bytes = 0
        self._failing: str | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._flushed = self._wal.end
        self._flush_now = False
        self.flush_seconds = 0.0
        self.flushes = 0
        self._thread = threading.Thread(target=self._run, name="flush", daemon=True)
        self._thread.start()
        self.maintenance = Maintenance(self.writer, self.config.maintenance)
        self.maintenance.start()

    # -- for one intake thread -----------------------------------------------------------------------------------

    def append(self, requests: Sequence[Request], tables: Tables) -> None:
        """Log and sync the requests, then hold their decoded records for the next flush.

        Returns when they are durable; waits for the flushing thread where it is behind. Raises QueueFull when it
        stays behind, StoreError when the disk refuses.
        """
        self._wait_for_room()
        end = self._wal.append(requests)
        size = sum(len(payload) for _, _, payload in requests)
        with self._changed:
            if not self._pending.tables:
                self._pending.since = time.monotonic()
            self._pending.tables.append(tables)
            self._pending.bytes += size
            self._pending.end = end
            self._changed.notify_all()

    def _wait_for_room(self) -> None:
        wait_s = 0.0 if self._failing else self.config.room_wait_s
        with self._changed:
            if self._changed.wait_for(lambda: self.waiting_bytes <= self.config.buffer_bytes_max, wait_s):
                return
        reason = f"; the tables cannot be written: {self._failing}" if self._failing else ""
        waiting = f"{self.waiting_bytes >> 20} MiB wait to be stored"
        raise QueueFull(waiting + reason, retry_after_s=5.0 if reason else 1.0)

    @property
    def waiting_bytes(self) -> int:
        return self._pending.bytes + self._flushing_bytes

    @property
    def failing(self) -> str | None:
        """Why the last flush failed, None when it did not."""
        return self._failing

    def log_bytes(self) -> int:
        return self._wal.bytes_kept()

    def flush(self, *, timeout_s: float = 60.0) -> None:
        """Return when everything appended so far is in the tables. Raises StoreError after the timeout."""
        with self._changed:
            target = self._wal.end
            self._flush_now = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._flushed >= target, timeout_s):
                raise StoreError(f"not flushed within {timeout_s:g} s: {self._failing or 'still writing'}")

    def close(self) -> None:
        """Flush and stop. What cannot be flushed stays in the log for the next start."""
        self.maintenance.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=60)
        self._wal.close()
        os.close(self._own)

    # -- the flushing thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            batch = self._next()
            if batch is None:
                return
            self._store(batch)

    def _next(self) -> _Pending | None:
        """The next batch to flush, when it is large or old enough; None to stop."""
        with self._changed:
            while True:
                pending = self._pending
                due = pending.since + self.config.flush_age_s - time.monotonic()
                ready = self._flush_now or self._stopping or pending.bytes >= self.config.flush_bytes or due <= 0
                if pending.tables and ready:
                    self._pending = _Pending(end=pending.end)
                    self._flushing_bytes = pending.bytes
                    return pending
                if self._stopping:
                    return None
                if self._flush_now and not pending.tables:
                    self._flush_now = False
                    self._changed.notify_all()
                self._changed.wait(max(due, 0.01) if pending.tables else None)

    def _store(self, batch: _Pending) -> None:
        wait_s = 0.5
        while True:
            started = time.monotonic()
            try:
                self.writer.flush(batch.tables, log_position=batch.end)
                break
            except (StoreError, OSError, pa.ArrowException) as error:
                if self._failing is None:
                    log.error("flush.failed", error=str(error), retry="with back-off")
                self._failing = str(error)
                if self._stopping:
                    return
                time.sleep(wait_s)
                wait_s = min(wait_s * 2, 15.0)
        self._failing = None
        self.flush_seconds += time.monotonic() - started
        self.flushes += 1
        batch.tables.clear()
        with self._changed:
            self._flushed = batch.end
            self._flushing_bytes = 0
            self._changed.notify_all()
        self._release(batch.end)
        self.maintenance.wake()

    def _release(self, position: int) -> None:
        temporary = self._cursor.with_suffix(".tmp")
        temporary.write_text(str(position))
        temporary.replace(self._cursor)
        self._wal.release(position)

    # -- after a crash -------------------------------------------------------------------------------------------

    def _replay(self, highest: int) -> int:
        """Put into the tables what the log has and they have not; returns the number of requests read."""
        start = int(self._cursor.read_text()) if self._cursor.exists() else 0
        count, size = 0, 0
        group: list[Frame] = []
        for frame in self._wal.frames(start):
            boundary = frame.end <= highest
            if group and not boundary and (group[-1].end <= highest or size >= self.config.flush_bytes):
                self._replay_group(group, highest)
                count, group, size = count + len(group), [], 0
            group.append(frame)
            size += len(frame.payload)
        if group:
            self._replay_group(group, highest)
            count += len(group)
        if count:
            log.info("log.replayed", requests=count, position=self._wal.end)
            self._release(self._wal.end)
        return count

    def _replay_group(self, group: list[Frame], highest: int) -> None:
        # A flush that some tables have and others have not must be repeated under the position it had.
        position = max(highest, group[-1].end)
        batches = []
        for signal in dict.fromkeys(frame.signal for frame in group):
            payloads = [(frame.payload, frame.encoding) for frame in group if frame.signal == signal]
            batches.append(self._decode(signal, payloads))
        self.writer.flush(batches, log_position=position)


def _own(folder: Path) -> int:
    """Hold the folder's lock for this process. Raises StoreError when another has it."""
    handle = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 32).decode(errors="replace").strip()
        os.close(handle)
        raise StoreError(f"process {holder or '?'} is writing the store in {folder}; stop it first") from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle
