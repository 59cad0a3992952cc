"""What is not as it should be: one row per kind and subject, from when it was noticed until it was over.

One that ends must be over for a while before it counts as over, longer each time it came back: what flaps is one alert.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from store.events import insert
from store.models import Alert
from store.types import now

FLAPS_S = 3600.0
MOST_DOUBLINGS = 5


def raise_(
    db: Connection, kind: str, subject: str, message: str, *, severity: str = "ticket", runbook: str | None = None,
    after_s: float = 0.0,
) -> bool:  # fmt: skip
    """Note that something is wrong. True when it is an alert from now on; it must have lasted `after_s` before."""
    here = (Alert.kind == kind, Alert.subject == subject)
    said = {"message": message, "severity": severity, "runbook": runbook, "over_at": None}
    known = db.execute(
        select(Alert.id, Alert.state, Alert.over_at, Alert.since, now().label("here")).where(*here, _lasts())
    ).first()
    if known is None:
        state = "pending" if after_s > 0 else "open"
        values = {"kind": kind, "subject": subject, **said, "state": state, "since": now(), "times": _returns(db, here)}
        made = insert(db, Alert).values(values).on_conflict_do_nothing().returning(Alert.id)
        return db.execute(made).first() is not None and state == "open"
    again = {"times": Alert.times + 1} if known.over_at is not None else {}
    ripe: bool = known.state == "pending" and (known.here - known.since).total_seconds() >= after_s
    db.execute(update(Alert).where(Alert.id == known.id).values(**said, **again, **({"state": "open"} if ripe else {})))
    return ripe


def _lasts() -> Any:
    return Alert.state != "resolved"


def _returns(db: Connection, here: tuple[Any, ...]) -> int:
    """How often it has come back, counting the one that ended just now."""
    ended = select(Alert.times).where(*here, Alert.state == "resolved", Alert.resolved_at > now(-FLAPS_S))
    times = db.scalar(ended.order_by(Alert.id.desc()).limit(1))
    return 0 if times is None else int(times) + 1


def over(db: Connection, kind: str, but: Collection[str], settle_s: float) -> list[str]:
    """The subjects of this kind that are seen no more and are well again from now on, after `settle_s` and more if they flap.

    `but` are the subjects that are still seen.
    """
    gone = [Alert.kind == kind, *([Alert.subject.not_in(sorted(but))] if but else [])]
    db.execute(delete(Alert).where(*gone, Alert.state == "pending"))
    db.execute(update(Alert).where(*gone, Alert.state == "open", Alert.over_at.is_(None)).values(over_at=now()))
    resting = select(Alert.id, Alert.subject, Alert.over_at, Alert.times, now().label("here")).where(*gone, Alert.state == "open")
    ended = [
        row for row in db.execute(resting)
        if (row.here - row.over_at).total_seconds() >= settle_s * 2 ** min(row.times, MOST_DOUBLINGS)
    ]  # fmt: skip
    ids = [row.id for row in ended]
    db.execute(update(Alert).where(Alert.id.in_(ids)).values(state="resolved", resolved_at=Alert.over_at))
    return [row.subject for row in ended]


def every(db: Connection, *, state: str | None = "open", kind: str | None = None, limit: int = 100) -> list[Any]:
    """The newest first; what is not yet an alert is left out."""
    wanted = select(Alert.__table__).where(Alert.state != "pending").order_by(Alert.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(Alert.state == state)
    return list(db.execute(wanted if kind is None else wanted.where(Alert.kind == kind)))


def to_tell(db: Connection, within_s: float) -> list[Any]:
    """Those that are open, and those that ended within the last seconds, the oldest first."""
    lately = (Alert.state == "resolved") & (Alert.resolved_at > now(-within_s))
    wanted = select(Alert.__table__).where(or_(Alert.state == "open", lately))
    return list(db.execute(wanted.order_by(Alert.id)))


def ack(db: Connection, id: int, by: str, note: str | None) -> bool:
    """A person has seen it. False when there is no open one of this id."""
    seen = update(Alert).where(Alert.id == id, Alert.state == "open").values(acked_by=by, acked_at=now(), note=note)
    return db.execute(seen).rowcount == 1
