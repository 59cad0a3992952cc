"""Indexes on tables that are in use: PostgreSQL builds them beside the writers, SQLite at once."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def build(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """One that an interrupted build left behind is unusable and is built anew; one that is whole stays."""
    condition = sa.text(where) if where else None
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it keeps nobody waiting, and waits for those who began before it
        half = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
        if op.get_bind().scalar(sa.text(half), {"name": name}):
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(name, table, list(columns), postgresql_where=condition, postgresql_concurrently=True, if_not_exists=True)
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


LOCK_TIMEOUT = "3s"  # a change of a table that waits longer keeps everybody behind it waiting as well
