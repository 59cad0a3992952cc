"""What has served its time is taken away, batch by batch, each in a short transaction of its own.

An event goes as a whole: its delivery's bytes, its runs with their steps, answers and effects. What remains of it is one
line with its key, so that Procore, a sweep or a schedule that brings it again brings nothing new. A run goes with its
event, except as a line without what it said where something still asks for it: the run that has seen the newest copy of a
record (`fetches._has_seen`), the last one of an automation that was ok (`expect:`), and one whose effects last.

Never touched: what waits, runs, is parked or gathers; what is in doubt; what a replay or a started run still leans on.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, not_, or_, select, update
from sqlalchemy.orm import aliased

from store import echoes, sessions
from store.models import (
    Alert,
    Approval,
    Call,
    Delivery,
    Effect,
    Event,
    Fetch,
    Gathered,
    HookPlan,
    Import,
    ImportPart,
    Notice,
    Operation,
    OperationItem,
    OwnWrite,
    Record,
    Repair,
    Run,
    RunEvent,
    Session,
    Spent,
    Step,
    Timer,
)
from store.operations import ENDED
from store.types import now

DAY_S = 86_400.0
# Procore forgets a delivery after half a day, and its log of them is asked for days back; a year and more is safe.
KNOWN_S = 400 * DAY_S
OVER = ("ok", "failed", "skipped", "cancelled")
AT_ONCE = 200

Stage = Callable[[Connection, "Horizon", int, int], "Batch"]


@dataclass(frozen=True)
class Horizon:
    """Moments of the database's clock before which things go. `lively` automations had a run since `keep` that was ok.

    `ends`, by table: the first id that is younger than `keep`, so that no batch looks at what is young. `lasts`, by
    automation: its last run that was ok or 0, of those that are not lively and that a batch has asked about.
    """

    keep: dt.datetime
    known: dt.datetime
    throttled: dt.datetime
    lively: frozenset[str]
    ends: Mapping[str, int]
    lasts: dict[str, int] = field(default_factory=dict)


class Batch(NamedTuple):
    """What one transaction took away, by name; `last` is where the next one begins, None after the end."""

    gone: Counter[str]
    last: int | None


def horizon(db: Connection, keep_s: float, throttled_s: float) -> Horizon:
    """`throttled_s`: the longest time within which a rule counts its runs."""
    longest = max(keep_s, throttled_s)
    keep, known, throttled = db.execute(select(now(-keep_s), now(-max(keep_s, KNOWN_S)), now(-longest))).one()
    lively = select(Run.automation).distinct().where(Run.finished_at >= keep, Run.state == "ok")
    ends = {column.table.name: _first_since(db, column, keep) for column in _BORN}
    return Horizon(keep, known, throttled, frozenset(db.scalars(lively)), ends)


_BORN = tuple(table.__table__.c[name] for table, name in (
    (Event, "created_at"), (Record, "fetched_at"), (Fetch, "created_at"), (Import, "created_at"), (Delivery, "received_at"),
    (Call, "at"), (OwnWrite, "at"), (Alert, "since"), (Repair, "started_at"),
))  # fmt: skip


def _first_since(db: Connection, column: Any, moment: dt.datetime) -> int:
    """The first id born at this moment or later, by halving: ids are given in the order of time, more or less."""
    id = column.table.c.id
    low, high = db.execute(select(func.coalesce(func.min(id), 0), func.coalesce(func.max(id), 0) + 1)).one()
    while low < high:
        middle = (low + high) // 2
        row = db.execute(select(id, column).where(id >= middle).order_by(id).limit(1)).first()
        low, high = (row.id + 1, high) if row is not None and row[1] < moment else (low, middle)
    return int(low)


def _page(db: Connection, until: Horizon, wanted: Any, id: Any, after: int, limit: int) -> tuple[list[Any], int | None]:
    end = until.ends.get(id.table.name)
    wanted = wanted if end is None else wanted.where(id < end)
    rows = list(db.execute(wanted.where(id > after).order_by(id).limit(limit)))
    return rows, (int(rows[-1].id) if len(rows) == limit else None)


def _take(db: Connection, table: Any, *where: Any) -> int:
    return int(db.execute(delete(table).where(*where)).rowcount)


def events(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Events with all that came of them."""
    old = select(Event.id, Event.event_key, Event.delivery_id).where(Event.purged_at.is_(None), Event.created_at < until.keep)
    rows, last = _page(db, until, old.with_for_update(skip_locked=True), Event.id, after, limit)
    ids = _free(db, until, rows)
    if not ids:
        return Batch(Counter(), last)
    gone = _runs(db, until, ids)
    deliveries = [row.delivery_id for row in rows if row.id in ids and row.delivery_id is not None]
    bare = {"body": None, "parent": None, "reasons": None, "user_id": "", "app_id": "", "delivery_id": None, "purged_at": now()}
    db.execute(update(Event).where(Event.id.in_(ids)).values(bare))
    unheld = ~exists().where(Event.delivery_id == Delivery.id)
    gone["deliveries"] = _take(db, Delivery, Delivery.id.in_(deliveries), Delivery.state != "received", unheld)
    gone["events"] = len(ids)
    return Batch(gone, last)


