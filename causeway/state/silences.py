"""Silences: people asked not to be told about an entity for a while."""

from __future__ import annotations

import sqlalchemy as sa

from causeway.errors import ConfigError
from causeway.state.database import Database
from causeway.state.records import Silence
from causeway.state.tables import silences


class SilenceState:
    """The silences' part of the state."""

    _database: Database

    def silence(self, entity: str, *, starts_ns: int, ends_ns: int, comment: str = "", author: str = "") -> Silence:
        """A new silence. Raises ConfigError when it ends before it starts."""
        if ends_ns <= starts_ns:
            raise ConfigError(f"the silence of {entity} would end before it starts")
        values = {
            "entity": entity,
            "starts_ns": starts_ns,
            "ends_ns": ends_ns,
            "comment": comment,
            "author": author,
        }
        with self._database.writing() as connection:
            key = connection.execute(silences.insert().values(**values)).inserted_primary_key
        assert key is not None
        return Silence(int(key[0]), entity, starts_ns, ends_ns, comment, author)

    def silences(self, now_ns: int) -> list[Silence]:
        """Those in force at that instant, by number."""
        query = sa.select(silences).where(silences.c.starts_ns <= now_ns, silences.c.ends_ns > now_ns)
        with self._database.reading() as connection:
            return [Silence(**row) for row in connection.execute(query.order_by(silences.c.id)).mappings()]

    def end_silence(self, silence_id: int, *, now_ns: int) -> None:
        """The silence ends now."""
        with self._database.writing() as connection:
            connection.execute(silences.update().where(silences.c.id == silence_id).values(ends_ns=now_ns))
