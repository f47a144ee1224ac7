"""Incidents: opened, kept up to date, resolved. Each method is one short transaction."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import sqlalchemy as sa

from causeway.errors import StoreError
from causeway.findings import Diagnosis, Incident, Message, Verdict
from causeway.state.database import Database
from causeway.state.tables import incidents
from causeway.wire import from_json, to_json


class IncidentState:
    """The incidents' part of the state."""

    _database: Database

    def incidents(
        self, *, open_only: bool = False, limit: int = 100, changed_since_ns: int | None = None
    ) -> list[Incident]:
        """Newest first. `changed_since_ns` keeps those updated at or after that instant."""
        query = sa.select(incidents.c.body).order_by(incidents.c.opened_ns.desc(), incidents.c.id.desc()).limit(limit)
        if open_only:
            query = query.where(incidents.c.resolved_ns.is_(None))
        if changed_since_ns is not None:
            query = query.where(incidents.c.updated_ns >= changed_since_ns)
        with self._database.reading() as connection:
            bodies = list(connection.scalars(query))
        return [_incident(body) for body in bodies]

    def incident(self, incident_id: int) -> Incident | None:
        """The incident with that number, None when there is none."""
        with self._database.reading() as connection:
            body = connection.scalar(sa.select(incidents.c.body).where(incidents.c.id == incident_id))
        return None if body is None else _incident(body)

    def incidents_changed_ns(self) -> int | None:
        """The instant of the last change to any incident; cheap, for pollers. None if there is none."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.max(incidents.c.updated_ns)))

    def open_incident(
        self,
        *,
        entity: str,
        verdict: Verdict,
        summary: Message,
        diagnosis: Diagnosis,
        now_ns: int,
        opened_ns: int | None = None,
        impact: float | None = None,
    ) -> Incident:
        """A new incident, which began at `opened_ns` (now if not given), with the next free number."""
        incident = Incident(
            id=0,
            entity=entity,
            verdict=verdict,
            summary=summary,
            opened_ns=now_ns if opened_ns is None else opened_ns,
            updated_ns=now_ns,
            resolved_ns=None,
            impact=impact,
            diagnosis=diagnosis,
        )
        with self._database.writing() as connection:
            inserted = connection.execute(incidents.insert().values(**_columns(incident)))
            key = inserted.inserted_primary_key
            assert key is not None
            incident = dataclasses.replace(incident, id=int(key[0]))
            _write(connection, incident)
        return incident

    def update_incident(
        self,
        incident_id: int,
        *,
        now_ns: int,
        verdict: Verdict | None = None,
        summary: Message | None = None,
        impact: float | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> Incident:
        """The incident with what is given replaced. Raises StoreError when there is no such incident."""
        given = {"verdict": verdict, "summary": summary, "impact": impact, "diagnosis": diagnosis}
        changes = {name: value for name, value in given.items() if value is not None}
        return self._change(incident_id, {**changes, "updated_ns": now_ns})

    def resolve_incident(self, incident_id: int, *, now_ns: int) -> Incident:
        """The incident, over since `now_ns`. Resolving twice keeps the first instant."""
        return self._change(incident_id, {"updated_ns": now_ns, "resolved_ns": now_ns})

    def _change(self, incident_id: int, changes: dict[str, Any]) -> Incident:
        with self._database.writing() as connection:
            body = connection.scalar(sa.select(incidents.c.body).where(incidents.c.id == incident_id))
            if body is None:
                raise StoreError(f"there is no incident {incident_id} in the state at {self._database.shown}")
            before = _incident(body)
            if before.resolved_ns is not None and "resolved_ns" in changes:
                return before
            incident = dataclasses.replace(before, **changes)
            _write(connection, incident)
        return incident


def _incident(body: str) -> Incident:
    return from_json(Incident, orjson.loads(body))


def _columns(incident: Incident) -> dict[str, Any]:
    return {
        "entity": incident.entity,
        "verdict": incident.verdict.value,
        "opened_ns": incident.opened_ns,
        "updated_ns": incident.updated_ns,
        "resolved_ns": incident.resolved_ns,
        "body": orjson.dumps(to_json(incident)).decode(),
    }


def _write(connection: sa.Connection, incident: Incident) -> None:
    connection.execute(incidents.update().where(incidents.c.id == incident.id).values(**_columns(incident)))
