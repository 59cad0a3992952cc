"""How far each list has been read by `updated_at`: moved only when a whole window has been read."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, case, select

from store.events import insert
from store.models import Cursor
from store.types import now


def get(db: Connection, kind: str, connector: str, resource: str, project_id: str = "") -> dt.datetime | None:
    """Until when it has been read; None when it never was. `kind` is who reads: import, sweep or ids."""
    return db.scalar(
        select(Cursor.until).where(
            Cursor.kind == kind, Cursor.connector == connector, Cursor.resource == resource, Cursor.project_id == project_id
        )
    )


def move(db: Connection, kind: str, connector: str, resource: str, project_id: str, until: dt.datetime) -> None:
    """Note that it has been read until then. A cursor never moves back: whoever was slower has read no less."""
    key = {"kind": kind, "connector": connector, "resource": resource, "project_id": project_id}
    made = insert(db, Cursor).values({**key, "until": until})
    later = case((Cursor.until < made.excluded.until, made.excluded.until), else_=Cursor.until)
    db.execute(made.on_conflict_do_update(index_elements=list(key), set_={"until": later, "updated_at": now()}))