def _free(db: Connection, until: Horizon, rows: Sequence[Any]) -> set[int]:
    """Those of these events that nothing leans on any more."""
    ids = {int(row.id) for row in rows}
    held: set[int] = set()
    held |= set(db.scalars(select(Event.id).where(Event.id.in_(ids), Event.state == "received")))
    unsorted = select(Event.id).join(Delivery, Delivery.id == Event.delivery_id)
    held |= set(db.scalars(unsorted.where(Event.id.in_(ids), Delivery.state == "received")))
    held |= set(db.scalars(select(Fetch.event_id).where(Fetch.event_id.in_(ids), Fetch.state.in_(("waiting", "running")))))
    held |= set(db.scalars(select(Event.replays).where(Event.replays.in_(ids), Event.purged_at.is_(None))))
    held |= _started(db, rows)
    return ids - held - _at_work(db, until, ids)


def _started(db: Connection, rows: Sequence[Any]) -> set[int]:
    """Events by which a run started another automation, while that run may be asked for again."""
    parents = {int(row.id): int(row.event_key.split(":")[1]) for row in rows if row.event_key.startswith("start:")}
    if not parents:
        return set()
    there = select(Run.id).join(Event, Event.id == Run.event_id).where(Run.id.in_(set(parents.values())))
    alive = set(db.scalars(there.where(Event.purged_at.is_(None))))
    return {id for id, parent in parents.items() if parent in alive}


def _at_work(db: Connection, until: Horizon, ids: Collection[int]) -> set[int]:
    """Events that have a run, of their own or gathered with others, which is not over, not old, or in doubt."""
    joined = select(RunEvent.run_id, RunEvent.event_id).where(RunEvent.event_id.in_(ids))
    of: list[tuple[int, int]] = [(row.run_id, row.event_id) for row in db.execute(joined)]
    of += [(row.id, row.event_id) for row in db.execute(select(Run.id, Run.event_id).where(Run.event_id.in_(ids)))]
    runs = {run for run, _ in of}
    # A run that somebody has locked is being changed at this moment, perhaps to be tried again.
    mine = set(db.scalars(select(Run.id).where(Run.id.in_(runs)).with_for_update(skip_locked=True)))
    counts = and_(Run.throttle_key.is_not(None), Run.entered_at >= until.throttled)
    young = or_(Run.finished_at.is_(None), Run.finished_at >= until.keep)
    doubt = exists().where(Effect.run_id == Run.id, Effect.state.in_(("intent", "uncertain")))
    unsaid = exists().where(Gathered.run_id == Run.id, Gathered.sent_at.is_(None))
    asked = exists().where(Approval.run_id == Run.id, Approval.state == "open")
    kept = or_(Run.state.not_in(OVER), young, counts, doubt, unsaid, asked)
    busy = set(db.scalars(select(Run.id).where(Run.id.in_(runs), kept))) | (runs - mine)
    return {event for run, event in of if run in busy}


def _runs(db: Connection, until: Horizon, event_ids: Collection[int]) -> Counter[str]:
    """The runs of these events with what hangs on them; those that are still asked for stay as a line."""
    runs = list(db.execute(select(Run.id, Run.automation, Run.state).where(Run.event_id.in_(event_ids))))
    ids = {int(run.id) for run in runs}
    gone: Counter[str] = Counter()
    if ids:
        gone["steps"] = _take(db, Step, Step.run_id.in_(ids))
        gone["approvals"] = _take(db, Approval, Approval.run_id.in_(ids))
        gone["messages"] = _take(db, Gathered, Gathered.run_id.in_(ids))
        gone["effects"] = _take(db, Effect, Effect.run_id.in_(ids), Effect.lasting.is_(False))
        db.execute(delete(HookPlan).where(HookPlan.run_id.in_(ids)))
    db.execute(delete(RunEvent).where(or_(RunEvent.run_id.in_(ids), RunEvent.event_id.in_(event_ids))))
    asked = _asked_for(db, until, ids, {run.automation for run in runs if run.state == "ok"})
    line = {"lines": None, "error": None, "reason": None, "before_id": None, "fetch_id": None}
    db.execute(update(Run).where(Run.id.in_(asked)).values(line))
    gone["runs"] = _take(db, Run, Run.id.in_(ids - asked))
    return gone


