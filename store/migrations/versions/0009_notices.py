"""Alerts with a severity and an end that must last, and the notices that tell destinations of them."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Key

revision = "0009"
down_revision = "0008"
expands = False


def upgrade() -> None:
    with op.batch_alter_table("tieback_alerts") as alerts:
        alerts.add_column(sa.Column("severity", sa.String(length=64), nullable=False, server_default="ticket"))
        alerts.add_column(sa.Column("runbook", sa.Text(), nullable=True))
        alerts.add_column(sa.Column("over_at", Instant(), nullable=True))
        alerts.add_column(sa.Column("times", sa.Integer(), nullable=False, server_default="0"))
    # Of what two looks noted at once only the newest stays open, so that the index below can be made.
    op.execute(
        "UPDATE tieback_alerts SET state = 'resolved', resolved_at = since WHERE state = 'open' AND id NOT IN "
        "(SELECT MAX(id) FROM tieback_alerts WHERE state = 'open' GROUP BY kind, subject)"
    )
    here = sa.text("state <> 'resolved'")
    op.create_index(
        "ux_tieback_alerts_open", "tieback_alerts", ["kind", "subject"], unique=True, sqlite_where=here, postgresql_where=here
    )
    op.create_index("ix_tieback_alerts_resolved", "tieback_alerts", ["resolved_at"])
    op.create_table(
        "tieback_notices",
        sa.Column("id", Key, nullable=False),
        sa.Column("alert_id", Key, nullable=False),
        sa.Column("destination", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["tieback_alerts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("alert_id", "destination", "what", "number", name="ux_tieback_notices_once"),
    )
    op.create_index("ix_tieback_notices_destination", "tieback_notices", ["destination", "state", "ended_at"])
