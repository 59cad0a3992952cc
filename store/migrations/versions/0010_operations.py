"""Long work as a tracked operation, with what it did to each run or event."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Key

revision = "0010"
down_revision = "0009"
expands = True


def upgrade() -> None:
    op.create_table(
        "tieback_operations",
        sa.Column("id", Key, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("what", Json, nullable=False),
        sa.Column("connectors", Json, nullable=True),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("taken_back", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("canary", sa.Integer(), nullable=False),
        sa.Column("cursor", Key, nullable=True),
        sa.Column("paced_at", Instant(), nullable=True),
        sa.Column("import_id", Key, nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("starts_at", Instant(), nullable=False),
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
    _add_imports()
    op.create_index("ix_tieback_operations_import_id", "tieback_operations", ["import_id"])
    for name, column, state in (("due", "run_after", "waiting"), ("held", "lease_until", "running")):
        where = sa.text(f"state = '{state}'")
        op.create_index(
            f"ix_tieback_operations_{name}", "tieback_operations", [column], sqlite_where=where, postgresql_where=where
        )
    op.create_table(
        "tieback_operation_items",
        sa.Column("operation_id", Key, nullable=False),
        sa.Column("subject_id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("was", Json, nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["tieback_operations.id"]),
        sa.PrimaryKeyConstraint("operation_id", "subject_id"),
    )
    op.create_index("ix_tieback_operation_items_run_id", "tieback_operation_items", ["run_id"])
    op.create_index("ix_tieback_operation_items_state", "tieback_operation_items", ["operation_id", "state", "subject_id"])


def _add_imports() -> None:
    """Every import is an operation, those that are there already too."""
    imports = sa.table(
        "tieback_imports",
        sa.column("id", Key),
        sa.column("connector", sa.Text()),
        sa.column("resources", Json),
        sa.column("projects", Json),
        sa.column("mode", sa.Text()),
        sa.column("requested_by", sa.Text()),
        sa.column("created_at", Instant()),
    )
    columns: tuple[tuple[str, Any], ...] = (
        ("kind", sa.Text()),
        ("what", Json),
        ("requested_by", sa.Text()),
        ("import_id", Key),
        ("starts_at", Instant()),
        ("created_at", Instant()),
        ("state", sa.Text()),
        ("lane", sa.Text()),
        ("phase", sa.Text()),
        ("why", sa.Text()),
        *((name, sa.Integer()) for name in ("attempt", "lost", "fence", "done", "failed", "skipped", "taken_back", "canary")),
    )
    operations = sa.table("tieback_operations", *(sa.column(name, kind) for name, kind in columns))
    nothing = dict.fromkeys(("attempt", "lost", "fence", "done", "failed", "skipped", "taken_back", "canary"), 0)
    same = {"kind": "import", "state": "waiting", "lane": "manual", "phase": "rest", "why": "", **nothing}
    for row in list(op.get_bind().execute(sa.select(imports).order_by(imports.c.id))):
        what = {"connector": row.connector, "resources": row.resources, "projects": row.projects, "mode": row.mode}
        by = {"requested_by": row.requested_by, "import_id": row.id, "starts_at": row.created_at, "created_at": row.created_at}
        op.execute(operations.insert().values(**same, what=what, **by))
