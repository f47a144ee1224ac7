"""The tables of the state. Bodies are JSON as `causeway.wire` writes it; times are Unix ns.

A change here is a step in `causeway.state.migrations` as well, and a VERSION.
"""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 4

metadata = sa.MetaData()
_BIG = sa.BigInteger()
# SQLite counts up by itself only in a column of exactly type INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _identity() -> sa.Column[int]:
    return sa.Column("id", _ID, primary_key=True, autoincrement=True)


settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    _identity(),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("opened_ns", _BIG, nullable=False),
    sa.Column("updated_ns", _BIG, nullable=False, index=True),
    sa.Column("resolved_ns", _BIG, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

patrol_runs = sa.Table(
    "patrol_runs",
    metadata,
    _identity(),
    sa.Column("schedule", sa.Text, index=True),
    sa.Column("generated_ns", _BIG, nullable=False, index=True),
    sa.Column("score", sa.Double),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("files", sa.Text, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("last_ns", _BIG, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _identity(),
    sa.Column("forwarder", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("delivery", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("deliveries", sa.Integer, nullable=False, default=0),
    sa.Column("created_ns", _BIG, nullable=False),
    sa.Column("due_ns", _BIG, nullable=False),
    sa.Column("updated_ns", _BIG, nullable=False),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("forwarder", "key"),
    sa.Index("outbox_due", "delivery", "due_ns"),
    sqlite_autoincrement=True,
)

silences = sa.Table(
    "silences",
    metadata,
    _identity(),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("starts_ns", _BIG, nullable=False),
    sa.Column("ends_ns", _BIG, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# Minutes whose rollups an analyzer computes now, or that wait to be computed again (`until_ns` is past). again: what
# the minute depends on changed while it was computed.
rollup_leases = sa.Table(
    "rollup_leases",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("minute_ns", _BIG, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until_ns", _BIG, nullable=False),
    sa.Column("again", sa.Boolean, nullable=False),
)

# The impact factor (0-100) of each service over each hour. A row without a service says that the hour was looked at.
impact_history = sa.Table(
    "impact_history",
    metadata,
    sa.Column("hour_ns", _BIG, primary_key=True, autoincrement=False),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("impact", sa.Double, nullable=False),
)

# Series that alarmed together; body: their alarms.
anomaly_events = sa.Table(
    "anomaly_events",
    metadata,
    _identity(),
    sa.Column("start_ns", _BIG, nullable=False),
    sa.Column("last_ns", _BIG, nullable=False, index=True),
    sa.Column("lead", sa.Text, nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# One row: how far the job that finds them has come, and what it knows.
anomaly_progress = sa.Table(
    "anomaly_progress",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
