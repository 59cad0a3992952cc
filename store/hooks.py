"""Our side of webhook subscriptions: the key in the URL, the secrets, and what Procore calls the hook."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, update

from config.errors import ConfigError
from config.logs import about
from config.secrets import Box, Secret
from store.events import insert
from store.models import Delivery, Hook
from store.types import now

log = logging.getLogger("tieback.hooks")

FORGOTTEN_AFTER_S = 24 * 3600
# Procore may still send the first of several that were written before it was told of any.
MOST_SECRETS = 4
LATELY_S = 3600.0


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
    known = or_(Hook.removed_at.is_(None), Hook.removed_at > now(-FORGOTTEN_AFTER_S))
    rows = db.execute(select(Hook.__table__, now().label("here")).where(known))
    return [hook for row in rows if (hook := _opened(row, box))]


def _opened(row: Any, box: Box) -> OpenHook | None:
    """None, and a line in the log, for a hook whose secrets cannot be opened: it must not close the door for the others."""
    removed = row.removed_at is not None
    accepted = row.sealed if removed else _accepted(row.sealed, row.here)
    try:
        secrets = tuple(box.open(one["secret"], place(row.key)) for one in accepted)
    except ConfigError as error:
        log.error("hook.sealed", extra=about(connector=row.connector, project=row.project_id, error=error))
        return None
    return OpenHook(row.key, row.connector, row.company_id, row.project_id, secrets, removed)


def _accepted(sealed: Iterable[Mapping[str, Any]], here: dt.datetime) -> list[dict[str, Any]]:
    """Those secrets whose end has not come."""
    return [dict(one) for one in sealed if not one.get("until") or dt.datetime.fromisoformat(one["until"]) > here]


def ensure(db: Connection, box: Box, connector: str, company_id: str, project_id: str, secret: Secret) -> str:
    """The key of the hook of this scope, made when there is none; its newest secret is `secret` afterwards.

    A secret that was valid before stays valid beside it until `retire` says when it ends.
    """
    key = secrets.token_urlsafe(32)
    values = {"key": key, "connector": connector, "company_id": company_id, "project_id": project_id, "sealed": []}
    db.execute(insert(db, Hook).values(values).on_conflict_do_nothing())
    row = db.execute(_of(connector, project_id)).one()
    sealed = _with_newest(row, box, secret)
    if sealed != row.sealed:
        db.execute(update(Hook).where(Hook.key == row.key).values(sealed=sealed, company_id=company_id))
    return str(row.key)


def _with_newest(row: Any, box: Box, secret: Secret) -> list[dict[str, Any]]:
    kept = _accepted(row.sealed, row.here)
    known = [box.open(one["secret"], place(row.key)) for one in kept]
    if known and known[0] == secret:
        return kept
    older = [one for one, value in zip(kept, known, strict=True) if value != secret]
    # What Procore sends right now must not be the one that is pushed out.
    older.sort(key=lambda one: not one.get("told_at"))
    again = next(({**one, "until": None} for one, value in zip(kept, known, strict=True) if value == secret), None)
    made = {"secret": box.seal(secret, place(row.key)), "made_at": row.here.isoformat(), "told_at": None, "until": None}
    return [again or made, *older][:MOST_SECRETS]


def told(db: Connection, box: Box, key: str, secret: Secret) -> None:
    """Procore sends this secret from now on. What the door refused before counts no more."""
    row = db.execute(_rows().where(Hook.key == key).with_for_update()).one()
    sealed = [
        {**one, "told_at": row.here.isoformat() if box.open(one["secret"], place(key)) == secret else None} for one in row.sealed
    ]
    db.execute(update(Hook).where(Hook.key == key).values(sealed=sealed, refused=0, refused_at=None))


def is_told(row: Any) -> bool:
    """Whether Procore sends the newest secret of this hook."""
    return bool(row.sealed and row.sealed[0].get("told_at"))


def retire(db: Connection, connector: str, in_s: float) -> bool:
    """Give older secrets their end in `in_s` seconds, once every hook that is at Procore sends its newest one.

    False while one does not. A hook in a project that vanished cannot be told: it keeps its secrets, and holds up nobody.
    """
    rows = [row for row in of_connector(db, connector) if row.procore_id is not None and row.status != "vanished"]
    if not all(map(is_told, rows)):
        return False
    for row in rows:
        until = (row.here + dt.timedelta(seconds=in_s)).isoformat()
        older = [{**one, "until": min(one.get("until") or until, until)} for one in row.sealed[1:]]
        if older != row.sealed[1:]:
            db.execute(update(Hook).where(Hook.key == row.key).values(sealed=[row.sealed[0], *older]))
    return True


def note(
    db: Connection, key: str, *, procore_id: str | None, status: str, triggers: Iterable[tuple[str, str]] | None = None
) -> None:
    """What Procore says of a hook: its id, `active`, `disabled`, `missing` or `vanished`, and its triggers if they were read."""
    values: dict[str, Any] = {"procore_id": procore_id, "status": status, "updated_at": now()}
    if triggers is not None:
        values |= {"triggers": sorted(map(list, triggers)), "looked_at": now()}
    db.execute(update(Hook).where(Hook.key == key).values(values))


def remove(db: Connection, key: str) -> None:
    db.execute(update(Hook).where(Hook.key == key).values(status="removed", removed_at=now()))


def leave(db: Connection, connector: str, at: Mapping[str, Any]) -> int:
    """Close our side of all its hooks, since it leads elsewhere from now on. Returns how many stay at Procore, where it led.

    The next hook of the same scope is another one, with a key of its own.
    """
    rows = of_connector(db, connector)
    for row in rows:
        there = {"status": "left", "left_at": dict(at)} if row.procore_id else {"status": "removed"}
        db.execute(update(Hook).where(Hook.key == row.key).values(removed_at=now(), **there))
    return sum(1 for row in rows if row.procore_id)


def left(db: Connection, connector: str | None = None) -> list[Any]:
    """Hooks that stay at Procore, where their connector led before."""
    wanted = _rows().where(Hook.status == "left").order_by(Hook.connector, Hook.company_id, Hook.project_id)
    return list(db.execute(wanted if connector is None else wanted.where(Hook.connector == connector)))


def forget(db: Connection, key: str) -> None:
    """One that was left is gone there, or a person has seen to it; how long its address still answers does not change."""
    db.execute(update(Hook).where(Hook.key == key, Hook.status == "left").values(status="removed"))


def of_connector(db: Connection, connector: str | None = None) -> list[Any]:
    """Rows of hooks that were not removed, of one connector or all; `here` is the database's clock."""
    wanted = _rows().where(Hook.removed_at.is_(None)).order_by(Hook.connector, Hook.project_id)
    return list(db.execute(wanted if connector is None else wanted.where(Hook.connector == connector)))


