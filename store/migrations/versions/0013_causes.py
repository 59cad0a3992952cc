"""What a run failed for, kept with it, so that many failures are grouped, found and retried by it."""

import sqlalchemy as sa
from alembic import op

from store.cause_names import of
from store.types import Instant, Json, Key

revision = "0013"
down_revision = "0012"
expands = True

AT_ONCE = 5000


def upgrade() -> None:
    op.add_column("tieback_runs", sa.Column("cause", sa.String(length=64), nullable=True))
    _fill()
    where = sa.text("cause IS NOT NULL")
    columns = ["cause", "id", "created_at", "automation", "connector"]
    op.create_index("ix_tieback_runs_cause", "tieback_runs", columns, sqlite_where=where, postgresql_where=where)


def _fill() -> None:
    """Those that have failed already, the newest first."""
    runs = sa.table(
        "tieback_runs", sa.column("id", Key), sa.column("state", sa.Text()), sa.column("reason", sa.Text()),
        sa.column("error", Json), sa.column("cause", sa.Text()), sa.column("created_at", Instant()),
    )  # fmt: skip
    db = op.get_bind()
    named = sa.update(runs).where(runs.c.id == sa.bindparam("of")).values(cause=sa.bindparam("named"))
    wanted = sa.select(runs).where(runs.c.state.in_(("failed", "parked"))).order_by(runs.c.id.desc()).limit(AT_ONCE)
    rows = list(db.execute(wanted))
    while rows:
        db.execute(named, [{"of": row.id, "named": of(row.state, row.reason, row.error)} for row in rows])
        rows = list(db.execute(wanted.where(runs.c.id < rows[-1].id)))
