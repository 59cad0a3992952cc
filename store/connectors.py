"""Configured connections. Secrets are sealed; what is listed never holds one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from config.secrets import Box, Secret
from store.events import insert
from store.models import Connector


def place(name: str, field: str) -> str:
    return f"tieback_connectors/sealed.{field}/{name}"


def seal(box: Box, name: str, values: dict[str, Secret]) -> dict[str, str]:
    return {field: box.seal(secret, place(name, field)) for field, secret in values.items()}


def unseal(box: Box, row: Any) -> dict[str, Secret]:
    return {field: box.open(sealed, place(row.name, field)) for field, sealed in (row.sealed or {}).items()}


def put(db: Connection, name: str, source: str, config: dict[str, Any], sealed: dict[str, str] | None) -> bool:
    """Keep a connector; True when that changed something. One that was removed comes back."""
    row = get(db, name)
    if row is not None and row.state != "removed" and (row.source, row.config) == (source, config) and sealed is None:
        return False
    paused = row is not None and row.state == "paused"
    values: dict[str, Any] = {"source": source, "config": config}
    if not paused:  # who paused it did so on purpose; a change of its file is no reason to go on
        values |= {"state": "active", "reason": None}
    if sealed is not None:
        values["sealed"] = sealed
    upsert = insert(db, Connector).values({"name": name, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={**values, "version": Connector.version + 1}))
    return True


def get(db: Connection, name: str) -> Any | None:
    return db.execute(select(Connector.__table__).where(Connector.name == name)).first()


def every(db: Connection) -> list[Any]:
    return list(db.execute(select(Connector.__table__).where(Connector.state != "removed").order_by(Connector.name)))


def set_state(db: Connection, name: str, state: str, reason: str | None) -> None:
    db.execute(update(Connector).where(Connector.name == name).values(state=state, reason=reason))


def set_verdict(db: Connection, name: str, verdict: dict[str, Any]) -> None:
    db.execute(update(Connector).where(Connector.name == name).values(verdict=verdict))
