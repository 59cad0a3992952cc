"""Automations and other site files as they were last loaded, and which version is in force."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Text, bindparam, cast, delete, select, update
from sqlalchemy.orm import aliased

from store.events import insert
from store.models import Automation, Fact, SiteFile, Version


@dataclass(frozen=True)
class Active:
    """A version in force."""

    name: str
    version_id: int
    file: str
    source: str


def content_hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def keep_version(db: Connection, name: str, file: str, source: str) -> int:
    """The id of this text of an automation, kept for good."""
    digest = content_hash(source)
    kept = insert(db, Version).values({"automation": name, "hash": digest, "file": file, "source": source})
    # A file that was renamed brings the same text: by its path it is known when it breaks later.
    db.execute(kept.on_conflict_do_update(index_elements=["automation", "hash"], set_={"file": file}, where=Version.file != file))
    return int(db.execute(select(Version.id).where(Version.automation == name, Version.hash == digest)).scalar_one())


def activate(db: Connection, name: str, file: str, source: str) -> str | None:
    """What the file says now: `activated`, or only `offered` while a person holds another version; None when it is no news."""
    version_id = keep_version(db, name, file, source)
    row = db.execute(select(Automation.__table__).where(Automation.name == name)).first()
    state = row.state if row is not None and row.state == "paused" else "active"
    held = row is not None and row.held is not None and row.version_id is not None
    offered_id = version_id if held and row is not None and row.version_id != version_id else None
    values = {"version_id": row.version_id if held and row is not None else version_id, "offered_id": offered_id,
              "broken": None, "state": state}  # fmt: skip
    if row is not None and all(getattr(row, key) == value for key, value in values.items()):
        return None
    upsert = insert(db, Automation).values({"name": name, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["name"], set_=values))
    return "activated" if offered_id is None else "offered"


def choose(db: Connection, name: str, version_id: int, held: dict[str, Any] | None, offered_id: int | None) -> None:
    """A person puts a version in force. `held` says who and why, when what the file says is to wait as `offered_id`."""
    values = {"version_id": version_id, "held": held, "offered_id": offered_id}
    db.execute(update(Automation).where(Automation.name == name).values(values))


def note_broken(db: Connection, name: str, message: str) -> bool:
    """The file of this automation does not load; what was in force stays so. True when that is news."""
    row = db.execute(select(Automation.__table__).where(Automation.name == name)).first()
    if row is not None and row.broken == message:
        return False
    upsert = insert(db, Automation).values({"name": name, "version_id": None, "broken": message})
    db.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"broken": message}))
    return True


def keep_only(db: Connection, names: set[str]) -> list[str]:
    """Retire automations whose file is gone; returns their names. Their runs and versions stay."""
    gone = select(Automation.name).where(Automation.name.not_in(names), Automation.state != "removed")
    retired = list(db.scalars(gone))
    if retired:
        db.execute(update(Automation).where(Automation.name.in_(retired)).values(state="removed"))
    return retired


def active(db: Connection) -> list[Active]:
    rows = db.execute(
        select(Automation.name, Version.id, Version.file, Version.source)
        .join(Version, Version.id == Automation.version_id)
        .where(Automation.state == "active")
        .order_by(Automation.name)
    )
    return [Active(row.name, row.id, row.file, row.source) for row in rows]


def in_state(db: Connection, state: str) -> list[str]:
    return list(db.scalars(select(Automation.name).where(Automation.state == state).order_by(Automation.name)))


def every(db: Connection) -> list[Any]:
    """All automations with state, version hash and the message of a broken file; `offered_hash`: what waits for a person."""
    offered = aliased(Version)
    return list(
        db.execute(
            select(Automation.__table__, Version.hash, Version.file, Version.source, offered.hash.label("offered_hash"))
            .outerjoin(Version, Version.id == Automation.version_id)
            .outerjoin(offered, offered.id == Automation.offered_id)
            .where(Automation.state != "removed")
            .order_by(Automation.name)
        )
    )


def version(db: Connection, id: int) -> Any:
    return db.execute(select(Version.__table__).where(Version.id == id)).one()


def keep_site_file(db: Connection, path: str, source: str, broken: str | None) -> bool:
    """A site file as read. A broken one keeps its last good text beside the message. True when that is news."""
    row = db.execute(select(SiteFile.__table__).where(SiteFile.path == path)).first()
    good = source if broken is None else (row.source if row is not None else "")
    if row is not None and (row.source, row.broken) == (good, broken):
        return False
    upsert = insert(db, SiteFile).values({"path": path, "source": good, "broken": broken})
    db.execute(upsert.on_conflict_do_update(index_elements=["path"], set_={"source": good, "broken": broken}))
    return True


def forget_site_files(db: Connection, keep: set[str]) -> bool:
    return db.execute(delete(SiteFile).where(SiteFile.path.not_in(keep))).rowcount > 0


def site_files(db: Connection, folder: str) -> list[Any]:
    """Rows of one folder of the site, such as `destinations`, by path."""
    return list(db.execute(select(SiteFile.__table__).where(SiteFile.path.like(f"{folder}/%")).order_by(SiteFile.path)))


def site_file(db: Connection, path: str) -> Any | None:
    """The row of one file of the site."""
    return db.execute(select(SiteFile.__table__).where(SiteFile.path == path)).first()


_FACT = select(Fact.value).where(Fact.name == bindparam("name"))


def fact(db: Connection, name: str, default: str = "0") -> str:
    return db.scalar(_FACT, {"name": name}) or default


def set_fact(db: Connection, name: str, value: str) -> None:
    upsert = insert(db, Fact).values({"name": name, "value": value})
    db.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def generation(db: Connection) -> int:
    """Grows with each change of automations, connectors or site files; processes reload when it does."""
    return int(fact(db, "generation"))


def changed(db: Connection) -> None:
    """Tell every process that what it has loaded is old."""
    upsert = insert(db, Fact).values({"name": "generation", "value": "1"})
    grown = cast(cast(Fact.value, Integer) + 1, Text)
    db.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"value": grown}))


def set_state(db: Connection, name: str, state: str) -> bool:
    """`active` or `paused`. False when it is so already, or not there."""
    other = update(Automation).where(
        Automation.name == name, Automation.state.in_(("active", "paused")), Automation.state != state
    )
    return db.execute(other.values(state=state)).rowcount == 1


def versions(db: Connection, name: str) -> list[Any]:
    """Every text that was ever in force under this name, the newest first, without the texts."""
    columns = (Version.id, Version.hash, Version.file, Version.created_at)
    return list(db.execute(select(*columns).where(Version.automation == name).order_by(Version.id.desc())))
