"""Operations: long work that a person began, held like any other, with what it did to each run or event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, or_, select, update

from store import leases
from store.events import insert
from store.leases import Held
from store.models import Import, ImportPart, Operation, OperationItem, Run
from store.types import now

Json = dict[str, Any]
GOING = ("waiting", "running")
RESTING = ("paused", "stopped")
ENDED = ("done", "cancelled", "failed")
MOST_LOOKED_AT = 2000
# What an operation is said to be: its own state, unless a worker has it or will have it, or it is an import's.
_OWN = case(
    (Operation.state.not_in(GOING), Operation.state),
    (Operation.phase == "back", literal("taking back")),
    (Operation.started_at.is_(None), literal("waiting")),
    (Operation.phase == "canary", literal("canary")),
    else_=literal("running"),
)
_IMPORT = case((Import.state == "ok", literal("done")), else_=Import.state)
STATE = case((Operation.import_id.is_not(None), _IMPORT), else_=_OWN)
STATES = ("waiting", "canary", "running", "paused", "stopped", "taking back", *ENDED)


def add(
    db: Connection,
    kind: str,
    what: Mapping[str, Any],
    by: str,
    *,
    why: str = "",
    connectors: Collection[str] | None = None,
    total: int | None = None,
    rate: float | None = None,
    canary: int = 0,
    window_s: float = 0.0,
    import_id: int | None = None,
) -> int:
    """A new operation, due when its undo window is over; one that stands for an import is never due itself."""
    values = {
        "kind": kind, "what": dict(what), "requested_by": by, "why": why, "total": total, "rate": rate, "canary": canary,
        "connectors": None if connectors is None else sorted(connectors), "phase": "canary" if canary else "rest",
        "lane": "manual", "starts_at": now(window_s), "import_id": import_id,
        "run_after": now(window_s) if import_id is None else None,
    }  # fmt: skip
    return int(db.execute(insert(db, Operation).values(values).returning(Operation.id)).one().id)


def claim(db: Connection, id: int, holder: str) -> Held | None:
    held = leases.claim(db, Operation, id, holder)
    if held is not None:
        begun = update(Operation).where(Operation.id == id, Operation.started_at.is_(None), Operation.phase != "back")
        db.execute(begun.values(started_at=now()))
    return held


def held_row(db: Connection, held: Held) -> Any:
    """The operation as it is, with the database's time as `now_there`. Proves the lease: raises LostLease."""
    leases.renew(db, held)
    return db.execute(select(Operation.__table__, now().label("now_there")).where(Operation.id == held.id)).one()


def keep(db: Connection, held: Held, **values: Any) -> None:
    """Note how far it is, in the transaction that proved the lease."""
    db.execute(update(Operation).where(Operation.id == held.id).values(**values))


def progress(db: Connection, held: Held, **values: Any) -> None:
    """The same, proving the lease. Raises: LostLease, also when it was paused or cancelled meanwhile."""
    leases.renew(db, held)
    keep(db, held, **values)


def rest(db: Connection, held: Held, state: str, reason: str) -> None:
    """Let go until a person says so, by its holder. Raises: LostLease."""
    leases.put_back(db, held, 0.0, counts=False, state=state, reason=reason, run_after=None)


def hold(db: Connection, id: int, state: str, reason: str | None, *, among: Sequence[str]) -> bool:
    """By a person: pause or end it. Whoever holds it notices at its next chunk, since its fence is old. False when it is in
    none of the states `among`."""
    values = {
        "state": state, "reason": reason, "run_after": None, "lease_until": None, "holder": None, "fence": Operation.fence + 1,
        "finished_at": now() if state in ENDED else None,
    }  # fmt: skip
    return db.execute(update(Operation).where(Operation.id == id, Operation.state.in_(among)).values(values)).rowcount == 1


def go_on(db: Connection, id: int, phase: str, *, among: Sequence[str]) -> bool:
    """Make it due with this phase. False when it is in none of the states `among`."""
    values = {
        "state": "waiting", "phase": phase, "reason": None, "run_after": now(), "rung_at": None, "lost": 0, "paced_at": None,
        "finished_at": None, "lease_until": None, "holder": None, "fence": Operation.fence + 1,
    }  # fmt: skip
    return db.execute(update(Operation).where(Operation.id == id, Operation.state.in_(among)).values(values)).rowcount == 1


def get(db: Connection, id: int) -> Json | None:
    """One operation, `state` as people read it; that of an import with its lists as `total`, `done`, `failed`, `skipped`."""
    row = db.execute(_shown().where(Operation.id == id)).first()
    return None if row is None else _with_lists(db, [dict(row._mapping)])[0]


def listed(
    db: Connection,
    *,
    limit: int,
    before: int | None = None,
    kind: str | None = None,
    state: str | None = None,
    only: Collection[str] | None = None,
    by: str | None = None,
) -> list[Json]:
    """Newest first. With `only`, those that `by` began and the imports of these connectors."""
    conditions: list[ColumnElement[bool]] = []
    conditions += [Operation.id < before] if before is not None else []
    conditions += [Operation.kind == kind] if kind else []
    conditions += [STATE.in_((state,))] if state else []
    if only is not None:
        conditions.append(or_(Operation.requested_by == by, Import.connector.in_(sorted(only))))
    rows = db.execute(_shown().where(*conditions).order_by(Operation.id.desc()).limit(limit))
    return _with_lists(db, [dict(row._mapping) for row in rows])


