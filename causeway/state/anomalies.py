"""Events of unusual series, and how far the analyzer that looks for them has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from causeway.state.database import Database
from causeway.state.tables import anomaly_events, anomaly_progress

EVENTS_MAX = 1000
_PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    """One event. body: its alarms, as the analysis wrote them. id: None for one that is not kept yet."""

    start_ns: int
    last_ns: int
    lead: str
    score: float
    body: Mapping[str, Any]
    id: int | None = None


class AnomalyState:
    """The anomalies' part of the state."""

    _database: Database

    def put_anomalies(
        self, rows: Iterable[AnomalyRow], progress: Mapping[str, Any], *, gone: Iterable[int] = (), before_ns: int = 0
    ) -> list[int]:
        """Keep new events, replace those with an id, delete the `gone` and those that ended before `before_ns`.

        Returns the id of each of the rows.
        """
        table = anomaly_events
        ids = []
        with self._database.writing() as connection:
            connection.execute(table.delete().where(sa.or_(table.c.id.in_(list(gone)), table.c.last_ns < before_ns)))
            for row in rows:
                values = {
                    "start_ns": row.start_ns,
                    "last_ns": row.last_ns,
                    "lead": row.lead,
                    "score": row.score,
                    "body": orjson.dumps(row.body).decode(),
                }
                if row.id is None:
                    made = connection.execute(table.insert().values(values)).inserted_primary_key
                    ids.append(int(made[0]) if made is not None else 0)
                else:
                    connection.execute(table.update().where(table.c.id == row.id).values(values))
                    ids.append(row.id)
            connection.execute(anomaly_progress.delete())
            body = orjson.dumps(progress).decode()
            connection.execute(anomaly_progress.insert().values(name=_PROGRESS, body=body))
        return ids

    def anomaly_rows(self, start_ns: int, end_ns: int, *, limit: int = EVENTS_MAX) -> list[AnomalyRow]:
        """The events with a part in [start, end), the highest score first, then the latest."""
        table = anomaly_events
        query = sa.select(table).where(table.c.last_ns >= start_ns, table.c.start_ns < end_ns)
        query = query.order_by(table.c.score.desc(), table.c.last_ns.desc(), table.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_row(found) for found in connection.execute(query)]

    def anomaly_row(self, event_id: int) -> AnomalyRow | None:
        """The event with that number, None when there is none (any more)."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(anomaly_events).where(anomaly_events.c.id == event_id)).one_or_none()
        return None if found is None else _row(found)

    def anomaly_progress(self) -> Mapping[str, Any] | None:
        """What the job last said of itself; None where it never ran."""
        with self._database.reading() as connection:
            body = connection.scalar(sa.select(anomaly_progress.c.body))
        return None if body is None else orjson.loads(body)


def _row(found: sa.Row[Any]) -> AnomalyRow:
    body = orjson.loads(found.body)
    return AnomalyRow(found.start_ns, found.last_ns, found.lead, found.score, body, found.id)
