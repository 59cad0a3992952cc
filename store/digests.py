"""Messages that were held back, and the digests that say them.

A digest takes its messages before it is sent, so that whatever is gathered meanwhile goes into the next one, and a
second try says exactly what the first one said.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from store import timers
from store.events import insert
from store.models import Gathered, Timer
from store.types import now

KIND = "digest"


def keep(db: Connection, values: dict[str, Any]) -> None:
    """One message, once per effect key, and the timer that sends it. `bundle` is filled from the rest."""
    bundle = bundle_of(values)
    upsert = insert(db, Gathered).values({**values, "bundle": bundle}).on_conflict_do_nothing()
    if db.execute(upsert.returning(Gathered.id)).first() is not None:
        _arm(db, bundle, values["until"])


def _arm(db: Connection, bundle: str, until: dt.datetime) -> None:
    """At the end of the window, unless the bundle is sent before that anyway."""
    # Locked, so that who claims it now sees our message, or has claimed it already and is told to come again.
    set_ = select(Timer.state, Timer.run_after).where(Timer.kind == KIND, Timer.subject == bundle).with_for_update()
    timer = db.execute(set_).first()
    if timer is None or timer.state != "waiting" or timer.run_after > until:
        timers.arm(db, KIND, bundle, in_s=max(0.0, (until - timers.clock(db)).total_seconds()))


def bundle_of(values: dict[str, Any]) -> str:
    """The name of all that goes out together: one automation, destination, throttle key and list of recipients."""
    apart = [values["message"].get("throttle", ""), *values["message"].get("recipients", ())]
    return f"{values['automation']}/{values['destination']}/{hashlib.sha256(repr(apart).encode()).hexdigest()[:16]}"


def take(db: Connection, bundle: str, but: Sequence[str] = ()) -> list[Any]:
    """The messages of the next digest of a bundle, oldest first; those that an earlier try took, when there are any.

    `but` are digests that are left alone.
    """
    unsent = (Gathered.bundle == bundle, Gathered.sent_at.is_(None))
    held = (*unsent, Gathered.digest.is_not(None), Gathered.digest.not_in(but))
    taken = db.scalar(select(Gathered.digest).where(*held).order_by(Gathered.id).limit(1)) or _taken(db, bundle, unsent)
    return list(db.execute(select(Gathered.__table__).where(*unsent, Gathered.digest == taken).order_by(Gathered.id)))


def _taken(db: Connection, bundle: str, unsent: tuple[ColumnElement[bool], ...]) -> str | None:
    """A new digest of what is in none yet; None when there is nothing."""
    free = (*unsent, Gathered.digest.is_(None))
    first = db.scalar(select(func.min(Gathered.id)).where(*free))
    if first is None:
        return None
    digest = hashlib.sha256(f"digest/{bundle}/{first}".encode()).hexdigest()
    db.execute(update(Gathered).where(*free).values(digest=digest))
    return digest


def sent(db: Connection, digest: str) -> None:
    db.execute(update(Gathered).where(Gathered.digest == digest).values(sent_at=now()))


def overdue(db: Connection, grace_s: float) -> list[dict[str, Any]]:
    """Digests that should have gone out: `{"automation", "destination", "count", "since", "error"}`."""
    wanted = (
        select(
            Gathered.automation, Gathered.destination, func.count().label("count"), func.min(Gathered.until).label("since"),
            func.max(Timer.error).label("error"),
        )
        .join(Timer, (Timer.kind == KIND) & (Timer.subject == Gathered.bundle), isouter=True)
        .where(Gathered.sent_at.is_(None), or_(Timer.error.is_not(None), Gathered.until < now(-grace_s)))
        .group_by(Gathered.automation, Gathered.destination)
        .order_by(Gathered.automation, Gathered.destination)
    )  # fmt: skip
    return [dict(row._mapping) for row in db.execute(wanted)]
