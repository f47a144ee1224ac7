"""Patrol runs, newest first, and when each schedule last ran."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from causeway.findings import PatrolReport, Verdict
from causeway.state.database import Database
from causeway.state.records import PatrolMark, PatrolRun
from causeway.state.tables import patrol_runs, schedules
from causeway.wire import from_json, to_json

# A run every quarter of an hour for ten days.
RUNS_MAX = 1000


class PatrolState:
    """The patrols' part of the state."""

    _database: Database

    def patrol_runs(self, limit: int = 20, *, schedule: str | None = None) -> list[PatrolRun]:
        """The last runs with all their findings, newest first."""
        query = sa.select(patrol_runs).order_by(patrol_runs.c.generated_ns.desc(), patrol_runs.c.id.desc())
        if schedule is not None:
            query = query.where(patrol_runs.c.schedule == schedule)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [_run(row) for row in rows]

    def patrol_history(self, limit: int = 200) -> list[PatrolMark]:
        """The last runs without findings, newest first: the score's history."""
        columns = [column for column in patrol_runs.c if column.name != "report"]
        query = sa.select(*columns).order_by(patrol_runs.c.generated_ns.desc(), patrol_runs.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            PatrolMark(
                id=row.id,
                schedule=row.schedule,
                generated_ns=row.generated_ns,
                score=row.score,
                verdict=Verdict(row.verdict),
                counts=orjson.loads(row.counts),
                files=orjson.loads(row.files),
            )
            for row in rows
        ]

    def patrol_run(self, run_id: int) -> PatrolRun | None:
        """The run with that number, None when there is none (any more)."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(patrol_runs).where(patrol_runs.c.id == run_id)).one_or_none()
        return None if row is None else _run(row)

    def previous_patrol_run(self, run: PatrolRun) -> PatrolRun | None:
        """The run of the same schedule before this one, to compare with."""
        query = (
            sa.select(patrol_runs)
            .where(patrol_runs.c.id < run.id, patrol_runs.c.schedule.is_not_distinct_from(run.schedule))
            .order_by(patrol_runs.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _run(row)

    def add_patrol_run(
        self, report: PatrolReport, files: Mapping[str, str] | None = None, schedule: str | None = None
    ) -> PatrolRun:
        """Keep a run; the oldest beyond RUNS_MAX are forgotten."""
        values = {
            "schedule": schedule,
            "generated_ns": report.generated_ns,
            "score": report.score,
            "verdict": report.verdict.value,
            "counts": _text(dict(report.counts)),
            "files": _text(dict(files or {})),
            "report": _packed(_text(to_json(report))),
        }
        newest = sa.select(patrol_runs.c.id).order_by(patrol_runs.c.id.desc()).limit(RUNS_MAX)
        with self._database.writing() as connection:
            key = connection.execute(patrol_runs.insert().values(**values)).inserted_primary_key
            connection.execute(patrol_runs.delete().where(patrol_runs.c.id.not_in(newest)))
        assert key is not None
        return PatrolRun(int(key[0]), report, dict(files or {}), schedule)

    def last_run(self, schedule: str) -> int | None:
        """When that schedule last ran, None if never."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(schedules.c.last_ns).where(schedules.c.name == schedule))

    def note_run(self, schedule: str, ns: int) -> None:
        """Remember that the schedule ran at that instant."""
        with self._database.writing() as connection:
            changed = connection.execute(schedules.update().where(schedules.c.name == schedule).values(last_ns=ns))
            if changed.rowcount == 0:
                connection.execute(schedules.insert().values(name=schedule, last_ns=ns))


def _run(row: Any) -> PatrolRun:
    report = from_json(PatrolReport, orjson.loads(_unpacked(row.report)))
    return PatrolRun(row.id, report, orjson.loads(row.files), row.schedule)


def _text(content: Any) -> str:
    return orjson.dumps(content).decode()


def _packed(document: str) -> str:
    """A report says the same few sentences many times: a fifteenth of its size is left."""
    return base64.b85encode(zlib.compress(document.encode())).decode()


def _unpacked(stored: str) -> bytes:
    return stored.encode() if stored.startswith("{") else zlib.decompress(base64.b85decode(stored))
