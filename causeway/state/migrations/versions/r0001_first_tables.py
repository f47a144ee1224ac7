"""Incidents, patrols, the outbox and silences, as the first installations have them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _identity() -> sa.Column[int]:
    return sa.Column("id", _ID, primary_key=True, autoincrement=True)


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    _incidents()
    _patrols()
    _outbox()
    op.create_table(
        "silences",
        _identity(),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("starts_ns", _BIG, nullable=False),
        sa.Column("ends_ns", _BIG, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        _identity(),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("opened_ns", _BIG, nullable=False),
        sa.Column("updated_ns", _BIG, nullable=False),
        sa.Column("resolved_ns", _BIG),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incidents_updated_ns", "incidents", ["updated_ns"])
    op.create_index("ix_incidents_resolved_ns", "incidents", ["resolved_ns"])


def _patrols() -> None:
    op.create_table(
        "patrol_runs",
        _identity(),
        sa.Column("schedule", sa.Text),
        sa.Column("generated_ns", _BIG, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_patrol_runs_schedule", "patrol_runs", ["schedule"])
    op.create_index("ix_patrol_runs_generated_ns", "patrol_runs", ["generated_ns"])
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last_ns", _BIG, nullable=False),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        _identity(),
        sa.Column("forwarder", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("created_ns", _BIG, nullable=False),
        sa.Column("due_ns", _BIG, nullable=False),
        sa.Column("updated_ns", _BIG, nullable=False),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("forwarder", "key"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_due", "outbox", ["delivery", "due_ns"])
