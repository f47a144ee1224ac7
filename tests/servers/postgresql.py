"""A real PostgreSQL on loopback: stopped and started again at will, with a fresh database for whoever asks."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers import missing
from tests.servers.ports import free_port
from tests.servers.process import Child, running

PROGRAMS = Path("/usr/lib/postgresql")
USER = "causeway"
PASSWORD = "not a secret"
# PostgreSQL refuses to run as root; this user is on every Debian and owns nothing.
_UNPRIVILEGED = "nobody"
_SETTINGS = ("listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "max_connections=60")


@dataclass(slots=True)
class Postgresql:
    """One server: its port, its folder, and the process while it runs."""

    port: int
    folder: Path
    child: Child | None = None
    _names: Iterator[int] = field(default_factory=itertools.count)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"db{next(self._names)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def start(self) -> None:
        """Start it with the data it had; return when it answers."""
        options = [part for setting in _SETTINGS for part in ("-c", setting)]
        data = self.folder / "data"
        program = [_programs() / "postgres", "-D", data, "-p", str(self.port), "-k", self.folder, *options]
        self.child = self._stack.enter_context(
            running([*_as_unprivileged(), *program], folder=self.folder, name="postgresql")
        )
        self.child.wait_for(self._answers, what="PostgreSQL to answer")

    def stop(self, *, by: signal.Signals = signal.SIGINT) -> None:
        """End it (SIGINT: sessions are cut at once); its data stays."""
        if self.child is not None:
            self.child.stop(by=by)
        self._stack.close()
        self.child = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A server of our own for as long as the block lasts. The test is skipped, or fails, where it is missing."""
    if not PROGRAMS.is_dir():
        missing(f"no PostgreSQL in {PROGRAMS}: run `make servers`")
    folder = Path(tempfile.mkdtemp(prefix="causeway-pg-"))
    password = folder / "password"
    password.write_text(PASSWORD)
    server = Postgresql(free_port(), folder)
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam(_UNPRIVILEGED)
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(folder)], check=True)
        initialise = [*_as_unprivileged(), _programs() / "initdb", "-D", folder / "data", "-U", USER]
        options = ["-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*map(str, initialise), *options], check=True, cwd=folder, capture_output=True)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    return max(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))


def _as_unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_UNPRIVILEGED)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
