"""Imports and their parts: asked for, held like any work, checkpointed page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from store import leases, operations
from store.events import insert
from store.leases import Held
from store.models import Import, ImportPart, Unavailable
from store.types import now

Json = dict[str, Any]
OPEN = ("waiting", "running")
UNREAD = ("waiting", "reading")


def add(
    db: Connection,
    connector: str,
    resources: Sequence[str],
    projects: Sequence[str] | None,
    mode: str,
    actor: str,
    since: dt.datetime | None = None,
    confirmed: int | None = None,
    options: Json | None = None,
) -> int:
    """A new import, due at once. `projects` None: all that are permitted when it begins. `options` are `table`, into which
    it goes instead of the resource's own, and `deletions`, False when none is looked for. It is an operation as well."""
    values = {
        "connector": connector,
        "resources": list(resources),
        "projects": None if projects is None else list(projects),
        "mode": mode,
        "since": since,
        "confirmed": confirmed,
        "options": options,
        "requested_by": actor,
        "lane": "backfill",
        "run_after": now(),
    }
    id = int(db.execute(insert(db, Import).values(values).returning(Import.id)).one().id)
    what = {"connector": connector, "resources": list(resources), "projects": values["projects"], "mode": mode}
    operations.add(db, "import", what, actor, import_id=id)
    return id


def start_backfill(db: Connection, connector: str, project_id: str, resources: Sequence[str], actor: str) -> int | None:
    """An import of these resources for a project that has just come; None when one for it is still open.

    The relay finds it; whoever cannot wait rings the actor `import`, lane `backfill`.
    """
    for row in open_of(db, connector):
        if row.mode == "backfill" and row.projects == [project_id] and set(resources) <= set(row.resources):
            return None
    return add(db, connector, resources, [project_id], "backfill", actor)


def alone(db: Connection, connector: str) -> None:
    """Until the end of the transaction nobody else begins an import of this connector. SQLite has one writer anyway."""
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"tieback imports {connector}", 0))))


def open_of(db: Connection, connector: str) -> list[Any]:
    """Its imports that have not ended, with the database's time as `now_there`."""
    wanted = select(Import.__table__, now().label("now_there")).where(Import.connector == connector, Import.state.in_(OPEN))
    return list(db.execute(wanted.order_by(Import.id)))


def get(db: Connection, id: int) -> Any | None:
    return db.execute(select(Import.__table__, now().label("now_there")).where(Import.id == id)).first()


def claim(db: Connection, id: int, holder: str) -> Held | None:
    held = leases.claim(db, Import, id, holder)
    if held is not None:
        db.execute(update(Import).where(Import.id == id, Import.started_at.is_(None)).values(started_at=now()))
    return held


def wake(db: Connection, id: int) -> None:
    """Make one that was stopped by hand due again."""
    stopped = (Import.state == "waiting", Import.run_after.is_(None))
    db.execute(update(Import).where(Import.id == id, *stopped).values(run_after=now(), rung_at=None, reason=None))


def cancel(db: Connection, id: int, reason: str) -> bool:
    """End it; whoever holds it notices at its next page, since its fence is old. False when it has ended already."""
    wanted = update(Import).where(Import.id == id, Import.state.in_(OPEN))
    values = {"state": "cancelled", "reason": reason, "finished_at": now(), "run_after": None, "lease_until": None}
    return db.execute(wanted.values({**values, "holder": None, "fence": Import.fence + 1})).rowcount == 1


def asked_by(db: Connection, asker: str) -> Any | None:
    """The newest import that was asked for by exactly this."""
    return db.execute(select(Import.__table__).where(Import.requested_by == asker).order_by(Import.id.desc()).limit(1)).first()


def cancel_of_run(db: Connection, run_id: int, reason: str) -> None:
    """End the imports that the steps of a run wait for."""
    for id in list(db.scalars(select(Import.id).where(Import.requested_by.startswith(f"run:{run_id}/"), Import.state.in_(OPEN)))):
        cancel(db, id, reason)


