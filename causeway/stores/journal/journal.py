"""The way into any store: a write-ahead log first, then one drain per sink, each at its own pace.

A request is durable, and acknowledged, when it is in the log. The log keeps it until every drain has delivered it. The
outage of one sink does not hold up the others; it only makes the log grow, up to a bound.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from causeway import logs
from causeway.errors import QueueFull, StoreError
from causeway.stores.journal.drain import Decode, Drain, DrainPlan, DrainStatus, JournalConfig, Tables, read_cursor
from causeway.stores.journal.wal import WriteAheadLog

log = logs.get("journal")

Request = tuple[str, str, bytes]  # signal, encoding, payload
CLOSE_S = 20.0  # container platforms kill after 30
_FULL_RETRY_S, _BUSY_RETRY_S = 5.0, 1.0
_MARKS_MAX = 100_000


class Journal:
    """The log in `folder/wal` and the drains behind it. One process at a time."""

    def __init__(
        self,
        folder: Path,
        drains: Mapping[str, DrainPlan],
        *,
        decode: Decode,
        config: JournalConfig,
        spool_bytes_max: int | None = None,
    ) -> None:
        """Open or create the log; `start` starts the drains.

        decode: turns payloads of a signal into tables, as at intake. spool_bytes_max: what may be in the log and not
        yet delivered; None: a drain takes records from memory only, and what does not fit there is refused. Raises
        StoreError when the log is damaged or holds records for a drain that is not there any more.
        """
        self.config = config
        self._spool_bytes_max = spool_bytes_max
        self._refused_bytes = 0  # of the last group, if it was refused
        where = folder / "wal"
        where.mkdir(parents=True, exist_ok=True)
        names = {name: plan.cursor or f"cursor.{name}" for name, plan in drains.items()}
        least = max((plan.half_flushed for plan in drains.values()), default=0)
        reached = [least, *(read_cursor(where / name) for name in names.values())]
        self._wal = WriteAheadLog(where, start_at=max(reached))
        _refuse_orphans(where, set(names.values()), self._wal.end)
        self._changed = threading.Condition()
        self._releasing = threading.Lock()
        self.drains = {
            name: Drain(
                name,
                plan,
                write_ahead_log=self._wal,
                folder=where,
                decode=decode,
                config=config,
                spills=spool_bytes_max is not None,
                changed=self._changed,
                advanced=self._release,
            )
            for name, plan in drains.items()
        }
        for path in (where / name for name in names.values()):
            if not path.exists():
                path.touch()
        # Positions and the Unix time by which all records up to them were acknowledged.
        self._marks: deque[tuple[int, float]] = deque(maxlen=_MARKS_MAX)
        if any(drain.position < self._wal.end for drain in self.drains.values()):
            last_flush_s = min((where / name).stat().st_mtime for name in names.values())
            self._marks.append((self._wal.end, last_flush_s))  # what waits there is not older

    def start(self, *, catch_up: bool = False) -> int:
        """Start the drains; with `catch_up` deliver first what the last run left in the log.

        Returns the number of requests caught up with. Raises StoreError when these cannot be delivered.
        """
        count = sum(drain.catch_up() for drain in self.drains.values()) if catch_up else 0
        if count:
            log.info("log.replayed", requests=count, position=self._wal.end)
        for drain in self.drains.values():
            drain.start()
        return count

    # -- for one intake thread -----------------------------------------------------------------------------------

    def append(self, requests: Sequence[Request], tables: Tables) -> None:
        """Log and sync the requests, then hold their decoded records for the next flush of every drain.

        Returns when they are durable; waits for room where there is none. Raises QueueFull when there is no room,
        StoreError when the disk refuses.
        """
        size = sum(len(payload) for _, _, payload in requests)
        self._wait_for_room(size)
        end = self._wal.append(requests)
        with self._changed:
            self._mark(end)
            for drain in self.drains.values():
                drain.offer(tables, size=size, end=end)
            self._changed.notify_all()

    def _wait_for_room(self, size: int) -> None:
        with self._changed:
            wait_s = 0.0 if self.failing else self.config.room_wait_s
            if self._changed.wait_for(lambda: self._has_room(size), wait_s):
                self._refused_bytes = 0
                return
            self._refused_bytes = size
            failing = self.failing
        waiting = self.undelivered_bytes if self._spool_bytes_max is not None else self.waiting_bytes
        reason = f"; the store does not take records: {failing}" if failing else ""
        raise QueueFull(
            f"{waiting >> 20} MiB wait to be stored{reason}", retry_after_s=_FULL_RETRY_S if failing else _BUSY_RETRY_S
        )

    def _has_room(self, size: int) -> bool:
        if self._spool_bytes_max is not None:  # a drain without room in memory reads the log
            return not self._spool_full(size)
        return all(drain.has_room(size) for drain in self.drains.values())

    def _spool_full(self, size: int) -> bool:
        return self._spool_bytes_max is not None and self.undelivered_bytes + size > self._spool_bytes_max

    # -- how it is -----------------------------------------------------------------------------------------------

    @property
    def waiting_bytes(self) -> int:
        """Encoded bytes of the records held in memory, of the drain that holds most."""
        return max((drain.memory_bytes for drain in self.drains.values()), default=0)

    @property
    def undelivered_bytes(self) -> int:
        """Bytes of the log that the slowest drain has not delivered."""
        return self._wal.end - min((drain.position for drain in self.drains.values()), default=self._wal.end)

    @property
    def failing(self) -> str | None:
        """Which drains fail and why; None when none does."""
        found = [f"{name}: {drain.failing}" for name, drain in self.drains.items() if drain.failing is not None]
        return "; ".join(found) or None

    @property
    def full(self) -> bool:
        """Whether requests like the last are refused."""
        if self._spool_bytes_max is not None:
            return self._spool_full(max(1, self._refused_bytes))
        return self.failing is not None

    @property
    def spool_bytes_max(self) -> int | None:
        """What may be in the log and not yet delivered; None where memory is the bound."""
        return self._spool_bytes_max

    def log_bytes(self) -> int:
        """Bytes of the log on disk."""
        return self._wal.bytes_kept()

    def statuses(self) -> list[DrainStatus]:
        """How far every drain is."""
        with self._changed:
            return [
                DrainStatus(
                    name=name,
                    waiting_bytes=self._wal.end - drain.position,
                    lag_s=self._lag_s(drain.position),
                    reads_log=drain.reads_log,
                    flushes=drain.flushes,
                    flush_s=drain.flush_s,
                    failing=drain.failing,
                    failing_since_s=drain.failing_since_s,
                    numbers=drain.numbers(),
                )
                for name, drain in self.drains.items()
            ]

    def _mark(self, end: int) -> None:
        """Remember when this position was reached, to the second."""
        now_s = time.time()
        if self._marks and now_s - self._marks[-1][1] < 1.0:
            self._marks[-1] = (end, self._marks[-1][1])
        else:
            self._marks.append((end, now_s))

    def _lag_s(self, position: int) -> float:
        since_s = next((mark_s for end, mark_s in self._marks if end > position), None)
        return 0.0 if since_s is None else max(0.0, time.time() - since_s)

    # -- the end -------------------------------------------------------------------------------------------------

    def flush(self, *, timeout_s: float = 60.0) -> None:
        """Return when everything appended so far is delivered. Raises StoreError after the timeout."""
        with self._changed:
            target = self._wal.end
            for drain in self.drains.values():
                drain.flush_soon()
            self._changed.notify_all()
            delivered = self._changed.wait_for(
                lambda: all(drain.position >= target for drain in self.drains.values()), timeout_s
            )
        if not delivered:
            raise StoreError(f"not flushed within {timeout_s:g} s: {self.failing or 'still writing'}")

    def close(self, *, timeout_s: float = CLOSE_S) -> bool:
        """Deliver what can be delivered in that time and stop. The rest stays in the log for the next start.

        Whether all drains have ended; one that still waits for its sink ends with the process.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            for drain in self.drains.values():
                drain.stop(deadline=deadline)
            self._changed.notify_all()
        ended = [drain.join(deadline + 1.0 - time.monotonic()) for drain in self.drains.values()]
        if self.undelivered_bytes:
            log.warning("journal.left", bytes=self.undelivered_bytes, reason=self.failing or "no time")
        if all(ended):
            self._wal.close()
        return all(ended)

    def _release(self) -> None:
        with self._releasing:
            position = min(drain.position for drain in self.drains.values())
            self._wal.release(position)
        with self._changed:
            while self._marks and self._marks[0][0] <= position:
                self._marks.popleft()


