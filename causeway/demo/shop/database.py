"""The databases of the shop: SQLite files, asked through client spans."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from opentelemetry.trace import SpanKind

from causeway.demo.shop import plan
from causeway.demo.shop.telemetry import Telemetry

BUSY_TIMEOUT_S = 3.0
_ORDERS_KEPT = 5000
_TABLES = """
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT, price_cents INTEGER, stock INTEGER, rank REAL);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT, total_cents INTEGER, placed_at REAL);
"""


def create(path: Path) -> None:
    """Make the tables and fill the catalogue; a file that is there already is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path, timeout=BUSY_TIMEOUT_S) as connection:
        connection.executescript(_TABLES)
        rows = [(n, f"Product {n}", 199 + n * 7 % 9000, n % 50 + 1, n * 37 % 900 / 900) for n in plan.PRODUCTS]
        connection.executemany("INSERT OR IGNORE INTO products VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()


class Database:
    """One SQLite file, a connection per thread."""

    def __init__(self, name: str, path: Path, telemetry: Telemetry) -> None:
        self._name, self._path, self._telemetry = name, path, telemetry
        self._local = threading.local()

    def run(self, query: plan.Query, parameters: dict[str, str], extra_s: float) -> int:
        """The number of rows. `extra_s`: what a larger database would take longer; spent inside the call."""
        attributes = {
            "db.system.name": "sqlite",
            "db.namespace": self._name,
            "db.operation.name": query.verb,
            "db.collection.name": query.table,
            "db.query.text": query.sql,
            "server.address": self._name,
        }
        title = f"{query.verb} {query.table}"
        with self._telemetry.tracer.start_as_current_span(title, kind=SpanKind.CLIENT, attributes=attributes):
            connection = self._connection()
            rows = connection.execute(query.sql, _values(query, parameters)).fetchall()
            if query.verb == "INSERT":
                connection.execute(
                    "DELETE FROM orders WHERE rowid < (SELECT max(rowid) FROM orders) - ?", (_ORDERS_KEPT,)
                )
            connection.commit()
            time.sleep(extra_s)
            return len(rows)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)
            connection.execute("PRAGMA synchronous = OFF")
        return connection


def _values(query: plan.Query, parameters: dict[str, str]) -> tuple[str | int | float, ...]:
    if query.verb == "INSERT":
        return (parameters["order"], parameters["user"], 4200, time.time())
    return (int(parameters["id"]),) if "?" in query.sql else ()


def hold_locked(path: Path, *, hold_s: float, pause_s: float, stop: threading.Event) -> None:
    """Lock the file for everybody again and again, as a badly placed report or backup does."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    while not stop.is_set():
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            continue
        stop.wait(hold_s)
        connection.execute("COMMIT")
        stop.wait(pause_s)
    connection.close()
