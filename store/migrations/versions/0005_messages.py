"""Messages that wait for a digest, counters of rules, and a way from a destination to its last effects."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0005"
down_revision = "0004"
expands = True


def upgrade() -> None:
    op.create_table(
        "tieback_gathered",
        sa.Column("id", Key, nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("bundle", sa.String(length=200), nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("automation", sa.String(length=200), nullable=False),
        sa.Column("destination", sa.String(length=200), nullable=False),
        sa.Column("message", Json, nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("gathered_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("effect_key"),
        sa.ForeignKeyConstraint(["run_id"], ["tieback_runs.id"]),
    )
    unsent = sa.text("sent_at IS NULL")
    op.create_index("ix_tieback_gathered_run_id", "tieback_gathered", ["run_id"])
    op.create_index(
        "ix_tieback_gathered_unsent", "tieback_gathered", ["bundle", "id"], sqlite_where=unsent, postgresql_where=unsent
    )
    op.create_table(
        "tieback_counters",
        sa.Column("series", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("series"),
    )
    op.create_index("ix_tieback_counters_name", "tieback_counters", ["name"])
    op.create_index("ix_tieback_effects_target", "tieback_effects", ["target", "id"])
