"""One leader among all who work on the same state.

Over PostgreSQL the leader holds an advisory lock in a session of its own: the server frees it when the session ends,
however it ends, and also when the leader's machine went silent. Over SQLite it holds a lock on a file beside the
state, which the system frees when the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from causeway.errors import StoreError
from causeway.state.database import Database

LOCK_NAME = "leader.lock"
# Any number will do that nobody else takes in the same database.
_LEADER_LOCK = 0x0CA0_5E3A_0002


class Leadership:
    """Whether this process leads. For any thread; close it to step down."""

    def __init__(self, database: Database) -> None:
        self._lock = threading.Lock()
        self._keeper: _Session | _File
        self._keeper = _Session(database) if database.is_postgresql else _File(_lock_path(database))

    def leads(self) -> bool:
        """Whether this process leads now: asked of the lock's keeper, not remembered; becomes leader if nobody is.

        False, never an error, where the keeper does not answer.
        """
        with self._lock:
            return self._keeper.held()

    def close(self) -> None:
        """Step down, if leading."""
        with self._lock:
            self._keeper.release()


def _lock_path(database: Database) -> Path | None:
    name = database.url.database
    return None if not name or name == ":memory:" else Path(name).parent / LOCK_NAME


class _Session:
    """An advisory lock of a PostgreSQL session that does nothing else; the session stays while others lead."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stack = contextlib.ExitStack()
        self._connection: sa.Connection | None = None
        self._held = False

    def held(self) -> bool:
        try:
            if self._connection is None:
                self._connection = self._stack.enter_context(self._database.session())
            if self._held:
                self._connection.exec_driver_sql("SELECT 1")
            else:
                taken = self._connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LEADER_LOCK})")
                self._held = bool(taken.scalar())
        except (StoreError, sa.exc.SQLAlchemyError):
            self.release()  # the lock went with the session, and there is nobody to ask: not the leader
        return self._held

    def release(self) -> None:
        connection, self._connection, self._held = self._connection, None, False
        with contextlib.suppress(StoreError, sa.exc.SQLAlchemyError):
            if connection is not None:
                connection.invalidate()  # ends the session itself rather than keeping it for others
        with contextlib.suppress(StoreError, sa.exc.SQLAlchemyError):
            self._stack.close()


class _File:
    """A lock on a file. A state in memory has nobody to share it with."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def held(self) -> bool:
        if self._path is None or self._file is not None:
            return True
        try:
            file = self._path.open("ab")
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
