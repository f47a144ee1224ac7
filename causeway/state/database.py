"""A connection to the state's database: SQLite shared by the processes of one machine, or PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from causeway.errors import ConfigError, StoreError
from causeway.state import migrations, tables

FILE_NAME = "state.sqlite"
BUSY_TIMEOUT_MS = 10_000
_SWITCH_WAIT_S = 0.01
_SUFFIXES = (".sqlite", ".sqlite3", ".db")
_POSTGRESQL = "postgresql"
_CONNECT_TIMEOUT_S = 10
# A peer that went away without a word is noticed after this: by us, and by the server, which then frees our locks.
_SILENCE_MS = 10_000
# Any number will do that nobody else takes in the same database.
_WRITE_LOCK = 0x0CA0_5E3A_0001


class Database:
    """Short transactions over one engine. Errors of the database become StoreError."""

    def __init__(self, location: Path | str) -> None:
        self.url = _url(location)
        engine = _engine(self.url, self.shown)
        self._engine = engine
        self._reading = engine
        self._writing = engine.execution_options(causeway_writes=True)
        if self.is_postgresql:
            self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def is_postgresql(self) -> bool:
        return self.url.get_backend_name() == _POSTGRESQL

    @property
    def shown(self) -> str:
        """The location without its password."""
        shown = self.url.difference_update_query(["password"])
        return shown.set(drivername=shown.get_backend_name()).render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view."""
        with self._translated(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its start and commits at the end of the block.

        Whoever else writes waits for it; what it reads stays true until it is done.
        """
        with self._translated(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[sa.Connection]:
        """A connection for the caller alone, for as long as it is wanted; every statement is a transaction."""
        with self._translated(), self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield connection

    def close(self) -> None:
        """Give back the connections and files."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split())
            raise StoreError(f"the state at {self.shown} does not answer: {cause}") from error

    def _prepare(self) -> None:
        with self.reading() as connection:
            found = migrations.version(connection)
        migrations.refuse_newer(found, shown=self.shown)
        if found != tables.VERSION:
            with self.writing() as connection:
                migrations.upgrade(connection, shown=self.shown)


def is_url(location: Path | str) -> bool:
    """Whether that names a database rather than a place in the file system."""
    return isinstance(location, str) and "://" in location


def _url(location: Path | str) -> sa.URL:
    if isinstance(location, str) and is_url(location):
        try:
            url = sa.make_url(location)
        except ArgumentError:
            raise ConfigError("the state's URL cannot be read; write postgresql://USER@HOST/DATABASE") from None
        return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", _POSTGRESQL} else url
    path = Path(location)
    if path.suffix not in _SUFFIXES:
        path = path / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"no folder for the state at {path.parent}: {error}") from error
    return sa.URL.create("sqlite", database=str(path))


def _engine(url: sa.URL, shown: str) -> sa.Engine:
    options: dict[str, Any] = {}
    if url.get_backend_name() == _POSTGRESQL:
        options = {"pool_pre_ping": True, "connect_args": _postgresql_arguments()}
    try:
        engine = sa.create_engine(url, **options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(f"the state at {shown} needs a database driver: {error}") from error
    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    elif url.get_backend_name() == _POSTGRESQL:
        sa.event.listen(engine, "begin", _begin_postgresql)
    return engine


def _postgresql_arguments() -> dict[str, Any]:
    seconds = _SILENCE_MS // 1000
    server = {
        "lock_timeout": BUSY_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 6 * BUSY_TIMEOUT_MS,
        "tcp_keepalives_idle": seconds // 2,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": seconds // 2,
        "tcp_user_timeout": _SILENCE_MS,
    }
    return {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "application_name": "causeway",
        "keepalives_idle": seconds // 2,
        "keepalives_interval": 1,
        "keepalives_count": seconds // 2,
        "tcp_user_timeout": _SILENCE_MS,
        "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
    }


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    _write_ahead(cursor)
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to a write-ahead log. SQLite does not wait for others that switch the same file at the same time."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_SWITCH_WAIT_S)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    # A reader that turned into a writer would fail without waiting when another process wrote meanwhile.
    writes = connection.get_execution_options().get("causeway_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: sa.Connection) -> None:
    # One writer at a time, as with SQLite: what a transaction read cannot change before it writes.
    if connection.get_execution_options().get("causeway_writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
