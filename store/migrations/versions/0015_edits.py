"""Which run a run repeats with edits."""

import sqlalchemy as sa
from alembic import op

from store.types import Key

revision = "0015"
down_revision = "0014"
expands = True


def upgrade() -> None:
    op.add_column("tieback_runs", sa.Column("edits_of", Key, nullable=True))
    where = sa.text("edits_of IS NOT NULL")
    op.create_index("ix_tieback_runs_edits_of", "tieback_runs", ["edits_of"], sqlite_where=where, postgresql_where=where)