def _shown() -> Select[Any]:
    own = [
        getattr(Operation, name)
        for name in (
            "id", "kind", "what", "requested_by", "why", "phase", "total", "done", "failed", "skipped", "taken_back", "rate",
            "canary", "import_id", "result", "starts_at", "created_at", "connectors",
        )
    ]  # fmt: skip
    either = [
        func.coalesce(getattr(Import, name), getattr(Operation, name)).label(name)
        for name in ("started_at", "finished_at", "reason")
    ]
    joined = select(*own, *either, STATE.label("state"), Import.connector.label("connector"), now().label("now_there"))
    return joined.outerjoin(Import, Import.id == Operation.import_id)


def _with_lists(db: Connection, rows: list[Json]) -> list[Json]:
    """For imports: how many of their lists are in which state."""
    ids = [row["import_id"] for row in rows if row["import_id"] is not None]
    found: dict[int, Json] = {id: {} for id in ids}
    counted = select(ImportPart.import_id, ImportPart.state, func.count()).where(ImportPart.import_id.in_(ids))
    for import_id, state, count in db.execute(counted.group_by(ImportPart.import_id, ImportPart.state)) if ids else ():
        found[import_id][state] = count
    for row in rows:
        if (lists := found.get(row["import_id"])) is not None:
            row |= {"total": sum(lists.values()) or None, "done": lists.get("ok", 0)}
            row |= {name: lists.get(name, 0) for name in ("failed", "skipped")}
    return rows


def of_import(db: Connection, import_id: int) -> int:
    return int(db.execute(select(Operation.id).where(Operation.import_id == import_id)).scalar_one())


def keep_items(db: Connection, id: int, rows: Sequence[tuple[int, int | None, Json | None]]) -> None:
    """(subject, run, the run as it was) of what was just done."""
    values = [
        {"operation_id": id, "subject_id": subject, "run_id": run, "state": "done", "was": was} for subject, run, was in rows
    ]
    if values:
        db.execute(insert(db, OperationItem), values)


def items(db: Connection, id: int, limit: int, state: str | None = None) -> list[Any]:
    """In the order of their ids."""
    same = [OperationItem.operation_id == id, *([OperationItem.state == state] if state else [])]
    rows = select(OperationItem.__table__).where(*same).order_by(OperationItem.subject_id)
    return list(db.execute(rows.limit(limit)))


def mark_items(db: Connection, id: int, subjects: Collection[int], state: str) -> None:
    same = (OperationItem.operation_id == id, OperationItem.subject_id.in_(subjects))
    db.execute(update(OperationItem).where(*same).values(state=state))


def runs_of(db: Connection, id: int, limit: int) -> list[Any]:
    """Some of the runs that it made due, with how they stand now; those that failed first."""
    wanted = select(Run.id, Run.state, Run.automation, Run.connector, Run.reason, Run.error)
    worst = case((Run.state.in_(("failed", "parked")), 0), (Run.state == "running", 1), (Run.state == "waiting", 2), else_=3)
    return list(db.execute(wanted.where(Run.id.in_(_lately(id))).order_by(worst, Run.id.desc()).limit(limit)))


def outcomes(db: Connection, id: int) -> dict[str, int]:
    """How many of the runs that it made due are in which state; of the newest `MOST_LOOKED_AT` of them, where it has more."""
    counted = select(Run.state, func.count()).where(Run.id.in_(_lately(id))).group_by(Run.state)
    return {state: count for state, count in db.execute(counted)}  # noqa: C416 (rows, not tuples)


def _lately(id: int) -> Any:
    """A page that renews itself every two seconds must not go through fifty thousand runs each time."""
    mine = (OperationItem.operation_id == id, OperationItem.state != "taken back", OperationItem.run_id.is_not(None))
    newest = select(OperationItem.run_id).where(*mine).order_by(OperationItem.subject_id.desc()).limit(MOST_LOOKED_AT)
    return select(newest.subquery().c.run_id)


def of_run(db: Connection, run_id: int) -> list[Any]:
    """(operation, kind, state of the item) of those that touched a run, the newest first."""
    wanted = select(Operation.id, Operation.kind, OperationItem.state, Operation.requested_by, Operation.created_at)
    joined = wanted.join(OperationItem, OperationItem.operation_id == Operation.id).where(OperationItem.run_id == run_id)
    return list(db.execute(joined.order_by(Operation.id.desc()).limit(20)))


def paced(row: Any, most: int) -> tuple[int, dt.datetime | None, float]:
    """How many it may do now, until when the rate is used up then, and in how many seconds it may do the next.

    A rate is kept over the last second at most, so that a pause makes no burst.
    """
    if row.rate is None:
        return most, None, 0.0
    here: dt.datetime = row.now_there
    from_ = max(row.paced_at or here - dt.timedelta(seconds=1 / row.rate), here - dt.timedelta(seconds=max(1.0, 1 / row.rate)))
    count = min(most, int((here - from_).total_seconds() * row.rate + 1e-6))
    until = from_ + dt.timedelta(seconds=count / row.rate)
    return count, until, max(0.0, (until - here).total_seconds() + 1 / row.rate)
