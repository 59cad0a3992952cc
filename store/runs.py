"""Runs with their steps and effects: what a worker keeps while it holds one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, select, update
from sqlalchemy import insert as plain_insert

from store import fetches, imports
from store.events import insert
from store.models import Effect, Event, Fetch, Run, Step
from store.types import now

AGAIN = ("failed", "parked", "cancelled")
FAILED_BEFORE = "~failed"
_GET = select(Run.__table__).where(Run.id == bindparam("of_id"))
_STEPS = select(Step.__table__).where(Step.run_id == bindparam("run")).order_by(Step.id)
_ADD_STEP = plain_insert(Step.__table__)  # type: ignore[arg-type]
_BEFORE = ("state", "reason", "error", "cause", "attempt", "lost", "finished_at", "fetch_id", "lane")


def get(db: Connection, id: int) -> Any | None:
    return db.execute(_GET, {"of_id": id}).first()


def company(db: Connection, id: int) -> str:
    """The company that its event is about; "" where none is."""
    return db.scalar(select(Event.company_id).join(Run, Run.event_id == Event.id).where(Run.id == id)) or ""


def of_event(db: Connection, event_id: int | None, automation: str) -> int | None:
    return db.scalar(select(Run.id).where(Run.event_id == event_id, Run.automation == automation))


def last_ok(db: Connection, automation: str) -> Any:
    """When a run of this automation was last ok."""
    return db.scalar(select(func.max(Run.finished_at)).where(Run.automation == automation, Run.state == "ok"))


def lags_s(db: Connection, automation: str, within_s: float, most: int = 1000) -> list[float]:
    """How many seconds the latest runs took from their making to their end."""
    same = (Run.automation == automation, Run.state == "ok", Run.finished_at > now(-within_s))
    rows = db.execute(select(Run.created_at, Run.finished_at).where(*same).order_by(Run.id.desc()).limit(most))
    return [(row.finished_at - row.created_at).total_seconds() for row in rows]


def due_now(db: Connection, id: int) -> None:
    db.execute(update(Run).where(Run.id == id, Run.state == "waiting").values(run_after=now(), rung_at=None))


def unfinished(db: Connection, id: int) -> bool:
    """True while a worker has it, or will have it again by itself."""
    return db.scalar(select(Run.state).where(Run.id == id)) in ("waiting", "running")


_STARTED = (
    update(Run.__table__)  # type: ignore[arg-type]
    .where(Run.id == bindparam("of_id"))
    .values(started_at=func.coalesce(Run.started_at, now()), group_key=None)
    .returning(Run.__table__)
)


def started(db: Connection, id: int) -> Any:
    """Note when a claimed run began, and let no further event join it. Its row."""
    return db.execute(_STARTED, {"of_id": id}).one()


def digest_until(db: Connection, id: int) -> Any:
    return db.scalar(select(Run.digest_until).where(Run.id == id))


def steps(db: Connection, run_id: int) -> list[Any]:
    """Every kept result of a run's steps, oldest first; the last of a path is the one that counts."""
    return list(db.execute(_STEPS, {"run": run_id}))


def add_step(db: Connection, values: dict[str, Any]) -> None:
    db.execute(_ADD_STEP, values)


def effect(db: Connection, id: int) -> Any | None:
    """One row of the ledger, locked until the end of the transaction."""
    return db.execute(select(Effect.__table__).where(Effect.id == id).with_for_update()).first()


def effects(db: Connection, run_id: int) -> list[Any]:
    return list(db.execute(select(Effect.__table__).where(Effect.run_id == run_id).order_by(Effect.id)))


def intend(db: Connection, values: dict[str, Any]) -> tuple[Any, bool]:
    """The ledger's row for an effect, and whether this call wrote it. `failed` becomes a fresh intent again."""
    made = db.execute(
        insert(db, Effect).values({**values, "state": "intent"}).on_conflict_do_nothing().returning(Effect.id)
    ).first()
    key = Effect.effect_key == values["effect_key"]
    if made is None:
        again = {"state": "intent", "fence": values["fence"], "request_hash": values["request_hash"], "settled_at": None}
        made = db.execute(update(Effect).where(key, Effect.state == "failed").values(again).returning(Effect.id)).first()
    return db.execute(select(Effect.__table__).where(key)).one(), made is not None


def settle(db: Connection, effect_key: str, state: str, response: Any) -> None:
    """The outcome of an effect. One that is applied stays applied."""
    db.execute(
        update(Effect)
        .where(Effect.effect_key == effect_key, Effect.state != "applied")
        .values(state=state, response=response, settled_at=now())
    )


def again(db: Connection, id: int) -> bool:
    """A person wants a finished run tried again: due now; steps that succeeded are not repeated.

    One whose record was never read waits for a new read first. False when it has not failed, is not finished, or is no more
    than the line that a purge left of it.
    """
    return bool(again_all(db, [id]))


