"""The impact factor of each service, hour by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "impact_history",
        sa.Column("hour_ns", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("impact", sa.Double, nullable=False),
    )
