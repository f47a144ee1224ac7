"""What Causeway remembers besides telemetry: incidents, patrol runs, schedules, the outbox, silences, impacts,
anomalies."""

from __future__ import annotations

from pathlib import Path

from causeway.state.anomalies import AnomalyRow, AnomalyState
from causeway.state.database import Database
from causeway.state.impacts import ImpactMark, ImpactState
from causeway.state.incidents import IncidentState
from causeway.state.leader import Leadership
from causeway.state.outbox import OutboxState
from causeway.state.patrols import PatrolState
from causeway.state.records import Delivery, OutboxRow, PatrolMark, PatrolRun, Silence
from causeway.state.rollups import RollupLease, RollupState
from causeway.state.silences import SilenceState

__all__ = [
    "AnomalyRow",
    "Delivery",
    "ImpactMark",
    "Leadership",
    "OutboxRow",
    "PatrolMark",
    "PatrolRun",
    "RollupLease",
    "Silence",
    "State",
    "open_state",
]


class State(IncidentState, PatrolState, OutboxState, SilenceState, RollupState, ImpactState, AnomalyState):
    """The whole state. Safe from many threads and processes at once; each call is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def location(self) -> str:
        """Where the state lies, without any password."""
        return self._database.shown

    def leadership(self) -> Leadership:
        """A part in the election of the one leader among all who work on this state; for the caller to close."""
        return Leadership(self._database)

    def close(self) -> None:
        """Give back connections and files."""
        self._database.close()


def open_state(location: Path | str) -> State:
    """The state of a data folder (`DIR/state.sqlite`), an SQLite file or a database URL; made if missing.

    Raises StoreError when it cannot be opened, ConfigError when the URL needs a driver that is not installed.
    """
    return State(Database(location))
