"""The impact factor of each service, hour by hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from causeway.state.database import Database
from causeway.state.tables import impact_history
from causeway.window import HOUR_NS

# Five weeks: this hour can be compared with that of the same day a month ago.
KEPT_NS = 35 * 24 * HOUR_NS
# A row that says that an hour was looked at, whatever was found; no service has an empty name.
_LOOKED = ""


@dataclass(frozen=True, slots=True)
class ImpactMark:
    """One service's factor (0-100) over the hour that begins at `hour_ns`."""

    hour_ns: int
    service: str
    impact: float


class ImpactState:
    """The impacts' part of the state."""

    _database: Database

    def add_impacts(self, hour_ns: int, impacts: Mapping[str, float]) -> None:
        """Keep the factors of one hour, in place of those it had; what is older than KEPT_NS is forgotten."""
        rows = [{"hour_ns": hour_ns, "service": name, "impact": float(impact)} for name, impact in impacts.items()]
        rows.append({"hour_ns": hour_ns, "service": _LOOKED, "impact": 0.0})
        of_hour = impact_history.c.hour_ns
        with self._database.writing() as connection:
            connection.execute(impact_history.delete().where(sa.or_(of_hour == hour_ns, of_hour < hour_ns - KEPT_NS)))
            connection.execute(impact_history.insert(), rows)

    def impact_hours(self, start_ns: int, end_ns: int) -> set[int]:
        """The beginnings of the hours in [start, end) that were looked at."""
        chosen = sa.select(impact_history.c.hour_ns).where(
            impact_history.c.service == _LOOKED, _within(start_ns, end_ns)
        )
        with self._database.reading() as connection:
            return set(connection.scalars(chosen))

    def impact_history(self, start_ns: int, end_ns: int, *, service: str | None = None) -> list[ImpactMark]:
        """The factors of the hours that begin in [start, end), by hour and service."""
        mine = impact_history.c.service != _LOOKED if service is None else impact_history.c.service == service
        columns = (impact_history.c.hour_ns, impact_history.c.service, impact_history.c.impact)
        query = sa.select(*columns).where(mine, _within(start_ns, end_ns)).order_by(*columns[:2])
        with self._database.reading() as connection:
            return [ImpactMark(*row) for row in connection.execute(query)]


def _within(start_ns: int, end_ns: int) -> sa.ColumnElement[bool]:
    return sa.and_(impact_history.c.hour_ns >= start_ns, impact_history.c.hour_ns < end_ns)
