"""Who computes the rollups of which minute: leases that run out, so that a minute is never left half done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from causeway.state.database import Database
from causeway.state.tables import rollup_leases

# Expired at any time: the minute waits for whoever comes first.
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class RollupLease:
    """One row: a minute that `owner` computes until `until_ns`, or that waits to be computed (again)."""

    minute_ns: int
    owner: str
    until_ns: int


class RollupState:
    """The leases' part of the state. `store` names the place whose minutes these are."""

    _database: Database

    def rollup_waiting(self, store: str, *, now_ns: int, limit: int = 10_000) -> list[int]:
        """Minutes marked to be computed again and minutes whose owner went away, newest first."""
        query = sa.select(rollup_leases.c.minute_ns).where(_of(store), rollup_leases.c.until_ns <= now_ns)
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(rollup_leases.c.minute_ns.desc()).limit(limit)))

    def rollup_leases(self, store: str) -> list[RollupLease]:
        """All leases, by minute: for people to look at."""
        columns = (rollup_leases.c.minute_ns, rollup_leases.c.owner, rollup_leases.c.until_ns)
        query = sa.select(*columns).where(_of(store)).order_by(rollup_leases.c.minute_ns)
        with self._database.reading() as connection:
            return [RollupLease(*row) for row in connection.execute(query)]

    def lease_minutes(
        self, store: str, minutes: Sequence[int], *, owner: str, now_ns: int, until_ns: int, limit: int
    ) -> list[int]:
        """The first `limit` of these minutes that nobody else holds, now held by `owner`; in the order given."""
        with self._database.writing() as connection:
            known = sa.select(rollup_leases.c.minute_ns, rollup_leases.c.until_ns)
            known = known.where(_of(store), rollup_leases.c.minute_ns.in_(minutes))
            held = {row.minute_ns: row.until_ns for row in connection.execute(known)}
            taken = [minute for minute in minutes if held.get(minute, 0) <= now_ns][:limit]
            given = {"owner": owner, "until_ns": until_ns, "again": False}
            again = [minute for minute in taken if minute in held]
            if again:
                changed = rollup_leases.update().where(_of(store), rollup_leases.c.minute_ns.in_(again))
                connection.execute(changed.values(given))
            fresh = [{"store": store, "minute_ns": minute, **given} for minute in taken if minute not in held]
            if fresh:
                connection.execute(rollup_leases.insert(), fresh)
        return taken

    def mark_minutes(self, store: str, minutes: Iterable[int]) -> None:
        """What these minutes depend on changed: they are computed again, those being computed as well."""
        with self._database.writing() as connection:
            for minute in sorted(set(minutes)):
                row = (_of(store), rollup_leases.c.minute_ns == minute)
                if connection.execute(rollup_leases.update().where(*row).values(again=True)).rowcount == 0:
                    values = {"store": store, "minute_ns": minute, "owner": _NOBODY, "until_ns": 0, "again": False}
                    connection.execute(rollup_leases.insert().values(values))

    def extend_minutes(self, store: str, minutes: Sequence[int], *, owner: str, until_ns: int) -> None:
        """Hold these minutes longer, as far as they are still held."""
        row = (_of(store), rollup_leases.c.minute_ns.in_(minutes), rollup_leases.c.owner == owner)
        with self._database.writing() as connection:
            connection.execute(rollup_leases.update().where(*row).values(until_ns=until_ns))

    def release_minutes(self, store: str, minutes: Sequence[int], *, owner: str, done: bool = True) -> None:
        """Give the minutes back. Those not `done`, and those marked meanwhile, wait to be computed again."""
        rows = (_of(store), rollup_leases.c.minute_ns.in_(minutes), rollup_leases.c.owner == owner)
        with self._database.writing() as connection:
            if done:
                connection.execute(rollup_leases.delete().where(*rows, rollup_leases.c.again.is_(False)))
            waiting = {"owner": _NOBODY, "until_ns": 0, "again": False}
            connection.execute(rollup_leases.update().where(*rows).values(waiting))


def _of(store: str) -> sa.ColumnElement[bool]:
    return rollup_leases.c.store == store
