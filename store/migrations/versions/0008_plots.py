"""Indexes that the console's counts read: when runs ended and how, when events came and what they became."""

from alembic import op

revision = "0008"
down_revision = "0007"
expands = True


def upgrade() -> None:
    op.drop_index("ix_tieback_runs_finished", "tieback_runs")
    op.create_index("ix_tieback_runs_finished", "tieback_runs", ["finished_at", "state"])
    op.create_index("ix_tieback_events_created", "tieback_events", ["created_at", "state"])
