"""The trace that an event belongs to, carried to its reads and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
expands = True


def upgrade() -> None:
    op.add_column("tieback_events", sa.Column("traceparent", sa.String(length=64), nullable=True))
