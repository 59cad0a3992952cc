"""Tells destinations of alerts: when they begin, when they are over, and again while they last.

Every look decides what is to be told (a row each, once); a timer for each destination says it, many in one message.
A lost answer or a killed process may double a message and never loses one: it is said again with the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError, TiebackError
from config.logs import about, scrub
from connectors.messages import Notifier
from store import alerts, definitions, leases, notices
from store.leases import Held
from store.session import reading, retrying, writing
from workers import alert_words, noticing
from workers.alert_file import FILE, Plan, read
from workers.desk import Desk
from workers.noticing import Trouble

log = logging.getLogger("tieback.alerts")

EVERY_S = 15
ENDED_S = GIVE_UP_S = 24 * 3600.0
AGAIN_S, LONGEST_AGAIN_S = 30.0, 900.0
# Beyond so many messages an hour a destination is told at longer intervals, of more at once.
MANY, MANY_GROUP_S = 8, 600.0


def look(desk: Desk, _subject: str) -> None:
    """The timer's work: notice, and decide who is told what."""
    spent = list(noticing.quota(desk))
    with reading(desk.engine) as db:  # whoever counts much must not keep the door from writing
        plan = plan_of(db)
        found = noticing.look(db, desk, plan) | {"quota": spent}
    keep(desk, plan, found)


@retrying
def keep(desk: Desk, plan: Plan, found: Mapping[str, list[Trouble]]) -> None:
    """All that is wrong of these kinds, and whom it is told to."""
    with writing(desk.engine) as db:
        for kind, troubles in found.items():
            noticing.note(db, plan, kind, troubles)
        route(db, plan)


def plan_of(db: Connection) -> Plan:
    """`alerts.yaml` as it last was good; an empty plan where there is none."""
    row = definitions.site_file(db, FILE)
    try:
        return read(row.source) if row is not None and row.source else Plan()
    except ConfigError as error:  # good for an older version of Tieback
        log.error("site_file.unreadable", extra=about(file=FILE, error=error))
        return Plan()


def route(db: Connection, plan: Plan) -> None:
    """A notice for each transition and destination that has none yet."""
    rows = alerts.to_tell(db, ENDED_S)
    said = notices.of(db, [row.id for row in rows])
    fresh: set[str] = set()
    for row in rows:
        wanted = plan.destinations(row.kind, row.severity, row.subject)
        for to in {*wanted, *(to for id, to in said if id == row.id)}:
            what = _next(plan, row, said.get((row.id, to), []), to in wanted)
            if what is not None and notices.keep(db, row.id, to, *what):
                fresh.add(to)
    notices.drop(db, GIVE_UP_S)
    notices.drop_but(db, {to for one in plan.routes for to in one.to})
    for to in sorted(fresh):
        many = notices.busy(db, to, 3600.0) >= MANY
        notices.arm(db, to, max(plan.group_s, MANY_GROUP_S) if many else plan.group_s)


def _next(plan: Plan, row: Any, before: list[Any], wanted: bool) -> tuple[str, int] | None:
    """What to tell of an alert now, after what was told before: ("begin", 0), ("again", n), ("end", 0) or nothing."""
    told = [one for one in before if one.state != "dropped"]
    if row.state == "resolved":
        return ("end", 0) if told and not any(one.what == "end" for one in before) else None
    if not wanted or row.acked_by is not None:
        return None
    if not before:
        return "begin", 0
    last = before[-1]
    age_s = (last.here - last.ended_at).total_seconds() if last.ended_at is not None else 0.0
    if plan.repeat_s is None or last.state == "waiting" or age_s < plan.repeat_s:
        return None
    return "again", len(before)


def tell(desk: Desk, destination: str, held: Held) -> None:
    """Say what waits for one destination. Raises: the error of what was not taken, after its next try is set."""
    while True:
        with writing(desk.engine) as db:
            leases.renew(db, held)
            rows = notices.take(db, destination)
        if not rows:
            return
        desk.keeper.still_mine(held)
        try:
            mouth: Notifier = desk.loaded.destination(destination)
            receipt = mouth.notify(alert_words.message(rows, desk.settings))
        except TiebackError as error:
            _failed(desk, destination, held, rows, error)
            raise
        with writing(desk.engine) as db:
            leases.renew(db, held)
            notices.sent(db, rows[0].message)
        log.info("alert.told", extra=about(destination=destination, alerts=len(rows), said=scrub(receipt.said)))


def _failed(desk: Desk, destination: str, held: Held, rows: list[Any], error: TiebackError) -> None:
    with writing(desk.engine) as db:
        leases.renew(db, held)
        tries = notices.failed(db, rows[0].message, scrub(str(error))[:500])
        asked = getattr(error, "retry_after_s", None) or 0.0
        notices.put_off(db, destination, max(asked, min(AGAIN_S * 2 ** (tries - 1), LONGEST_AGAIN_S)))