def _asked_for(db: Connection, until: Horizon, ids: Collection[int], automations: Collection[str]) -> set[int]:
    newer = aliased(Record)
    same = (newer.connector == Record.connector, newer.resource == Record.resource, newer.record_id == Record.record_id)
    newest = select(Run.id).join(Record, Record.id == Run.after_id).where(~exists().where(*same, newer.id > Record.id))
    found = set(db.scalars(newest.where(Run.id.in_(ids), Run.state == "ok")))
    found |= set(db.scalars(select(Effect.run_id).where(Effect.run_id.in_(ids))))
    for quiet in sorted(set(automations) - until.lively):
        if quiet not in until.lasts:
            until.lasts[quiet] = _last_that_was_ok(db, until, quiet)
        found |= {until.lasts[quiet]} & set(ids)
    return found


def _last_that_was_ok(db: Connection, until: Horizon, automation: str) -> int:
    """Of one that is not lively, so that nobody looks through what is young."""
    was_ok = (Run.automation == automation, Run.state == "ok", Run.finished_at < until.keep)
    return db.scalar(select(Run.id).where(*was_ok).order_by(Run.finished_at.desc(), Run.id.desc()).limit(1)) or 0


def forgotten(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Keys of events that nobody will bring again, with the lines of runs that nobody asks for any more."""
    old = select(Event.id).where(Event.purged_at.is_not(None), Event.created_at < until.known)
    rows, last = _page(db, until, old, Event.id, after, limit)
    ids = {int(row.id) for row in rows}
    gone = Counter({"runs": _runs(db, until, ids)["runs"]}) if ids else Counter()
    held = or_(
        exists().where(Run.event_id == Event.id), exists().where(Fetch.event_id == Event.id),
        exists().where(Record.event_id == Event.id),
    )  # fmt: skip
    gone["keys"] = _take(db, Event, Event.id.in_(ids), not_(held))
    return Batch(gone, last)


def fetches(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Reads that have ended, except the last that told what a record belongs to (`fetches.parent_of`)."""
    rows, last = _page(db, until, select(Fetch.id).where(Fetch.finished_at < until.keep), Fetch.id, after, limit)
    ids = [row.id for row in rows]
    newer = aliased(Fetch)
    same = (newer.connector == Fetch.connector, newer.resource == Fetch.resource, newer.record_id == Fetch.record_id)
    told = exists().where(*same, newer.id > Fetch.id, newer.parent.is_not(None), newer.project_id == Fetch.project_id)
    free = (~exists().where(Run.fetch_id == Fetch.id), or_(Fetch.parent.is_(None), told))
    over = Fetch.state.not_in(("waiting", "running"))
    return Batch(Counter({"fetches": _take(db, Fetch, Fetch.id.in_(ids), over, *free)}), last)


def records(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Copies of records, except the two newest of each: what it is, and what it was before."""
    rows, last = _page(db, until, select(Record.id).where(Record.seen_at < until.keep), Record.id, after, limit)
    newer = aliased(Record)
    same = (newer.connector == Record.connector, newer.resource == Record.resource, newer.record_id == Record.record_id)
    later = select(func.count()).select_from(newer).where(*same, newer.id > Record.id).scalar_subquery()
    pinned = or_(exists().where(Run.before_id == Record.id), exists().where(Run.after_id == Record.id))
    free = (later >= 2, not_(pinned))
    return Batch(Counter({"copies": _take(db, Record, Record.id.in_([row.id for row in rows]), *free)}), last)


def deliveries(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Deliveries that became no event: quarantined, ignored, or known already."""
    old = select(Delivery.id).where(Delivery.received_at < until.keep, Delivery.state != "received")
    rows, last = _page(db, until, old, Delivery.id, after, limit)
    unheld = ~exists().where(Event.delivery_id == Delivery.id)
    over = (Delivery.id.in_([row.id for row in rows]), Delivery.state != "received")
    return Batch(Counter({"deliveries": _take(db, Delivery, *over, unheld)}), last)


def imports(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Imports that have ended, unless the run that asked for them may look for its own."""
    over = (Import.finished_at < until.keep, Import.state.not_in(("waiting", "running")))
    old = select(Import.id, Import.requested_by).where(*over)
    rows, last = _page(db, until, old.with_for_update(skip_locked=True), Import.id, after, limit)
    askers = {row.id: int(row.requested_by[4:].partition("/")[0]) for row in rows if row.requested_by.startswith("run:")}
    there = select(Run.id).join(Event, Event.id == Run.event_id).where(Run.id.in_(set(askers.values())))
    alive = set(db.scalars(there.where(Event.purged_at.is_(None)))) if askers else set()
    ids = [row.id for row in rows if askers.get(row.id) not in alive]
    db.execute(delete(ImportPart).where(ImportPart.import_id.in_(ids)))
    db.execute(delete(Operation).where(Operation.import_id.in_(ids)))
    return Batch(Counter({"imports": _take(db, Import, Import.id.in_(ids))}), last)


def operations(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """What people had done in bulk, once it has ended. One that rests may be taken up again, or taken back."""
    over = (Operation.finished_at < until.keep, Operation.state.in_(ENDED), Operation.import_id.is_(None))
    rows, last = _page(db, until, select(Operation.id).where(*over).with_for_update(skip_locked=True), Operation.id, after, limit)
    ids = [row.id for row in rows]
    db.execute(delete(OperationItem).where(OperationItem.operation_id.in_(ids)))
    return Batch(Counter({"operations": _take(db, Operation, Operation.id.in_(ids), Operation.state.in_(ENDED))}), last)


def alerts(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """Alerts that are over, with the notices that told of them, unless one is still on its way."""
    over = (Alert.state == "resolved", Alert.resolved_at < until.keep)
    untold = exists().where(Notice.alert_id == Alert.id, Notice.ended_at.is_(None))
    rows, last = _page(db, until, select(Alert.id).where(*over, ~untold), Alert.id, after, limit)
    ids = [row.id for row in rows]
    db.execute(delete(Notice).where(Notice.alert_id.in_(ids)))
    return Batch(Counter({"alerts": _take(db, Alert, Alert.id.in_(ids), *over)}), last)


def _aged(name: str, table: Any, old: Callable[[Horizon], Sequence[ColumnElement[bool]]]) -> Stage:
    """A table of which rows go by their age alone."""

    def step(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
        where = old(until)
        rows, last = _page(db, until, select(table.id).where(*where), table.id, after, limit)
        return Batch(Counter({name: _take(db, table, table.id.in_([row.id for row in rows]), *where)}), last)

    return step


def _repairs(until: Horizon) -> Sequence[ColumnElement[bool]]:
    newer = aliased(Repair)
    later = exists().where(newer.connector == Repair.connector, newer.kind == Repair.kind, newer.id > Repair.id)
    return Repair.finished_at < until.keep, later


def spent(db: Connection, until: Horizon, after: int, limit: int) -> Batch:
    """What an old change against a cap was about; that it was made counts as long as a window may be."""
    old = (Spent.at < until.keep, Spent.what != "")
    rows, last = _page(db, until, select(Spent.id).where(*old), Spent.id, after, limit)
    bare = update(Spent).where(Spent.id.in_([row.id for row in rows])).values(what="")
    return Batch(Counter({"lines of caps": int(db.execute(bare).rowcount)}), last)


def ended_sessions(db: Connection, _until: Horizon, _after: int, _limit: int) -> Batch:
    return Batch(Counter({"sessions": _take(db, Session, sessions.is_over())}), None)


# What others lean on comes after them, so that nothing is counted in a dry run that a real one would have to leave.
STAGES: tuple[Stage, ...] = (
    forgotten, records, fetches, imports, operations, deliveries, events,
    _aged("calls", Call, lambda until: (Call.at < until.keep,)),
    _aged("echoes", OwnWrite, lambda _: (OwnWrite.at < now(-echoes.KEPT_S),)),
    alerts,
    _aged("repairs", Repair, _repairs),
    _aged("timers", Timer, lambda until: (Timer.state == "ok", Timer.finished_at < until.keep)),
    spent, ended_sessions,
)  # fmt: skip
