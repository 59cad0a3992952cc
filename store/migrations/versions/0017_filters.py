"""Indexes of the console's filters: runs of a state, a project or a day among a million."""

from alembic import op

revision = "0017"
down_revision = "0016"
expands = True


def upgrade() -> None:
    op.drop_index("ix_tieback_runs_state", "tieback_runs")
    op.create_index("ix_tieback_runs_state", "tieback_runs", ["state", "id", "created_at", "event_id"])
    op.create_index("ix_tieback_runs_created", "tieback_runs", ["created_at"])
    op.create_index("ix_tieback_events_project", "tieback_events", ["project_id", "id"])
