"""Deliveries: kept as they came, many in one commit."""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Engine, TextClause, bindparam, or_, select, text, update

from store.models import Delivery
from store.session import at_once, retrying
from store.types import now


class Arrival(NamedTuple):
    """What the door hands over. `state` is `received`, or `quarantined`/`ignored` with a reason."""

    connector: str
    hook_key: str
    delivery_key: str
    raw: bytes
    content_type: str
    state: str = "received"
    reason: str | None = None


MOST_TRIES = 5
_FIELDS = Arrival._fields
_COLUMNS = f"{', '.join(_FIELDS)}, received_at, lost"
_AS_TEXT = ", ".join(f"{name} text" for name in _FIELDS)
_AS_KEPT = ", ".join("decode(raw, 'base64')" if name == "raw" else name for name in _FIELDS)
_MANY = text(
    f"INSERT INTO tieback_deliveries ({_COLUMNS}) "  # noqa: S608 (names of ours)
    f"SELECT {_AS_KEPT}, clock_timestamp(), 0 FROM json_to_recordset(CAST(:page AS json)) AS page({_AS_TEXT}) "
    "ON CONFLICT DO NOTHING RETURNING id, state"
)
_RECEIVED = (Delivery.id == bindparam("of_id"), Delivery.state == "received")
_TAKE = select(Delivery.__table__).where(*_RECEIVED).with_for_update(skip_locked=True)
_MARK = update(Delivery.__table__).where(*_RECEIVED).values(sorted_at=now())  # type: ignore[arg-type]
_RUNG_AT = select(Delivery.rung_at).where(*_RECEIVED)
_WAITING = select(Delivery.id).where(Delivery.state == "received").limit(1)


@functools.cache
def _rows(count: int) -> TextClause:
    """The same for SQLite, which has no arrays: one statement for so many rows."""
    row = "({}, strftime('%Y-%m-%d %H:%M:%f', 'now') || '000', 0)"
    values = ", ".join(row.format(", ".join(f":{name}{n}" for name in _FIELDS)) for n in range(count))
    return text(
        f"INSERT INTO tieback_deliveries ({_COLUMNS}) VALUES {values} ON CONFLICT DO NOTHING RETURNING id, state"  # noqa: S608 (names of ours)
    )


@retrying
def keep(engine: Engine, arrivals: Sequence[Arrival]) -> list[int]:
    """Commit deliveries durably; returns the ids that are new and wait to be sorted.

    One already kept under its key is absorbed: repeating the call is safe. The insert decides who is
    first, since two processes may hold the same delivery.
    """
    # One order for all writers, so that two groups with common keys cannot deadlock.
    ordered = sorted(arrivals, key=lambda a: (a.connector, a.delivery_key))
    with at_once(engine) as db:
        return [id for id, state in _insert(db, ordered) if state == "received"]


def _insert(db: Connection, arrivals: Sequence[Arrival]) -> Sequence[Any]:
    if db.dialect.name == "postgresql":
        rows = [{**one._asdict(), "raw": b64encode(one.raw).decode()} for one in arrivals]
        return db.execute(_MANY, {"page": orjson.dumps(rows).decode()}).all()
    values = {f"{name}{n}": value for n, one in enumerate(arrivals) for name, value in zip(_FIELDS, one, strict=True)}
    return db.execute(_rows(len(arrivals)), values).all()


def take(db: Connection, id: int) -> Any | None:
    """The delivery, locked for this transaction, if it still waits to be sorted."""
    return db.execute(_TAKE, {"of_id": id}).first()


def mark(db: Connection, id: int, state: str, reason: str | None) -> None:
    db.execute(_MARK, {"of_id": id, "state": state, "reason": reason})


def to_ring(db: Connection, *, limit: int, grace_s: float, again_after_s: float) -> list[int]:
    """Ids that wait to be sorted and nobody was rung for lately; marks them as rung."""
    due = (
        select(Delivery.id)
        .where(Delivery.state == "received", Delivery.received_at <= now(-grace_s))
        .where(or_(Delivery.rung_at.is_(None), Delivery.rung_at < now(-again_after_s)))
        .order_by(Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(db.scalars(due))
    if ids:
        db.execute(update(Delivery).where(Delivery.id.in_(ids)).values(rung_at=now()))
    return ids


def rung_again(db: Connection, id: int) -> bool:
    """True when the relay had to ring for this delivery: whoever was rung first may have died of it."""
    return db.scalar(_RUNG_AT, {"of_id": id}) is not None


def count_try(db: Connection, id: int) -> bool:
    """Count one more try to sort it; False when it has had enough, and is quarantined with the cause.

    To be committed before the try, so that a body which ends its worker each time cannot do so for ever.
    Each ring of the relay counts once, however many workers were told: they are no victims of it yet.
    """
    tried = db.scalar(
        update(Delivery)
        .where(Delivery.id == id, Delivery.state == "received", Delivery.rung_at.is_not(None))
        .values(lost=Delivery.lost + 1, rung_at=None)
        .returning(Delivery.lost)
    )
    if tried is None or tried <= MOST_TRIES:
        return True
    mark(db, id, "quarantined", f"put aside: sorting it ended the worker {MOST_TRIES} times")
    return False


def anything_waits(db: Connection) -> bool:
    return db.scalar(_WAITING) is not None


def oldest_waiting_s(db: Connection) -> float:
    """Seconds since the oldest unsorted delivery arrived; 0 when none waits."""
    row = db.execute(
        select(Delivery.received_at, now()).where(Delivery.state == "received").order_by(Delivery.id).limit(1)
    ).first()
    return 0.0 if row is None else max(0.0, (row[1] - row[0]).total_seconds())
