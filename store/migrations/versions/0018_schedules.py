"""A schedule that a person holds back: who, why, and until when."""

import sqlalchemy as sa
from alembic import op

from store.types import Json

revision = "0018"
down_revision = "0017"
expands = True


def upgrade() -> None:
    op.add_column("tieback_schedules", sa.Column("held", Json, nullable=True))
