"""Caps on what an automation changes outside, counted over all its runs in a sliding window."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy import insert as plain_insert

from store.models import Spent
from store.types import now

KEPT_S = 400 * 86_400.0  # longer than any window


def take(db: Connection, values: dict[str, Any], count: int, per_s: float) -> int:
    """How many of `values["wanted"]` the effect may make: what it was granted before, else what the window leaves.

    Exact, however many workers ask: they take turns per automation until the end of the transaction.
    """
    automation, kind = values["automation"], values["kind"]
    _alone(db, f"{automation} {kind}")
    db.execute(delete(Spent).where(Spent.at < now(-KEPT_S)))
    same = (Spent.automation == automation, Spent.kind == kind)
    known = db.execute(select(Spent.__table__).where(*same, Spent.effect_key == values["effect_key"])).first()
    if known is not None and known.granted:
        return min(int(known.granted), int(values["wanted"]))
    used = db.scalar(select(func.coalesce(func.sum(Spent.granted), 0)).where(*same, Spent.at > now(-per_s)))
    granted = max(0, min(int(values["wanted"]), count - int(used or 0)))
    if known is None:
        db.execute(plain_insert(Spent).values({**values, "granted": granted}))
    else:
        again = {"granted": granted, "wanted": values["wanted"], "run_id": values["run_id"], "at": now()}
        db.execute(update(Spent).where(Spent.id == known.id).values(again))
    return granted


def room_in_s(db: Connection, automation: str, kind: str, per_s: float) -> float | None:
    """Seconds until the oldest change leaves the window; None when there is none in it."""
    oldest, here = db.execute(
        select(func.min(Spent.at), now()).where(
            Spent.automation == automation, Spent.kind == kind, Spent.granted > 0, Spent.at > now(-per_s)
        )
    ).one()
    return None if oldest is None else max(0.0, per_s - (here - oldest).total_seconds())


def held_back(db: Connection, since_s: float) -> list[Any]:
    """Automation, kind and how many changes are held back, of the last so many seconds."""
    left = func.sum(Spent.wanted - Spent.granted)
    return list(
        db.execute(
            select(Spent.automation, Spent.kind, left.label("left"), func.max(Spent.run_id).label("run_id"))
            .where(Spent.wanted > Spent.granted, Spent.at > now(-since_s))
            .group_by(Spent.automation, Spent.kind)
            .order_by(Spent.automation)
        )
    )


def _alone(db: Connection, name: str) -> None:
    """SQLite has one writer anyway."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"tieback cap {name}"})
