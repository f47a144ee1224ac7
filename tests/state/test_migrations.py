"""The tables of a state come to be, and grow, by steps that every version can follow."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hatchling.builders.wheel import WheelBuilder

from causeway.state import migrations, open_state, tables

HOME = Path(__file__).resolve().parents[2]
# The tables of the first installations, with a schedule and a message in them.
FIRST = Path(__file__).parent / "data" / "first_state.sql"


def test_steps_make_the_tables_that_the_code_works_with(place):
    """Nothing is missing, nothing is left over."""
    state = open_state(place)
    with state._database.writing() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        assert (
            context.get_current_revision()
            == f"{tables.VERSION:04}"
            == ScriptDirectory(str(migrations.FOLDER)).get_current_head()
        )
        assert migrations.version(connection) == tables.VERSION
    state.close()


def test_first_installations_go_on_with_what_they_have(tmp_path):
    """A state from before the first step keeps its rows and gets what is new."""
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(FIRST.read_text())
    old.close()
    for _ in range(2):
        state = open_state(path)
        assert state.last_run("x") == 3
        assert [row.payload for row in state.due(1)] == [{"n": 1}]
        assert state.rollup_waiting("es", now_ns=1) == []
        with state._database.writing() as connection:
            assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        state.close()


def test_many_that_open_an_empty_place_at_once_make_its_tables_once(place):
    """Whoever comes second finds the tables made."""
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: open_state(place), range(6)))
    for place_in_line, state in enumerate(opened):
        assert state.enqueue("am", str(place_in_line), {}, now_ns=1)
        state.close()


def test_a_step_that_fails_leaves_everything_as_it_was(place, monkeypatch):
    """Steps are taken in one transaction, so that another try starts from where this one did."""

    def broken(*_args, **_kwargs):
        raise RuntimeError("the power went off")

    monkeypatch.setattr("causeway.state.migrations._note", broken)
    with pytest.raises(RuntimeError, match="power"):
        open_state(place)
    monkeypatch.undo()
    state = open_state(place)
    with state._database.reading() as connection:
        assert sa.inspect(connection).has_table("rollup_leases")
    state.close()


def test_wheel_holds_the_steps():
    """An installed Causeway can take them too."""
    held = {file.distribution_path for file in WheelBuilder(str(HOME)).recurse_included_files()}
    steps = {
        f"causeway/state/migrations/versions/{path.name}" for path in (migrations.FOLDER / "versions").glob("*.py")
    }
    assert len(steps) > tables.VERSION and steps <= held
