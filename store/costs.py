"""What an automation costs in calls to Procore, counted over its newest runs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from store.models import Call, Run

LATELY = 200


def of_automation(db: Connection, name: str) -> dict[str, Any]:
    """Over its newest finished runs, at most 200: `runs`, `own` calls of their steps, `most` calls of one of them, and `reads`:
    calls for the records that they began with, which other rules may have shared."""
    lately = select(Run.id, Run.fetch_id).where(Run.automation == name, Run.state.in_(("ok", "failed")))
    rows = list(db.execute(lately.order_by(Run.id.desc()).limit(LATELY)))
    ids, fetches = [row.id for row in rows], sorted({row.fetch_id for row in rows if row.fetch_id is not None})
    of_each = select(func.count(Call.id).label("calls")).where(Call.run_id.in_(ids)).group_by(Call.run_id).subquery()
    own, most = db.execute(select(func.sum(of_each.c.calls), func.max(of_each.c.calls))).one()
    reads = db.scalar(select(func.count(Call.id)).where(Call.fetch_id.in_(fetches), Call.run_id.is_(None)))
    return {"runs": len(ids), "own": int(own or 0), "most": int(most or 0), "reads": int(reads or 0)}
