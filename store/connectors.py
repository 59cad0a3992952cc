"""Configured connections. Secrets are sealed; what is listed never holds one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from config.secrets import Box, Secret
from store.events import insert
from store.models import Connector, Cursor, Fetch, Import, Project, Quota, Run, Token, Unavailable

# What was learnt at the place a connector leads to. A token of one place is unknown at another, and a cursor there
# would hide everything older than itself.
OF_A_PLACE = (Token, Quota, Project, Unavailable, Cursor)


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


def add(db: Connection, name: str, config: dict[str, Any], sealed: dict[str, str]) -> bool:
    """Keep a new connector; False when there is one of this name, however lately it came. One that was removed comes back."""
    values: dict[str, Any] = {"source": "store", "config": config, "sealed": sealed, "state": "active", "reason": None}
    fresh = {**values, "verdict": None, "version": Connector.version + 1}
    upsert = insert(db, Connector).values({"name": name, **values})
    made = upsert.on_conflict_do_update(index_elements=["name"], set_=fresh, where=Connector.state == "removed")
    return db.execute(made.returning(Connector.name)).first() is not None


def change(db: Connection, name: str, version: int, config: dict[str, Any], sealed: dict[str, str]) -> bool:
    """Replace a connector that is still at this version; False when somebody else changed or removed it meanwhile."""
    same = (Connector.name == name, Connector.version == version, Connector.state != "removed")
    values = {"config": config, "sealed": sealed, "version": version + 1}
    return db.execute(update(Connector).where(*same).values(values)).rowcount == 1


def leads_elsewhere(config: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two definitions of a connector lead to different places."""
    return place_of(config) != place_of(other)


def place_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What says where a connector leads to."""
    return {key: config.get(key) for key in ("environment", "api_host", "company_id")}


def forget_place(db: Connection, name: str) -> None:
    """Drop token, quota, projects and reading positions: they belong to where this connector led so far."""
    for table in OF_A_PLACE:
        db.execute(delete(table).where(table.connector == name))


def forget_secrets(db: Connection, name: str) -> None:
    """Of a connector that was removed: what nobody needs any more need not be kept, sealed or not."""
    db.execute(update(Connector).where(Connector.name == name).values(sealed=None))


def unfinished(db: Connection, name: str) -> dict[str, int]:
    """How much work refers to a connector and is not done: runs and fetches by state, imports; only what there is."""
    found: dict[str, int] = {}
    for what, table, states in (
        ("runs", Run, ("running", "waiting", "parked")),
        ("fetches", Fetch, ("running", "waiting")),
        ("imports", Import, ("running", "waiting")),
    ):
        counted = select(table.state, func.count()).where(table.connector == name, table.state.in_(states)).group_by(table.state)
        found |= {f"{state} {what}": count for state, count in db.execute(counted)}
    return found


def get(db: Connection, name: str) -> Any | None:
    return db.execute(select(Connector.__table__).where(Connector.name == name)).first()


def every(db: Connection) -> list[Any]:
    return list(db.execute(select(Connector.__table__).where(Connector.state != "removed").order_by(Connector.name)))


def of_companies(db: Connection, companies: Collection[str]) -> list[str]:
    """The names of connectors that lead to one of these companies, removed ones among them: their history has an owner too."""
    rows = db.execute(select(Connector.name, Connector.config))
    return [row.name for row in rows if str(row.config.get("company_id")) in companies]


def set_state(db: Connection, name: str, state: str, reason: str | None) -> None:
    db.execute(update(Connector).where(Connector.name == name).values(state=state, reason=reason))


def set_verdict(db: Connection, name: str, verdict: dict[str, Any]) -> None:
    db.execute(update(Connector).where(Connector.name == name).values(verdict=verdict))
