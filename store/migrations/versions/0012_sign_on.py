"""People who sign in by a provider, and the sign-ins that are under way there."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "0012"
down_revision = "0011"
expands = False


def upgrade() -> None:
    with op.batch_alter_table("tieback_users") as users:
        users.add_column(sa.Column("subject", sa.String(length=64), nullable=True))
        users.create_unique_constraint("uq_tieback_users_subject", ["subject"])
    op.create_table(
        "tieback_sign_ins",
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("visit", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("state"),
    )
    op.create_index("ix_tieback_sign_ins_begun_at", "tieback_sign_ins", ["begun_at"])
