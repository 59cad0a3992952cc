"""Counters that rules raise, and the door's own (their names have a colon): one row per name and set of labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from store.events import insert
from store.models import Counter
from store.types import now, storable

MOST_PER_NAME = 100


def add(db: Connection, name: str, labels: Mapping[str, str], by: float) -> float | None:
    """The new value; None when this would be one set of labels too many for the name, and nothing is written then.

    Several processes that come with new labels in the same moment may pass the limit by a few, which does no harm.
    """
    kept = {storable(label): storable(value) for label, value in sorted(labels.items())}
    series = hashlib.sha256(json.dumps([name, kept]).encode()).hexdigest()
    if db.scalar(select(Counter.series).where(Counter.series == series)) is None and _count(db, name) >= MOST_PER_NAME:
        return None
    row = {"series": series, "name": name, "labels": kept, "value": by, "updated_at": now()}
    upsert = insert(db, Counter).values(row)
    raised = {"value": Counter.value + by, "updated_at": now()}
    done = upsert.on_conflict_do_update(index_elements=["series"], set_=raised).returning(Counter.value)
    return float(db.execute(done).scalar_one())


def _count(db: Connection, name: str) -> int:
    return db.scalar(select(func.count()).select_from(Counter).where(Counter.name == name)) or 0


def every(db: Connection) -> list[dict[str, Any]]:
    """`{"name", "labels", "value", "updated_at"}` of each, for the metrics page; by name."""
    columns = (Counter.name, Counter.labels, Counter.value, Counter.updated_at)
    return [dict(row._mapping) for row in db.execute(select(*columns).order_by(Counter.name, Counter.series))]
