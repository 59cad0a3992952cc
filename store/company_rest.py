"""Of one company: what stands in small tables, each dealt with in one go, and what other rows say of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, exists, not_, select, update
from sqlalchemy import Row as SqlRow

from store import company_scope as scope
from store.company_purging import Gone, take
from store.company_scope import Company
from store.models import (
    ApiToken,
    Cause,
    Cursor,
    Hook,
    Project,
    Quota,
    Run,
    Schedule,
    Session,
    Timer,
    Token,
    Unavailable,
    User,
)  # fmt: skip
from store.models_messages import Counter as Counted
from store.types import now

CLOSED_S = 7 * 86_400.0  # longer ago than any door still answers for


def close(db: Connection, of: Company) -> None:
    """From now on doors take nothing in by its hooks."""
    db.execute(update(Hook).where(Hook.company_id == of.id).values(removed_at=now(-CLOSED_S), status="removed"))


def causes(db: Connection, of: Company) -> Gone:
    """What people said of causes that only its runs failed for. Before the runs go."""
    mine, other = exists().where(Run.cause == Cause.cause, scope.runs(of)), not_(scope.runs(of))
    only = (mine, ~exists().where(Run.cause == Cause.cause, other))
    return Counter({"causes": take(db, of, Cause, *only)})


def rest(db: Connection, of: Company) -> Gone:
    """All that is left but its connectors."""
    gone: Gone = Counter()
    for name, table in (("projects", Project), ("tools that cannot be read", Unavailable), ("reading positions", Cursor),
                        ("quotas", Quota), ("access tokens", Token)):  # fmt: skip
        gone[name] = take(db, of, table, table.connector.in_(of.names))
    gone["hooks"] = take(db, of, Hook, Hook.company_id == of.id)
    subjects = [*of.names, *(f"connector {name}" for name in of.names)]
    gone["timers"] = take(db, of, Timer, Timer.subject.in_(subjects))
    named = [row.series for row in db.execute(select(Counted.series, Counted.labels)) if _labelled(of, row.labels)]
    gone["counters"] = take(db, of, Counted, Counted.series.in_([one for one in named if one not in of.told]))
    gone["people and tokens that could see it"] = _people(db, of) + _tokens(db, of)
    if not of.dry:
        _schedules(db, of)
        _sessions(db, of)
    return gone


def _labelled(of: Company, labels: dict[str, Any]) -> bool:
    return bool({of.id, *of.names} & set(labels.values()))


def _people(db: Connection, of: Company) -> int:
    """Nobody may see it any more. Who could see nothing else sees nothing: None would be everything."""
    rows = _rows(db, select(User.id, User.companies).where(User.companies.is_not(None)))
    found = [row for row in rows if of.id in (row.companies or ())]
    for row in () if of.dry else found:
        left = {"companies": [one for one in row.companies if one != of.id], "version": User.version + 1}
        db.execute(update(User).where(User.id == row.id).values(**left))
    return len(found)


def _tokens(db: Connection, of: Company) -> int:
    """A token without a company is one for all of them, so that of this company alone ends."""
    mine = f"company:{of.id}"
    found = [row for row in _rows(db, select(ApiToken.id, ApiToken.scopes, ApiToken.revoked_at)) if mine in row.scopes]
    for row in () if of.dry else found:
        scopes = [one for one in row.scopes if one != mine]
        ended = row.revoked_at or (None if any(one.startswith("company:") for one in scopes) else now())
        db.execute(update(ApiToken).where(ApiToken.id == row.id).values(scopes=scopes, revoked_at=ended))
    return len(found)


def _schedules(db: Connection, of: Company) -> None:
    for row in _rows(db, select(Schedule.name, Schedule.reason).where(Schedule.reason.is_not(None))):
        if of.is_named_in(row.reason):
            db.execute(update(Schedule).where(Schedule.name == row.name).values(reason=None))


def _sessions(db: Connection, of: Company) -> None:
    for row in _rows(db, select(Session.digest, Session.said, Session.draft)):
        values = {name: None for name in ("said", "draft") if getattr(row, name) and of.is_named_in(getattr(row, name))}
        if values:
            db.execute(update(Session).where(Session.digest == row.digest).values(values))


def _rows(db: Connection, wanted: Any) -> list[SqlRow[Any]]:
    return list(db.execute(wanted))
