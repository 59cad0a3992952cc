"""Signs of life, and whether the whole is ready."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select

from store import deliveries, leases
from store.definitions import fact
from store.events import insert
from store.models import Beat, Fetch, Run
from store.types import now

ALIVE_S = 10.0
STALLED_S = 60.0


def beat(db: Connection, holder: str, role: str, about: dict[str, Any] | None = None) -> None:
    values = {"role": role, "beat_at": now(), "about": about}
    upsert = insert(db, Beat).values({"holder": holder, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["holder"], set_=values))
    db.execute(delete(Beat).where(Beat.beat_at < now(-24 * 3600)))


def gone(db: Connection, holder: str) -> None:
    db.execute(delete(Beat).where(Beat.holder == holder))


def alive(db: Connection) -> list[Any]:
    """Every beat of the last day with its age in seconds as `age_s`."""
    rows = db.execute(select(Beat.__table__, now().label("now_there")).order_by(Beat.role, Beat.holder))
    return [{**row._mapping, "age_s": (row.now_there - row.beat_at).total_seconds()} for row in rows]


def not_ready(db: Connection) -> str | None:
    """Why the whole is not ready, in one sentence; None when it is."""
    if fact(db, "site_loaded", "") == "":
        return "the site is not loaded yet"
    beats = db.execute(select(Beat.role, func.max(Beat.beat_at).label("last")).group_by(Beat.role))
    newest = {row.role: row.last for row in beats}
    here = db.scalar(select(now()))
    assert here is not None
    for role in ("relay", "worker"):
        last = newest.get(role)
        if last is None or (here - last).total_seconds() > ALIVE_S:
            return f"no {role} has given a sign of life for {ALIVE_S:.0f} s"
    waits = max(deliveries.oldest_waiting_s(db), leases.oldest_due_s(db, Run), leases.oldest_due_s(db, Fetch))
    return f"work has been due for {waits:.0f} s" if waits > STALLED_S else None
