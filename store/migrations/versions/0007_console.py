"""People who sign in, their sessions, and what they paused or acknowledged; indexes for the console's lists."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0007"
down_revision = "0006"
expands = True


def upgrade() -> None:
    op.create_table(
        "tieback_users",
        sa.Column("id", Key, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("companies", Json, nullable=True),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("totp", sa.Text(), nullable=True),
        sa.Column("totp_used", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("signed_in_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tieback_sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("said", Json, nullable=True),
        sa.Column("draft", Json, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["tieback_users.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_tieback_sessions_user_id", "tieback_sessions", ["user_id"])
    op.create_table(
        "tieback_attempts",
        sa.Column("id", Key, nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tieback_attempts_subject", "tieback_attempts", ["subject", "at"])
    op.create_table(
        "tieback_pauses",
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("lane"),
    )
    op.create_table(
        "tieback_causes",
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("cause"),
    )
    # What the console's lists and plots ask for: one state, one automation, one day.
    op.create_index("ix_tieback_runs_state", "tieback_runs", ["state", "id"])
    op.create_index("ix_tieback_runs_finished", "tieback_runs", ["finished_at"])
    op.create_index("ix_tieback_effects_state", "tieback_effects", ["state", "id"])
