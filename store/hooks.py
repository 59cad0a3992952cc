"""Our side of webhook subscriptions: the key in the URL, the secrets, and what Procore calls the hook."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.errors import ConfigError
from config.logs import about
from config.secrets import Box, Secret
from store.models import Hook
from store.types import now

log = logging.getLogger("tieback.hooks")

FORGOTTEN_AFTER_S = 24 * 3600
# Procore may still send the first of several that were written before it was told of any.
MOST_SECRETS = 4


@dataclass(frozen=True)
class OpenHook:
    """A hook as the door needs it. `removed` hooks still answer for 24 hours."""

    key: str
    connector: str
    company_id: str
    project_id: str
    secrets: tuple[Secret, ...]
    removed: bool


def place(key: str) -> str:
    """The associated data of a hook's sealed secrets."""
    return f"tieback_hooks/sealed/{key}"


def open_hooks(db: Connection, box: Box) -> list[OpenHook]:
    """Every hook that deliveries may come in by now."""
    rows = db.execute(select(Hook.__table__).where(or_(Hook.removed_at.is_(None), Hook.removed_at > now(-FORGOTTEN_AFTER_S))))
    return [hook for row in rows if (hook := _opened(row, box))]


def _opened(row: Any, box: Box) -> OpenHook | None:
    """None, and a line in the log, for a hook whose secrets cannot be opened: it must not close the door for the others."""
    try:
        secrets = tuple(box.open(s["secret"], place(row.key)) for s in row.sealed)
    except ConfigError as error:
        log.error("hook.sealed", extra=about(connector=row.connector, project=row.project_id, error=error))
        return None
    return OpenHook(row.key, row.connector, row.company_id, row.project_id, secrets, row.removed_at is not None)


def ensure(db: Connection, box: Box, connector: str, company_id: str, project_id: str, secret: Secret) -> str:
    """The key of the hook of this scope, made when there is none; its newest secret is `secret` afterwards.

    A secret that was valid before stays valid beside it until Procore was told of the new one.
    """
    insert = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    key = secrets.token_urlsafe(32)
    values = {"key": key, "connector": connector, "company_id": company_id, "project_id": project_id, "sealed": []}
    db.execute(insert(Hook).values(values).on_conflict_do_nothing())
    row = db.execute(_of(connector, project_id)).one()
    known = [box.open(s["secret"], place(row.key)) for s in row.sealed]
    if not known or known[0] != secret:
        older = [sealed for sealed, value in zip(row.sealed, known, strict=True) if value != secret]
        sealed = [{"secret": box.seal(secret, place(row.key))}, *older][:MOST_SECRETS]
        db.execute(update(Hook).where(Hook.key == row.key).values(sealed=sealed, company_id=company_id))
    return str(row.key)


def note(db: Connection, key: str, *, procore_id: str | None, status: str) -> None:
    """What Procore says of a hook: its id there and `active`, `disabled` or `missing`."""
    db.execute(update(Hook).where(Hook.key == key).values(procore_id=procore_id, status=status))


def remove(db: Connection, key: str) -> None:
    db.execute(update(Hook).where(Hook.key == key).values(status="removed", removed_at=now()))


def of_connector(db: Connection, connector: str | None = None) -> list[Any]:
    """Rows of hooks that were not removed, of one connector or all."""
    wanted = select(Hook.__table__).where(Hook.removed_at.is_(None)).order_by(Hook.connector, Hook.project_id)
    return list(db.execute(wanted if connector is None else wanted.where(Hook.connector == connector)))


def _of(connector: str, project_id: str) -> Any:
    return select(Hook.__table__).where(Hook.connector == connector, Hook.project_id == project_id, Hook.removed_at.is_(None))


def scope_of(db: Connection, key: str) -> tuple[str, str]:
    """The company and the project a hook belongs to; empty texts for what it has not, or an unknown key."""
    row = db.execute(select(Hook.company_id, Hook.project_id).where(Hook.key == key)).first()
    return ("", "") if row is None else (row.company_id, row.project_id)