def _rows() -> Any:
    return select(Hook.__table__, now().label("here"))


def _of(connector: str, project_id: str) -> Any:
    same = (Hook.connector == connector, Hook.project_id == project_id, Hook.removed_at.is_(None))
    return _rows().where(*same).with_for_update()


_SCOPE = select(Hook.company_id, Hook.project_id).where(Hook.key == bindparam("key"))


def scope_of(db: Connection, key: str) -> tuple[str, str]:
    """The company and the project a hook belongs to; empty texts for what it has not, or an unknown key."""
    row = db.execute(_SCOPE, {"key": key}).first()
    return ("", "") if row is None else (row.company_id, row.project_id)


def count_refused(db: Connection, counts: Mapping[str, int]) -> None:
    """Deliveries that the door refused for their secret, by key: Procore may send one that we do not know."""
    for key in sorted(counts):  # one order for all, so that two doors cannot deadlock
        more = {"refused": Hook.refused + counts[key], "refused_at": now()}
        db.execute(update(Hook).where(Hook.key == key, Hook.removed_at.is_(None)).values(more))


def delivered_lately(db: Connection) -> dict[str, dt.datetime]:
    """When the last delivery of the past hour came in, by key."""
    last = func.max(Delivery.received_at)
    rows = db.execute(select(Delivery.hook_key, last).where(Delivery.received_at > now(-LATELY_S)).group_by(Delivery.hook_key))
    return {key: moment for key, moment in rows if moment is not None}


def keep_delivered(db: Connection, connector: str) -> None:
    """Remember when deliveries last came in, before they are too old to be looked for."""
    lately = delivered_lately(db)
    for row in of_connector(db, connector):
        if (seen := lately.get(row.key)) is not None and seen != row.delivered_at:
            db.execute(update(Hook).where(Hook.key == row.key).values(delivered_at=seen))
