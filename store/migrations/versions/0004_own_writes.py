"""Own writes, caps, plans of hooks; what a step asks of an import."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0004"
down_revision = "0003"
expands = True


def upgrade() -> None:
    op.add_column("tieback_imports", sa.Column("options", Json, nullable=True))
    op.create_table(
        "tieback_own_writes",
        sa.Column("id", Key, nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("automation", sa.String(length=200), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("company_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=False),
        sa.Column("hop", sa.Integer(), nullable=False),
        sa.Column("path", Json, nullable=False),
        sa.Column("record_hash", sa.String(length=64), nullable=True),
        sa.Column("body", Json, nullable=True),
        sa.Column("said_at", Instant(), nullable=True),
        sa.Column("event_id", Key, nullable=True),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("effect_key", "record_id", name="ux_tieback_own_writes_effect"),
    )
    op.create_index("ix_tieback_own_writes_record", "tieback_own_writes", ["company_id", "record_id", "at"])
    op.create_index("ix_tieback_own_writes_parent", "tieback_own_writes", ["company_id", "parent_id", "at"])
    op.create_index("ix_tieback_own_writes_at", "tieback_own_writes", ["at"])
    op.create_table(
        "tieback_spent",
        sa.Column("id", Key, nullable=False),
        sa.Column("automation", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("automation", "kind", "effect_key", name="ux_tieback_spent_effect"),
    )
    op.create_index("ix_tieback_spent_window", "tieback_spent", ["automation", "kind", "at"])
    op.create_index("ix_tieback_spent_at", "tieback_spent", ["at"])
    op.create_table(
        "tieback_hook_plans",
        sa.Column("id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("changes", Json, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
