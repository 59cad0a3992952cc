"""Records that we wrote at Procore, by which the events that they cause are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from store.events import insert
from store.models import Event, OwnWrite, Run
from store.types import now

KEPT_S = 3 * 86_400.0
LATELY_S = 86_400.0  # an event may be as late as that
MOST = 50

_NEWEST_FIRST = (
    select(OwnWrite.__table__)
    .where(OwnWrite.company_id == bindparam("company"), OwnWrite.at > now(-LATELY_S))
    .order_by(OwnWrite.id.desc())
    .limit(MOST)
)
_IDS = OwnWrite.record_id.in_(bindparam("ids", expanding=True))
_OF_COMPANY = _NEWEST_FIRST.where(or_(_IDS, OwnWrite.parent_id.in_(bindparam("parents", expanding=True))))
_OF_RECORD = _NEWEST_FIRST.where(OwnWrite.connector == bindparam("connector"), OwnWrite.resource == bindparam("resource"), _IDS)
_WAITING = (
    select(
        Run.id, Run.automation, Run.gather_until, Event.id.label("event_id"), Event.hop, Event.app_id, Event.user_id,
        Event.timestamp, Event.source, Event.action,
    )
    .join(Event, Event.id == Run.event_id)
    .where(Run.fetch_id == bindparam("fetch"), Run.state == "waiting", Run.run_after.is_(None))
    .order_by(Event.timestamp, Event.id)
)  # fmt: skip


def begin(db: Connection, values: Mapping[str, Any]) -> None:
    """A write is about to go out. What is older than any event could be is forgotten."""
    db.execute(delete(OwnWrite).where(OwnWrite.at < now(-KEPT_S)))
    db.execute(insert(db, OwnWrite).values(dict(values)).on_conflict_do_nothing())


def answered(db: Connection, effect_key: str, records: Sequence[Mapping[str, Any]]) -> None:
    """What Procore answered to a write that was begun: a row for each record in the place of the one without answer."""
    begun = db.execute(select(OwnWrite.__table__).where(OwnWrite.effect_key == effect_key).limit(1)).first()
    if begun is None:
        return
    db.execute(delete(OwnWrite).where(OwnWrite.effect_key == effect_key, OwnWrite.record_hash.is_(None)))
    kept = {key: value for key, value in begun._mapping.items() if key not in ("id", "event_id", "user_id")}
    for record in records:
        values = {**kept, **record, "at": now()}
        made = insert(db, OwnWrite).values(values)
        fresh = {key: made.excluded[key] for key in ("record_hash", "body", "said_at", "at")} | {
            "event_id": None,
            "user_id": None,
        }
        db.execute(made.on_conflict_do_update(index_elements=["effect_key", "record_id"], set_=fresh))


def lately(db: Connection, company_id: str, ids: Sequence[str]) -> list[Any]:
    """Writes of the company on records of these ids, below them, or of a record whose id is not known yet; newest first."""
    return list(db.execute(_OF_COMPANY, {"company": company_id, "ids": [*ids, ""], "parents": [id for id in ids if id]}))


def of_record(db: Connection, connector: str, company_id: str, resource: str, record_id: str) -> list[Any]:
    """Writes of this connector on a record, or on one of its resource whose id is not known yet; oldest first."""
    of = {"company": company_id, "connector": connector, "resource": resource, "ids": [record_id, ""]}
    return list(reversed(list(db.execute(_OF_RECORD, of))))


def told(db: Connection, id: int, event_id: int, user_id: str) -> None:
    """This event is the one that told of the write."""
    db.execute(update(OwnWrite).where(OwnWrite.id == id, OwnWrite.event_id.is_(None)).values(event_id=event_id, user_id=user_id))


def is_under_way(db: Connection, id: int) -> bool:
    """Whether the run behind a write that nobody answered yet still works on it, and not for long."""
    same = select(OwnWrite.id).join(Run, Run.id == OwnWrite.run_id)
    return db.scalar(same.where(OwnWrite.id == id, Run.state == "running", OwnWrite.at > now(-60))) is not None


def waiting(db: Connection, fetch_id: int) -> list[Any]:
    """The runs that wait for a fetch with the event of each."""
    return list(db.execute(_WAITING, {"fetch": fetch_id}))


def skip(db: Connection, run_id: int, reason: str, **pinned: int | None) -> None:
    """End a run that waits for its record."""
    values = {"state": "skipped", "reason": reason, "finished_at": now(), "run_after": None, **pinned}
    db.execute(update(Run).where(Run.id == run_id, Run.state == "waiting", Run.run_after.is_(None)).values(values))


def moment_of(text: Any) -> dt.datetime | None:
    """`updated_at` as Procore writes it."""
    try:
        found = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=dt.UTC)
