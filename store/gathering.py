"""When a changed record is read: at once, or together with others of its project and resource.

The first goes at once. What follows within two seconds is gathered, so that one request may read a hundred;
events that came in those seconds and are not sorted yet belong to them too, however slow the sorting is. In a flow of
events, and where each record costs a call of its own, a first one that is followed already is gathered with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Float, and_, bindparam, func, or_, select, update

from store import leases
from store.leases import Held
from store.models import Delivery, Event, Fetch, Record, Run
from store.types import now

GATHER_S = 2.0
MOST = 100
# Deliveries that wait to be sorted, and a flow of events that goes on, hold a batch up no longer than this.
PATIENCE_S = 20.0
# While a hundred and more wait to be sorted, a batch that has some already fills up however slow that is: reading it in
# pieces would cost calls that the hour may not have.
LONG_PATIENCE_S = 120.0
# So many within two seconds are a flow: there a fuller batch is worth more than a second.
FLOW = 10
LATELY_S = 10.0
# A project that was just created is complete only after 5 to 15 s. Source: recordings of v4.0 hooks by others.
FIRST_READ_AFTER_S = {"Projects": 10.0}

_NAMES = ("connector", "resource", "project_id", "lane")
_GROUP = tuple(getattr(Fetch, name) == bindparam(f"of_{name}") for name in _NAMES)
_FRESH = (Fetch.state == "waiting", Fetch.attempt == 0, Fetch.reread == 0)
_WAITS = (*_GROUP, Fetch.state == "waiting")


def _counted(wanted: Any) -> Any:
    return select(func.count()).select_from(wanted.subquery())


_FRESH_ONE = select(Fetch.__table__, now().label("here")).where(Fetch.id == bindparam("of_id"), *_FRESH)
_SOON = Fetch.run_after <= now(bindparam("gather_s"))
_LATELY = Fetch.created_at > now(-bindparam("gather_s", type_=Float()))
_WAITING = _counted(select(Fetch.id).where(*_WAITS, _SOON).limit(10 * MOST))
_BATCH = select(func.count(), func.min(Fetch.created_at)).where(*_GROUP, *_FRESH)
_BATCH_LATELY = select(func.count(Fetch.id)).where(*_GROUP, *_FRESH, _LATELY)
_SIBLINGS = (
    select(Fetch.id)
    .where(*_WAITS, Fetch.parent.is_(None), or_(Fetch.run_after <= now(), and_(_SOON, *_FRESH)))
    .order_by(Fetch.id)
    .limit(MOST - 1)
    .with_for_update(skip_locked=True)
)
_VERSIONS = (
    select(Run.fetch_id, Run.version_id)
    .where(Run.fetch_id.in_(bindparam("ids", expanding=True)), Run.state == "waiting", Run.run_after.is_(None))
    .distinct()
)
_TRY_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("key"), 0)))
_ACTIVE = select(Fetch.id).where(*_GROUP, or_(and_(Fetch.state != "waiting", _LATELY), and_(*_FRESH))).limit(1)
_OTHERS = select(Fetch.id).where(*_GROUP, *_FRESH, Fetch.id != bindparam("but")).limit(1)
_READ_LATELY = _counted(select(Fetch.id).where(*_GROUP, Fetch.state != "waiting", Fetch.created_at > now(-LATELY_S)).limit(FLOW))
_UNSORTED = (Delivery.connector == bindparam("connector"), Delivery.state == "received")
_BACKLOG = _counted(select(Delivery.id).where(*_UNSORTED).limit(MOST))
_OLDEST = select(Delivery.received_at).where(*_UNSORTED).order_by(Delivery.id).limit(1)


def wait_s(db: Connection, values: Mapping[str, Any]) -> float:
    """In how many seconds a record that an event names is to be read; `values` are the columns of its fetch."""
    late = FIRST_READ_AFTER_S.get(values["resource"], 0.0)
    if late and not _known(db, values):
        return late
    if _is_first(db, values):
        return 0.0
    # The hundredth makes its batch due. When two sorters count past each other it is the two seconds that do.
    count = db.scalar(_WAITING, _timed(values)) or 0
    return 0.0 if count % MOST == MOST - 1 else GATHER_S


def hold(
    db: Connection,
    id: int,
    again_s: float,
    batches: Callable[[str], bool] = lambda _resource: True,
    alone: Callable[[Any], bool] = lambda _row: False,
) -> bool:
    """True when a fetch is not to be read yet: it is gathered and not due, deliveries of its two seconds wait to be sorted,
    or others keep coming in a dense flow of a resource that `batches`.

    Then the whole batch is put off. The first of a group is only put off in such a flow, or when it is read `alone` and
    others follow already; one that was tried before never.
    """
    row = db.execute(_FRESH_ONE, {"of_id": id}).first()
    if row is None or row.run_after is None:
        return False
    if row.run_after - row.created_at < timedelta(seconds=GATHER_S / 2):
        # In a flow the first after a quiet moment is none: sorting is only slow, and each batch would cost a call more.
        flows = batches(row.resource) and _backlog(db, row.connector) >= FLOW
        if not flows and not (alone(row) and _followed(db, row)):
            return False
        if _gather(db, row):
            return True
    elif row.run_after > row.here:
        return True
    group = _key(dict(row._mapping))
    count, oldest = db.execute(_BATCH, group).one()
    backlog = _backlog(db, row.connector)
    patience_s = LONG_PATIENCE_S if count >= FLOW and backlog >= MOST else PATIENCE_S
    if count >= MOST or row.here - oldest > timedelta(seconds=patience_s):
        return False
    lately = db.scalar(_BATCH_LATELY, {**group, "gather_s": GATHER_S}) or 0
    dense = lately >= FLOW or backlog >= FLOW or (lately > 0 and _read_lately(db, row) >= FLOW)
    if not (batches(row.resource) and dense) and not _more_to_come(db, row.connector, oldest):
        return False
    batch = update(Fetch).where(*_GROUP, *_FRESH, Fetch.run_after <= now(again_s))
    db.execute(batch.values(run_after=now(again_s), rung_at=None), group)
    return True


def is_first(db: Connection, id: int) -> Any | None:
    """The row of a fetch that goes at once as the first of its group; None for any other."""
    row = db.execute(_FRESH_ONE, {"of_id": id}).first()
    early = row is not None and row.run_after is not None and row.run_after - row.created_at < timedelta(seconds=GATHER_S / 2)
    return row if early else None


def siblings(db: Connection, row: Any) -> dict[int, set[int]]:
    """What may be read together with `row`: the others of its group that are due or being gathered, at most 99.

    Each with the versions of the automations that wait for it.
    """
    return waiting_versions(db, list(db.scalars(_SIBLINGS, _timed(dict(row._mapping)))))


def waiting_versions(db: Connection, ids: list[int]) -> dict[int, set[int]]:
    """For each fetch the versions of the automations whose runs wait for it."""
    found: dict[int, set[int]] = {id: set() for id in ids}
    for run in db.execute(_VERSIONS, {"ids": ids}) if ids else ():
        found[run.fetch_id].add(run.version_id)
    return found


def claim(db: Connection, ids: Iterable[int], holder: str) -> list[tuple[Held, Any]]:
    """Take these with their rows, but for what somebody else reads right now."""
    return [(held, held.row) for held in leases.claim_many(db, Fetch, list(ids), holder)]


def _key(values: Mapping[str, Any]) -> dict[str, str]:
    """The group of a fetch, as what its statements are asked with."""
    return {f"of_{name}": str(values.get(name, "webhook" if name == "lane" else "")) for name in _NAMES}


def _timed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**_key(values), "gather_s": GATHER_S}


def _is_first(db: Connection, values: Mapping[str, Any]) -> bool:
    """Nothing else of the group waits to be read, and nothing came in the last two seconds."""
    # Of several that are sorted at the same moment only one is the first; the others need not wait for it to know.
    key = "fetch/" + "/".join(_key(values).values())
    if db.dialect.name == "postgresql" and not db.scalar(_TRY_LOCK, {"key": key}):
        return False
    return db.scalar(_ACTIVE, _timed(values)) is None


def _followed(db: Connection, row: Any) -> bool:
    """Others of its group wait to be read, a later event has joined it, or deliveries wait that may be of either kind."""
    if _backlog(db, row.connector) > 0 or db.scalar(_OTHERS, {**_key(dict(row._mapping)), "but": row.id}) is not None:
        return True
    return db.scalar(select(Event.id).where(Event.id == row.event_id, Event.timestamp < row.newest)) is not None


def _read_lately(db: Connection, row: Any) -> int:
    """How many of its group came and were read already: a burst that begins slowly is one from its second batch on."""
    return db.scalar(_READ_LATELY, _key(dict(row._mapping))) or 0


def _gather(db: Connection, row: Any) -> bool:
    """Put a first one off to the end of the two seconds, as if it had followed another; False when they are over."""
    left_s = GATHER_S - (row.here - row.created_at).total_seconds()
    if left_s <= 0:
        return False
    db.execute(update(Fetch).where(Fetch.id == row.id, *_FRESH).values(run_after=now(left_s), rung_at=None))
    return True


def _known(db: Connection, values: Mapping[str, Any]) -> bool:
    same = (Record.connector == values["connector"], Record.resource == values["resource"])
    return db.scalar(select(Record.id).where(*same, Record.record_id == values["record_id"]).limit(1)) is not None


def _backlog(db: Connection, connector: str) -> int:
    """Deliveries that wait to be sorted, counted no further than matters: while they do, a slow flow is a dense one."""
    return db.scalar(_BACKLOG, {"connector": connector}) or 0


def _more_to_come(db: Connection, connector: str, since: Any) -> bool:
    """The oldest unsorted delivery decides: they are sorted in the order in which they came."""
    oldest = db.scalar(_OLDEST, {"connector": connector})
    return oldest is not None and oldest <= since + timedelta(seconds=GATHER_S)
