"""What destinations are told of alerts: a row per alert, destination and transition, so that each is told once.

What goes out together is named before it is sent, as with digests: a second try says what the first one said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from store import timers
from store.events import insert
from store.models import Alert, Notice, Timer
from store.types import now

KIND = "tell"


def of(db: Connection, alerts: Collection[int]) -> dict[tuple[int, str], list[Any]]:
    """The notices of these alerts, by alert and destination, the oldest first, each with its age as `age_s`."""
    wanted = select(Notice.__table__, now().label("here")).where(Notice.alert_id.in_(sorted(alerts))).order_by(Notice.id)
    found: dict[tuple[int, str], list[Any]] = {}
    for row in db.execute(wanted):
        found.setdefault((row.alert_id, row.destination), []).append(row)
    return found


def keep(db: Connection, alert: int, destination: str, what: str, number: int) -> bool:
    """One notice, once. True when that is news."""
    values = {"alert_id": alert, "destination": destination, "what": what, "number": number, "state": "waiting", "tries": 0}
    made = insert(db, Notice).values(values).on_conflict_do_nothing().returning(Notice.id)
    return db.execute(made).first() is not None


def arm(db: Connection, destination: str, in_s: float) -> None:
    """See that the destination is told in `in_s` seconds, or before when that is set already.

    One that just took nothing is left its time: what begins meanwhile goes out with the next try.
    """
    here = (Timer.kind == KIND, Timer.subject == destination)
    timer = db.execute(select(Timer.state, Timer.run_after).where(*here).with_for_update()).first()
    tried = select(Notice.id).where(Notice.destination == destination, Notice.state == "waiting", Notice.tries > 0)
    if timer is None or timer.state != "waiting" or timer.run_after is None:
        timers.arm(db, KIND, destination, in_s=in_s)
    elif db.scalar(tried.limit(1)) is None:
        timers.sooner(db, KIND, destination, in_s=in_s)


def put_off(db: Connection, destination: str, in_s: float) -> None:
    """Try again in so many seconds, whatever begins meanwhile."""
    timers.arm(db, KIND, destination, in_s=in_s)


def busy(db: Connection, destination: str, within_s: float) -> int:
    """How many messages went there within the last seconds."""
    sent = (Notice.destination == destination, Notice.state == "sent", Notice.ended_at > now(-within_s))
    return db.scalar(select(func.count(func.distinct(Notice.message))).where(*sent)) or 0


def take(db: Connection, destination: str) -> list[Any]:
    """What is said there next, with the alert of each: what an earlier try took, else all that waits."""
    waits = (Notice.destination == destination, Notice.state == "waiting")
    oldest = select(Notice.message).where(*waits, Notice.message.is_not(None)).order_by(Notice.id).limit(1)
    message = db.scalar(oldest) or _taken(db, destination, waits)
    about = (Alert.kind, Alert.subject, Alert.message.label("said"), Alert.severity, Alert.runbook, Alert.since,
             Alert.resolved_at, Alert.times)  # fmt: skip
    wanted = select(Notice.__table__, *about).join(Alert, Alert.id == Notice.alert_id)
    return list(db.execute(wanted.where(*waits, Notice.message == message).order_by(Notice.id)))


def _taken(db: Connection, destination: str, waits: tuple[Any, ...]) -> str | None:
    first = db.scalar(select(func.min(Notice.id)).where(*waits))
    if first is None:
        return None
    message = hashlib.sha256(f"alerts/{destination}/{first}".encode()).hexdigest()
    db.execute(update(Notice).where(*waits, Notice.message.is_(None)).values(message=message))
    return message


def sent(db: Connection, message: str) -> None:
    db.execute(update(Notice).where(Notice.message == message).values(state="sent", ended_at=now(), error=None))


def failed(db: Connection, message: str, error: str) -> int:
    """Note a try that went wrong; how many it were."""
    db.execute(update(Notice).where(Notice.message == message).values(tries=Notice.tries + 1, error=error))
    return db.scalar(select(func.max(Notice.tries)).where(Notice.message == message)) or 0


def drop(db: Connection, older_s: float) -> None:
    """Give up what could not be said for so long: by then somebody has looked."""
    late = (Notice.state == "waiting", Notice.created_at < now(-older_s))
    db.execute(update(Notice).where(*late).values(state="dropped", ended_at=now()))


def drop_but(db: Connection, destinations: Collection[str]) -> None:
    """What waits for destinations that nobody wants told any more."""
    stray = (Notice.state == "waiting", Notice.destination.not_in(sorted(destinations)))
    db.execute(update(Notice).where(*stray).values(state="dropped", ended_at=now()))


def failing(db: Connection, tries: int) -> list[tuple[str, str, int]]:
    """(destination, last error, how many notices wait) of those that took nothing for so many tries."""
    wanted = (
        select(Notice.destination, func.max(Notice.error), func.count())
        .where(Notice.state == "waiting")
        .group_by(Notice.destination)
        .having(func.max(Notice.tries) >= tries)
    )
    return [(row[0], row[1] or "", row[2]) for row in db.execute(wanted.order_by(Notice.destination))]


def told(db: Connection, alerts: Collection[int]) -> dict[int, list[str]]:
    """To which destinations each alert went, by its id; one that something waits for still is marked."""
    wanted = select(Notice.alert_id, Notice.destination, func.max(Notice.state)).where(
        Notice.alert_id.in_(sorted(alerts)), Notice.state != "dropped"
    )
    found: dict[int, list[str]] = {}
    for id, name, state in db.execute(wanted.group_by(Notice.alert_id, Notice.destination).order_by(Notice.destination)):
        found.setdefault(id, []).append(f"{name} (waiting)" if state == "waiting" else name)
    return found


def waiting(db: Connection) -> dict[str, int]:
    """How much waits to be told, by destination; 0 for one that has heard all."""
    count = func.count(case((Notice.state == "waiting", 1)))
    return {row[0]: int(row[1]) for row in db.execute(select(Notice.destination, count).group_by(Notice.destination))}
