"""All that came from one company is taken away, batch by batch, each in a short transaction of its own.

The stages are gone through until one whole pass finds nothing: whatever leans on something goes before it, and what a
worker has at this moment is left for the next pass. A pass that was ended half way is simply begun again: connectors, by
which rows are known, go last. `store/company_tables.py` says of each table what becomes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, not_, or_, select, true, update

from store import company_scope as scope
from store.company_scope import Company
from store.models import (
    Alert,
    Approval,
    Call,
    Connector,
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
    Spent,
    Step,
    Watch,
)  # fmt: skip
from store.models_messages import Counter as Counted
from store.types import now

AT_ONCE, SPAN = 200, 5000
Gone = Counter[str]
EMPTIED = "what it did at a company whose data was purged is gone"


@dataclass(frozen=True)
class Stage:
    """`where` tells rows that may be meant; `take` deals with some of them, and says by name how many went."""

    table: Any
    where: Callable[[Company], ColumnElement[bool]]
    take: Callable[[Connection, Company, Collection[int]], Gone]


def page(db: Connection, stage: Stage, of: Company, after: int) -> tuple[list[int], int | None]:
    """The ids of some rows behind `after`, and where the next page begins; None after the end. Never looks at many rows."""
    id = stage.table.id
    low = db.scalar(select(func.min(id)).where(id > after))
    if low is None:
        return [], None
    span = (id >= low, id < low + SPAN)
    ids = list(db.scalars(select(id).where(*span, stage.where(of)).order_by(id).limit(AT_ONCE)))
    return ids, ids[-1] if len(ids) == AT_ONCE else low + SPAN - 1


def take(db: Connection, of: Company, table: Any, *where: ColumnElement[bool]) -> int:
    """Delete, or only count; how many."""
    if of.dry:
        return db.scalar(select(func.count()).select_from(table).where(*where)) or 0
    return int(db.execute(delete(table).where(*where)).rowcount)


def _idle(db: Connection, of: Company, table: Any, ids: Collection[int]) -> list[int]:
    """Those that no worker has, locked so that none begins with them. All of them count as what would go."""
    if of.dry:
        return list(ids)
    mine = select(table.id).where(table.id.in_(ids), not_(scope.at_work(table)))
    return list(db.scalars(mine.order_by(table.id).with_for_update()))


def _plain(name: str, table: Any) -> Callable[[Connection, Company, Collection[int]], Gone]:
    return lambda db, of, ids: Counter({name: take(db, of, table, table.id.in_(ids))})


def _operations(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    """Those that were about it alone: by the items that they have, or by what they were to do or found out."""
    run = exists().where(Run.id == OperationItem.run_id, scope.runs(of))
    subject_run = exists().where(Run.id == OperationItem.subject_id, scope.runs(of))
    subject_event = exists().where(Event.id == OperationItem.subject_id, scope.events(of))
    unnamed = OperationItem.run_id.is_(None)
    replays = Operation.kind == "replay"
    mine = or_(run, and_(unnamed, replays, subject_event), and_(unnamed, not_(replays), subject_run))
    items = exists().where(OperationItem.operation_id == Operation.id)
    only = select(Operation.id).where(Operation.id.in_(ids), items, not_(items.where(not_(mine))))
    said = select(Operation.id, Operation.what, Operation.result, Operation.reason, Operation.connectors)
    named = {row.id for row in db.execute(said.where(Operation.id.in_(ids))) if of.is_named_in(list(row[1:]))}
    gone = {*db.scalars(only), *named}
    if not of.dry:
        db.execute(delete(OperationItem).where(OperationItem.operation_id.in_(gone)))
    return Counter({"operations": take(db, of, Operation, Operation.id.in_(gone))})


def _alerts(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    failed = exists().where(Run.cause == Alert.subject, scope.runs(of))
    rows = db.execute(select(Alert.id, Alert.kind, Alert.subject, Alert.message, Alert.note).where(Alert.id.in_(ids)))
    gone = {row.id for row in rows if of.is_named_in([row.subject, row.message, row.note])}
    gone |= set(db.scalars(select(Alert.id).where(Alert.id.in_(ids), Alert.kind == "failures", failed)))
    return _without(db, of, gone)


def _without(db: Connection, of: Company, alerts: Collection[int]) -> Gone:
    told = take(db, of, Notice, Notice.alert_id.in_(alerts))
    return Counter({"alerts": take(db, of, Alert, Alert.id.in_(alerts)), "notices": told})


def _calls(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    """With what runs of others kept of what they were answered there."""
    named = select(Call.run_id).where(Call.id.in_(ids), Call.connector.in_(of.names), Call.run_id.is_not(None))
    emptied, busy = _emptied(db, of, set(db.scalars(named)))
    free = (Call.id.in_(ids), or_(Call.run_id.is_(None), Call.run_id.not_in(busy)))
    return Counter({"runs of others, emptied": emptied, "calls": take(db, of, Call, *free)})


def _emptied(db: Connection, of: Company, ids: Collection[int]) -> tuple[int, set[int]]:
    """Runs of others become lines without what they said, as an old run does; how many, and those that are at work."""
    foreign = set(db.scalars(select(Run.id).where(Run.id.in_(ids), not_(scope.runs(of)))))
    idle = set(_idle(db, of, Run, foreign))
    fresh = {id for id in idle if f"run {id}" not in of.told}
    if of.dry:
        of.told.update(f"run {id}" for id in fresh)
        return len(fresh), foreign - idle
    for table in (Step, Approval, Gathered):
        db.execute(delete(table).where(table.run_id.in_(idle)))
    db.execute(update(Effect).where(Effect.run_id.in_(idle)).values(response=None, summary=""))
    bare = {"lines": None, "error": None, "cause": None, "reason": EMPTIED}
    db.execute(update(Run).where(Run.id.in_(idle)).values(bare))
    over = {"state": "cancelled", "finished_at": func.coalesce(Run.finished_at, now()), "run_after": None, "group_key": None}
    unfinished = Run.state.in_(("waiting", "running", "parked", "failed"))
    db.execute(update(Run).where(Run.id.in_(idle), unfinished).values(**over, fence=Run.fence + 1))
    return len(idle), foreign - idle


def _effects(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    """What runs of others have in the ledger of changes at its connectors."""
    other = (Effect.id.in_(ids), not_(scope.of_run(Effect.run_id, of)))
    return Counter({"effects": take(db, of, Effect, *other)})


def _spent(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    named = [row.id for row in db.execute(select(Spent.id, Spent.what).where(Spent.id.in_(ids))) if of.is_named_in(row.what)]
    mine = or_(Spent.id.in_(named), scope.of_run(Spent.run_id, of))
    return Counter({"lines of caps": take(db, of, Spent, Spent.id.in_(ids), mine)})


def _plans(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    gone: Gone = Counter({"plans of hooks": take(db, of, HookPlan, HookPlan.id.in_(ids), scope.of_run(HookPlan.run_id, of))})
    for row in db.execute(select(HookPlan.id, HookPlan.changes).where(HookPlan.id.in_(ids))).all():
        left = {name: changes for name, changes in row.changes.items() if name not in of.names}
        if left != row.changes and not of.dry:
            db.execute(update(HookPlan).where(HookPlan.id == row.id).values(changes=left))
    return gone


def _runs(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    ids = _idle(db, of, Run, ids)
    if not of.dry:
        causes = select(Run.cause).where(Run.id.in_(ids), Run.cause.is_not(None))
        late = select(Alert.id).where(Alert.kind == "failures", Alert.subject.in_(causes))
        _without(db, of, list(db.scalars(late)))  # one that was raised since alerts were looked at
        for table in (RunEvent, OperationItem):
            db.execute(delete(table).where(table.run_id.in_(ids)))
    gone: Gone = Counter()
    for name, hangs in (("steps", Step), ("approvals", Approval), ("messages", Gathered), ("effects", Effect)):
        gone[name] += take(db, of, hangs, hangs.run_id.in_(ids))
    gone["calls"] += take(db, of, Call, Call.run_id.in_(ids), not_(scope.calls(of)))
    waits = Run.state.in_(("waiting", "parked"))
    gone["runs that waited or were parked"] += take(db, of, Run, Run.id.in_(ids), waits)
    gone["runs"] += take(db, of, Run, Run.id.in_(ids), not_(waits))
    return gone


def _unpinned(db: Connection, of: Company, ids: Collection[int], *columns: Any) -> set[int]:
    """Those rows that no run at work leans on; other runs no longer do."""
    if of.dry:
        return set(ids)
    busy: set[int] = set()
    for column in columns:
        busy |= set(db.scalars(select(column).where(column.in_(ids), scope.at_work(Run))))
    free = set(ids) - busy
    for column in columns:
        db.execute(update(Run).where(column.in_(free)).values({column: None}))
    return free


def _records(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    return Counter({"copies": take(db, of, Record, Record.id.in_(_unpinned(db, of, ids, Run.before_id, Run.after_id)))})


def _fetches(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    free = _unpinned(db, of, _idle(db, of, Fetch, ids), Run.fetch_id)
    calls = take(db, of, Call, Call.fetch_id.in_(free), not_(scope.calls(of)), not_(scope.of_run(Call.run_id, of)))
    return Counter({"calls": calls, "fetches": take(db, of, Fetch, Fetch.id.in_(free))})


def _imports(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    ids = _idle(db, of, Import, ids)
    theirs = (Operation.import_id.in_(ids),)
    known = [row for row in db.execute(select(Operation.id, Operation.what).where(*theirs)) if not of.is_named_in(row.what)]
    lists = take(db, of, ImportPart, ImportPart.import_id.in_(ids))
    operations = take(db, of, Operation, Operation.id.in_([row.id for row in known]))
    return Counter({"lists of imports": lists, "operations": operations, "imports": take(db, of, Import, Import.id.in_(ids))})


def _events(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    """With the counters of their projects, and a delivery that only its event tells to be of the company."""
    gone: Gone = Counter({"counters": _counters_of(db, of, set(db.scalars(select(Event.project_id).where(Event.id.in_(ids)))))})
    theirs = select(Event.delivery_id).where(Event.id.in_(ids), Event.delivery_id.is_not(None))
    others = set(db.scalars(select(Delivery.id).where(Delivery.id.in_(theirs), not_(scope.deliveries(of)))))
    if not of.dry:
        rows = db.execute(select(RunEvent.run_id).where(RunEvent.event_id.in_(ids)))
        _, busy = _emptied(db, of, {row.run_id for row in rows})
        free = (RunEvent.event_id.in_(ids), RunEvent.run_id.not_in(busy))
        db.execute(delete(RunEvent).where(*free))
        ids = _alone(db, ids)
        db.execute(update(Record).where(Record.event_id.in_(ids)).values(event_id=None))
        replayed = select(Operation.id).where(Operation.kind == "replay")
        db.execute(delete(OperationItem).where(OperationItem.subject_id.in_(ids), OperationItem.operation_id.in_(replayed)))
    gone["events"] = take(db, of, Event, Event.id.in_(ids))
    held = or_(False) if of.dry else exists().where(Event.delivery_id == Delivery.id)
    gone["deliveries"] = take(db, of, Delivery, Delivery.id.in_(others), not_(held))
    return gone


def _alone(db: Connection, ids: Collection[int]) -> list[int]:
    """Those of these events that no row leans on, such as a run at work."""
    leans = [exists().where(column == Event.id) for column in (Run.event_id, Fetch.event_id, RunEvent.event_id)]
    return list(db.scalars(select(Event.id).where(Event.id.in_(ids), not_(or_(*leans))).with_for_update()))


def _counters_of(db: Connection, of: Company, projects: Collection[str]) -> int:
    known = {one for one in projects if one}
    rows = db.execute(select(Counted.series, Counted.labels)) if known else ()
    found = {row.series for row in rows if known & set(row.labels.values())}
    fresh = {one for one in found if one not in of.told}
    if of.dry:
        of.told.update(fresh)
    return take(db, of, Counted, Counted.series.in_(fresh))


def _deliveries(db: Connection, of: Company, ids: Collection[int]) -> Gone:
    held = or_(False) if of.dry else exists().where(Event.delivery_id == Delivery.id)
    return Counter({"deliveries": take(db, of, Delivery, Delivery.id.in_(ids), not_(held))})


def _any(_of: Company) -> ColumnElement[bool]:
    return true()


def _by_connector(table: Any) -> Callable[[Company], ColumnElement[bool]]:
    return lambda of: table.connector.in_(of.names)


def _by_company(table: Any) -> Callable[[Company], ColumnElement[bool]]:
    return lambda of: scope.records(table, of)


STAGES: tuple[Stage, ...] = (
    Stage(Operation, _any, _operations),
    Stage(Alert, _any, _alerts),
    Stage(Call, scope.calls, _calls),
    Stage(Effect, scope.effects_at, _effects),
    Stage(Spent, _any, _spent),
    Stage(HookPlan, _any, _plans),
    Stage(OwnWrite, _by_company(OwnWrite), _plain("own writes", OwnWrite)),
    Stage(Run, scope.runs, _runs),
    Stage(Record, _by_company(Record), _records),
    Stage(Fetch, _by_company(Fetch), _fetches),
    Stage(Import, _by_connector(Import), _imports),
    Stage(Repair, _by_connector(Repair), _plain("looks of repair", Repair)),
    Stage(Watch, _by_connector(Watch), _plain("watches", Watch)),
    Stage(Event, scope.events, _events),
    Stage(Delivery, scope.deliveries, _deliveries),
)
# The pages through which the files are found that its runs wrote, before the ledger forgets them.
FILES = Stage(Effect, lambda of: and_(Effect.target.startswith("file"), scope.of_run(Effect.run_id, of)), _effects)


def connectors(db: Connection, of: Company) -> Gone:
    """The end: as long as these are there, one that was ended half way knows what to look for."""
    gone = (Connector.name.in_(of.names), Connector.state == "removed")
    return Counter({"connectors": take(db, of, Connector, *gone)})
