"""Questions of runs to people, and what was said."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from store.events import insert
from store.models import Approval, Run
from store.types import now

_OF_RUN = select(Approval.__table__).where(Approval.run_id == bindparam("run"))
_OPEN = (Approval.run_id == bindparam("run"), Approval.state == "open")
_END = update(Approval.__table__).where(*_OPEN).values(state="expired")  # type: ignore[arg-type]


def ask(db: Connection, values: dict[str, Any]) -> None:
    """Put a question, once for each step of a run."""
    db.execute(insert(db, Approval).values(values).on_conflict_do_nothing())


def get(db: Connection, id: int) -> Any | None:
    return db.execute(select(Approval.__table__).where(Approval.id == id)).first()


def of_run(db: Connection, run_id: int) -> list[Any]:
    return list(db.execute(_OF_RUN, {"run": run_id}))


def every(db: Connection, state: str | None, limit: int) -> list[Any]:
    """The newest first."""
    wanted = select(Approval.__table__).order_by(Approval.id.desc()).limit(limit)
    return list(db.execute(wanted if state is None else wanted.where(Approval.state == state)))


def answer(db: Connection, id: int, choice: str, by: str, note: str | None) -> bool:
    """Keep an answer and make the run due. False when it was answered, has expired, or its run has ended meanwhile."""
    values = {"state": "answered", "choice": choice, "answered_by": by, "answered_at": now(), "note": note}
    late = Approval.until.is_not(None) & (Approval.until <= now())
    waits = select(Run.id).where(Run.id == Approval.run_id, Run.state.in_(("waiting", "running"))).exists()
    said = update(Approval).where(Approval.id == id, Approval.state == "open", ~late, waits).values(values)
    run_id = db.execute(said.returning(Approval.run_id)).scalar()
    if run_id is None:
        return False
    db.execute(update(Run).where(Run.id == run_id, Run.state == "waiting").values(run_after=now(), rung_at=None))
    return True


def expire(db: Connection, run_id: int, path: str, moment: dt.datetime) -> None:
    """Nobody answered in time, or the run has ended."""
    same = (Approval.run_id == run_id, Approval.path == path, Approval.state == "open")
    db.execute(update(Approval).where(*same, Approval.until <= moment).values(state="expired"))


def end_with_run(db: Connection, run_id: int) -> None:
    db.execute(_END, {"run": run_id})