def own(folder: Path) -> int:
    """Hold the folder's lock for this process: a descriptor to close. Raises StoreError when another has it."""
    folder.mkdir(parents=True, exist_ok=True)
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


def undelivered(folder: Path) -> dict[str, int]:
    """Bytes of the log in a data folder that each drain has not delivered, by drain; also while it runs."""
    where = folder / "wal"
    segments = sorted((int(path.stem), path.stat().st_size) for path in where.glob("*.wal"))
    if not segments:
        return {}
    first, end = segments[0][0], sum(segments[-1])
    cursors = [path for path in where.glob("cursor*") if path.suffix != ".tmp"]
    return {
        path.name.removeprefix("cursor").removeprefix(".") or "tables": max(0, end - max(first, read_cursor(path)))
        for path in sorted(cursors)
    }


def _refuse_orphans(where: Path, names: set[str], end: int) -> None:
    """Records acknowledged for a sink that is not configured any more must not be passed over in silence."""
    for path in sorted(where.glob("cursor*")):
        if path.name in names or path.suffix == ".tmp":
            continue
        left = end - read_cursor(path)
        if left > 0:
            drain = path.name.removeprefix("cursor").removeprefix(".") or "the embedded store"
            raise StoreError(
                f"the log in {where} holds {left} bytes that {drain} has not taken, and it is not configured any more; "
                f"run the collector with it once, or delete {path} to give them up"
            )
        path.unlink()
