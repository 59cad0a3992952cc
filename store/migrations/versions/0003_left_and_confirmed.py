"""Hooks that stay at Procore where a connector led before it was moved, and deletions that a person has confirmed."""

import sqlalchemy as sa
from alembic import op

from store.types import Json

revision = "0003"
down_revision = "0002"
expands = True


def upgrade() -> None:
    with op.batch_alter_table("tieback_hooks") as hooks:
        hooks.add_column(sa.Column("left_at", Json, nullable=True))
    with op.batch_alter_table("tieback_imports") as imports:
        imports.add_column(sa.Column("confirmed", sa.Integer(), nullable=True))
