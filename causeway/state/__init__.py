"""What Causeway remembers besides telemetry: incidents, patrol runs, schedules, the outbox, silences."""

from __future__ import annotations

from pathlib import Path

from causeway.state.database import Database
from causeway.state.incidents import IncidentState
from causeway.state.outbox import OutboxState
from causeway.state.patrols import PatrolState
from causeway.state.records import Delivery, OutboxRow, PatrolMark, PatrolRun, Silence
from causeway.state.silences import SilenceState

__all__ = ["Delivery", "OutboxRow", "PatrolMark", "PatrolRun", "Silence", "State", "open_state"]


class State(IncidentState, PatrolState, OutboxState, SilenceState):
    """The whole state. Safe from many threads and processes at once; each call is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def location(self) -> str:
        """Where the state lies, without any password."""
        return self._database.shown

    def close(self) -> None:
        """Give back connections and files."""
        self._database.close()


def open_state(location: Path | str) -> State:
    """The state of a data folder (`DIR/state.sqlite`), an SQLite file or a database URL; made if missing.

    Raises StoreError when it cannot be opened, ConfigError when the URL needs a driver that is not installed.
    """
    return State(Database(location))
