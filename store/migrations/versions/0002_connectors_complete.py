"""Projects, imports, cursors and repairs: how far Procore has been read, and what was missed."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0002"
down_revision = "0001"
expands = False


def upgrade() -> None:
    with op.batch_alter_table("tieback_hooks") as hooks:
        hooks.add_column(sa.Column("triggers", Json, nullable=True))
        hooks.add_column(sa.Column("looked_at", Instant(), nullable=True))
        hooks.add_column(sa.Column("delivered_at", Instant(), nullable=True))
        hooks.add_column(sa.Column("refused", sa.Integer(), nullable=False, server_default="0"))
        hooks.add_column(sa.Column("refused_at", Instant(), nullable=True))
    with op.batch_alter_table("tieback_calls") as calls:
        calls.add_column(sa.Column("lane", sa.String(length=64), nullable=True))
    # What the headers last said is learned again by the next call.
    op.drop_table("tieback_quota")
    op.create_table(
        "tieback_quota",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("state", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("connector"),
    )
    op.create_table(
        "tieback_cursors",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "resource", "project_id", "kind"),
    )
    op.create_table(
        "tieback_imports",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("resources", Json, nullable=False),
        sa.Column("projects", Json, nullable=True),
        sa.Column("mode", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=True),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("counts", Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("run_after", Instant(), nullable=True),
        sa.Column("rung_at", Instant(), nullable=True),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_tieback_imports_due",
        "tieback_imports",
        ["run_after"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_tieback_imports_held",
        "tieback_imports",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "tieback_projects",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("vanished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("connector", "project_id"),
    )
    op.create_table(
        "tieback_repairs",
        sa.Column("id", Key, nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("repaired", sa.Integer(), nullable=False),
        sa.Column("unrepairable", sa.Integer(), nullable=False),
        sa.Column("items", Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tieback_repairs_connector"), "tieback_repairs", ["connector"], unique=False)
    op.create_table(
        "tieback_unavailable",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "project_id", "resource"),
    )
    op.create_table(
        "tieback_import_parts",
        sa.Column("id", Key, nullable=False),
        sa.Column("import_id", Key, nullable=False),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("position", Json, nullable=True),
        sa.Column("counts", Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["tieback_imports.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("import_id", "resource", "project_id", "parent_id", name="ux_tieback_import_parts_list"),
    )
    op.create_index(
        "ix_tieback_fetches_group",
        "tieback_fetches",
        ["connector", "resource", "project_id", "state", "created_at"],
    )
