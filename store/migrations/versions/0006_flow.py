"""Order and time: events that share a run, places in the flow, schedules, watches, approvals, alerts."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0006"
down_revision = "0005"
expands = False


def upgrade() -> None:
    with op.batch_alter_table("tieback_projects") as projects:
        projects.add_column(sa.Column("zone", sa.String(length=64), nullable=True))
    op.create_table(
        "tieback_alerts",
        sa.Column("id", Key, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.Column("acked_by", sa.String(length=200), nullable=True),
        sa.Column("acked_at", Instant(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("tieback_alerts") as batch_op:
        batch_op.create_index("ix_tieback_alerts_subject", ["kind", "subject", "state"], unique=False)

    op.create_table(
        "tieback_schedules",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("tieback_schedules") as batch_op:
        batch_op.create_index(batch_op.f("ix_tieback_schedules_automation"), ["automation"], unique=False)

    op.create_table(
        "tieback_watches",
        sa.Column("id", Key, nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("fired_at", Instant(), nullable=True),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("automation", "trigger", "connector", "resource", "record_id", name="ux_tieback_watches_record"),
    )
    with op.batch_alter_table("tieback_watches") as batch_op:
        batch_op.create_index(batch_op.f("ix_tieback_watches_due_at"), ["due_at"], unique=False)

    op.create_table(
        "tieback_approvals",
        sa.Column("id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("choices", Json, nullable=False),
        sa.Column("about", Json, nullable=True),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("choice", sa.String(length=64), nullable=True),
        sa.Column("answered_by", sa.String(length=200), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tieback_runs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "path", name="ux_tieback_approvals_step"),
    )
    with op.batch_alter_table("tieback_approvals") as batch_op:
        batch_op.create_index(batch_op.f("ix_tieback_approvals_state"), ["state"], unique=False)

    op.create_table(
        "tieback_run_events",
        sa.Column("run_id", Key, nullable=False),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("automation", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["tieback_events.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["tieback_runs.id"],
        ),
        sa.PrimaryKeyConstraint("run_id", "event_id"),
        sa.UniqueConstraint("event_id", "automation", name="ux_tieback_run_events_once"),
    )
    with op.batch_alter_table("tieback_runs") as batch_op:
        batch_op.add_column(sa.Column("group_key", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("gather_until", Instant(), nullable=True))
        batch_op.add_column(sa.Column("gathered", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("overlap_key", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("throttle_key", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("entered_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("digest_until", Instant(), nullable=True))
        batch_op.add_column(sa.Column("cancel_asked", sa.Text(), nullable=True))
        for name, columns, unique in (
            ("ix_tieback_runs_overlap", ["automation", "overlap_key", "state"], False),
            ("ix_tieback_runs_throttle", ["automation", "throttle_key", "entered_at"], False),
            ("ux_tieback_runs_gathering", ["automation", "group_key"], True),
        ):
            there = sa.text(f"{columns[1]} IS NOT NULL")
            batch_op.create_index(name, columns, unique=unique, sqlite_where=there, postgresql_where=there)
