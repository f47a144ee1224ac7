"""Brings the tables of a state up to what this version of Causeway works with, step by step.

Each step is a file in `versions` and has a number; `tables.VERSION` is the last one. The number that a database has
reached stands in `settings` (`version`, which every older Causeway reads as well) and in Alembic's own table. A state
from before the first migration has the tables of step 1 and is taken for that.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from causeway.errors import StoreError
from causeway.state import tables

FOLDER = Path(__file__).parent


def version(connection: sa.Connection) -> int | None:
    """The step that the tables have reached, None where there are none."""
    if not sa.inspect(connection).has_table("settings"):
        return None
    found = connection.scalar(sa.select(tables.settings.c.value).where(tables.settings.c.name == "version"))
    return None if found is None else int(found)


def upgrade(connection: sa.Connection, *, shown: str) -> None:
    """Take the missing steps in the transaction of the connection, which must hold the write lock.

    Raises StoreError when the tables are those of a newer Causeway; `shown` names the place.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    found = version(connection)
    refuse_newer(found, shown=shown)
    if found == tables.VERSION:
        return  # another process was quicker
    scripts = ScriptDirectory(str(FOLDER))
    running = MigrationContext.configure(connection)
    if found is not None and running.get_current_revision() is None:
        running.stamp(scripts, f"{found:04}")
    options = {"fn": lambda reached, _context: scripts._upgrade_revs("head", reached)}
    with EnvironmentContext(Config(), scripts, **options) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    _note(connection)


def refuse_newer(found: int | None, *, shown: str) -> None:
    """Raises StoreError when the tables have taken steps that this Causeway does not know."""
    if found is not None and found > tables.VERSION:
        raise StoreError(
            f"the state at {shown} was written by a newer Causeway (version {found}, we know {tables.VERSION}); "
            "upgrade this one"
        )


def _note(connection: sa.Connection) -> None:
    settings, reached = tables.settings, str(tables.VERSION)
    changed = connection.execute(settings.update().where(settings.c.name == "version").values(value=reached))
    if changed.rowcount == 0:
        connection.execute(settings.insert().values(name="version", value=reached))
