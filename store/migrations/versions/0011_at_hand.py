"""What people do while work goes on: drain a lane or a worker, limit a lane, test a run through a pause, choose a version."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0011"
down_revision = "0010"
expands = True


def upgrade() -> None:
    op.add_column("tieback_pauses", sa.Column("kind", sa.String(length=64), nullable=False, server_default="pause"))
    op.create_table(
        "tieback_limits",
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("lane"),
    )
    op.create_table(
        "tieback_drains",
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("ends", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("holder"),
    )
    for table in ("tieback_runs", "tieback_fetches"):
        op.add_column(table, sa.Column("through", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("tieback_automations", sa.Column("held", Json, nullable=True))
    with op.batch_alter_table("tieback_automations") as automations:
        automations.add_column(sa.Column("offered_id", Key, nullable=True))
        automations.create_foreign_key("fk_tieback_automations_offered", "tieback_versions", ["offered_id"], ["id"])