def again_all(db: Connection, ids: Collection[int], lane: str | None = None) -> dict[int, dict[str, Any]]:
    """The same for many, in another lane if one is given. What each of those that are due now was before, for `back`."""
    wanted = select(Run.id, Run.fence, Run.after_id, *(getattr(Run, name) for name in _BEFORE))
    wanted = wanted.where(Run.id.in_(ids), Run.state.in_(AGAIN)).order_by(Run.id)
    # Each event locked, so that no purge begins with it before the end of the transaction; what is left of one is a line.
    whole = select(Event.id).join(Run, Run.event_id == Event.id).where(Run.id.in_(ids), Event.purged_at.is_(None))
    kept = list(db.scalars(whole.order_by(Event.id).with_for_update(read=True, of=Event)))
    rows = list(db.execute(wanted.where(Run.event_id.in_(kept)).with_for_update()))
    unread = [row.id for row in rows if row.fetch_id is not None and row.after_id is None]
    fresh = {
        "state": "waiting", "run_after": case((Run.id.in_(unread), None), else_=now()), "attempt": 0, "lost": 0, "rung_at": None,
        "finished_at": None, "cancel_asked": None, "reason": None, "error": None, "cause": None,
        "through": False, **({"lane": lane} if lane else {}),
    }  # fmt: skip
    if not rows:
        return {}
    db.execute(update(Run).where(Run.id.in_([row.id for row in rows])).values(fresh))
    # What came after the failure belongs to it; should it fail again, that is done again.
    mark = {"path": FAILED_BEFORE, "state": "skipped", "attempt": 1, "duration_ms": 0}
    db.execute(plain_insert(Step), [{"run_id": row.id, **mark} for row in rows])
    for row in rows:
        if row.id in unread:
            db.execute(update(Run).where(Run.id == row.id).values(fetch_id=fetches.again(db, row.fetch_id)))
    return {row.id: {"fence": row.fence, **{name: _plain(getattr(row, name)) for name in _BEFORE}} for row in rows}


def back(db: Connection, id: int, was: Mapping[str, Any]) -> bool:
    """Make a run what it was before `again_all`. False when somebody has begun with it since."""
    ended = was["finished_at"] and dt.datetime.fromisoformat(was["finished_at"])
    values = {name: was[name] for name in _BEFORE if name != "finished_at"}
    mine = (Run.id == id, Run.state == "waiting", Run.fence == was["fence"])
    done = db.execute(update(Run).where(*mine).values(**values, finished_at=ended, run_after=None, rung_at=None))
    if done.rowcount != 1:
        return False
    last = select(func.max(Step.id)).where(Step.run_id == id, Step.path == FAILED_BEFORE).scalar_subquery()
    db.execute(delete(Step).where(Step.id == last))
    return True


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _purged(db: Connection, event_id: int) -> bool:
    """Locked, so that no purge begins with it before the end of the transaction."""
    kept = select(Event.purged_at).where(Event.id == event_id).with_for_update(read=True)
    return db.scalar(kept) is not None


def cancel(db: Connection, id: int, reason: str) -> bool:
    """A person wants a run to end: at once when it waits, before its next step when it is running. False when it has ended."""
    done = db.execute(
        update(Run)
        .where(Run.id == id, Run.state.in_(("waiting", "parked")))
        .values(state="cancelled", reason=reason, finished_at=now(), run_after=None, group_key=None)
    )
    if done.rowcount == 1:
        imports.cancel_of_run(db, id, f"run {id} was cancelled: {reason}")
        return True
    return db.execute(update(Run).where(Run.id == id, Run.state == "running").values(cancel_asked=reason)).rowcount == 1


def cancel_unbegun(db: Connection, ids: Collection[int], reason: str) -> set[int]:
    """End those that nobody has begun with; their ids."""
    unbegun = (Run.id.in_(ids), Run.state == "waiting", Run.fence == 0)
    ended = update(Run).where(*unbegun).values(state="cancelled", reason=reason, finished_at=now(), run_after=None)
    return set(db.scalars(ended.returning(Run.id)))


def through(db: Connection, id: int, put_off: str) -> bool:
    """Let a waiting run, and the read it waits for, pass while its lane or connector is paused. False when it does not wait.

    `put_off` is the reason of one that looks again later only because of the pause.
    """
    again = case((Run.reason == put_off, now()), else_=Run.run_after)
    waits = (Run.id == id, Run.state == "waiting")
    fetch_id = db.scalar(select(Run.fetch_id).where(*waits))
    if fetch_id is not None:
        due = {"through": True, "run_after": case((Fetch.reason == put_off, now()), else_=Fetch.run_after), "rung_at": None}
        db.execute(update(Fetch).where(Fetch.id == fetch_id, Fetch.state == "waiting").values(due))
    return db.execute(update(Run).where(*waits).values(through=True, run_after=again, rung_at=None)).rowcount == 1


def edited_as(db: Connection, id: int) -> list[int]:
    """The runs that a person made from this one with edits."""
    return list(db.scalars(select(Run.id).where(Run.edits_of == id).order_by(Run.id)))


def copy_steps(db: Connection, from_id: int, to_id: int, until: Collection[str]) -> int:
    """Let another run have the steps that succeeded in this one, up to the first of these; how many it has now."""
    kept = steps(db, from_id)
    last = {step.path: step for step in kept if not step.path.startswith("~")}
    stop = min((step.id for path, step in last.items() if path in until or path.partition("[")[0] in until), default=None)
    good = [step for step in last.values() if step.state in ("ok", "skipped") and (stop is None or step.id < stop)]
    names = ("path", "state", "attempt", "inputs", "output", "error", "duration_ms", "finished_at")
    if good:
        db.execute(plain_insert(Step), [{"run_id": to_id, **{name: getattr(step, name) for name in names}} for step in good])
    return len(good)
