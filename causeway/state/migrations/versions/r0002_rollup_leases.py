"""Which analyzer computes the rollups of which minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rollup_leases",
        sa.Column("store", sa.Text, primary_key=True),
        sa.Column("minute_ns", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
        sa.Column("again", sa.Boolean, nullable=False),
    )