def keep_counts(db: Connection, held: Held, counts: Mapping[str, Any]) -> None:
    """What it has done so far. Proves the lease: raises LostLease."""
    leases.renew(db, held)
    db.execute(update(Import).where(Import.id == held.id).values(counts=dict(counts)))


def add_parts(db: Connection, import_id: int, parts: Iterable[tuple[str, str, str, Json]]) -> None:
    """Lists to read: (resource, project_id, parent_id, position). One that is known already stays as it is."""
    rows = [
        {"import_id": import_id, "resource": resource, "project_id": project, "parent_id": parent, "position": position}
        for resource, project, parent, position in parts
    ]
    if rows:
        db.execute(insert(db, ImportPart).on_conflict_do_nothing(), rows)


def has_parts(db: Connection, import_id: int) -> bool:
    return db.scalar(select(ImportPart.id).where(ImportPart.import_id == import_id).limit(1)) is not None


def next_part(db: Connection, import_id: int) -> Any | None:
    """The next list to read; when all are read, the next in which to look for deletions."""
    of = select(ImportPart.__table__).where(ImportPart.import_id == import_id).order_by(ImportPart.id).limit(1)
    found = db.execute(of.where(ImportPart.state.in_(UNREAD))).first()
    return found or db.execute(of.where(ImportPart.state == "deletions")).first()


def begin(db: Connection, part_id: int) -> dt.datetime:
    """Note that a part is being read; the moment at which its reading began, which may be long ago."""
    wanted = update(ImportPart).where(ImportPart.id == part_id, ImportPart.started_at.is_(None))
    db.execute(wanted.values(state="reading", started_at=now()))
    moment = db.scalar(select(ImportPart.started_at).where(ImportPart.id == part_id))
    assert moment is not None
    return moment


def checkpoint(db: Connection, part_id: int, state: str, **values: Any) -> None:
    """How far a part has come, in the transaction that keeps what was read."""
    ended = {} if state in ("reading", "deletions") else {"finished_at": now()}
    db.execute(update(ImportPart).where(ImportPart.id == part_id).values(state=state, **ended, **values))


def parts(db: Connection, import_id: int, *states: str, limit: int = 1000) -> list[Any]:
    wanted = select(ImportPart.__table__).where(ImportPart.import_id == import_id).order_by(ImportPart.id).limit(limit)
    return list(db.execute(wanted.where(ImportPart.state.in_(states)) if states else wanted))


def states(db: Connection, import_id: int, resource: str | None = None, project_id: str | None = None) -> dict[str, int]:
    """How many parts are in which state."""
    only = [ImportPart.import_id == import_id]
    only += [ImportPart.resource == resource] if resource is not None else []
    only += [ImportPart.project_id == project_id] if project_id is not None else []
    wanted = select(ImportPart.state, func.count()).where(*only).group_by(ImportPart.state)
    return {state: count for state, count in db.execute(wanted)}  # noqa: C416 (rows, not tuples)


def listed(
    db: Connection, *, limit: int, connector: str | None = None, state: str | None = None, only: Collection[str] | None = None
) -> list[Any]:
    """Imports, newest first. `only` names the connectors that may be seen."""
    same = [Import.connector == connector] if connector else []
    same += [Import.state == state] if state else []
    same += [Import.connector.in_(sorted(only))] if only is not None else []
    return list(db.execute(select(Import.__table__).where(*same).order_by(Import.id.desc()).limit(limit)))


def unavailable(db: Connection, connector: str, project_id: str, resource: str, reason: str, for_s: float) -> None:
    """Note that a resource cannot be read in a project, and until when not to ask again."""
    key = {"connector": connector, "project_id": project_id, "resource": resource}
    values = {"reason": reason, "until": now(for_s)}
    made = insert(db, Unavailable).values({**key, **values})
    db.execute(made.on_conflict_do_update(index_elements=list(key), set_=values))
