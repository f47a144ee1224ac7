"""A connection to the state's database: SQLite shared by several processes, or PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from causeway.errors import ConfigError, StoreError
from causeway.state import tables

FILE_NAME = "state.sqlite"
BUSY_TIMEOUT_MS = 10_000
_SUFFIXES = (".sqlite", ".sqlite3", ".db")


class Database:
    """Short transactions over one engine. Errors of the database become StoreError."""

    def __init__(self, location: Path | str) -> None:
        self.url = _url(location)
        try:
            engine = sa.create_engine(self.url)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(f"the state at {self.shown} needs a database driver: {error}") from error
        if self.url.get_backend_name() == "sqlite":
            sa.event.listen(engine, "connect", _configure_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
        self._engine = engine
        self._writing = engine.execution_options(causeway_writes=True)
        self._prepare()

    @property
    def shown(self) -> str:
        """The location without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its start and commits at the end of the block."""
        with self._translated(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back the connections and files."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(f"the state at {self.shown} does not answer: {cause}") from error

    def _prepare(self) -> None:
        with self.writing() as connection:
            tables.metadata.create_all(connection)
            found = connection.scalar(sa.select(tables.settings.c.value).where(tables.settings.c.name == "version"))
            if found is None:
                connection.execute(tables.settings.insert().values(name="version", value=str(tables.VERSION)))
            elif int(found) > tables.VERSION:
                raise StoreError(
                    f"the state at {self.shown} was written by a newer Causeway (version {found}, "
                    f"we know {tables.VERSION}); upgrade this one"
                )


def _url(location: Path | str) -> sa.URL:
    if isinstance(location, str) and "://" in location:
        return sa.make_url(location)
    path = Path(location)
    if path.suffix not in _SUFFIXES:
        path = path / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"no folder for the state at {path.parent}: {error}") from error
    return sa.URL.create("sqlite", database=str(path))


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A reader that turned into a writer would fail without waiting when another process wrote meanwhile.
    writes = connection.get_execution_options().get("causeway_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
