"""Is all well? One verdict with its reasons, the worst first; each says what was seen and where to look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from console.verbs.at_hand import AtHand
from store import alerts, beats, board, connectors, drains, notices, pauses, schedules, switch
from store.session import reading
from workers import schedules as clock

MOST_ALERTS = 5
LEVELS = ("bad", "warn", "held")
WORDS = {"good": "All is well", "held": "Held by hand", "warn": "Needs a look", "bad": "Not healthy"}


@dataclass(frozen=True)
class Reason:
    """`level` is bad (work stands still), warn (something failed) or held (a person wants it so). `where` is a page."""

    level: str
    seen: str
    where: str


def verdict(here: AtHand) -> dict[str, Any]:
    """`level`, `word`, and `reasons` as dicts."""
    with reading(here.engine) as db:
        found = sorted(_reasons(db, here), key=lambda one: LEVELS.index(one.level))
    level = found[0].level if found else "good"
    return {"level": level, "word": WORDS[level], "reasons": [vars(one) for one in found]}


def _reasons(db: Connection, here: AtHand) -> Iterator[Reason]:
    yield from _whole(db)
    yield from _held(db, here)
    yield from _connectors(db, here)
    yield from _counted(db, here)
    if here.only is None:
        for alert in alerts.every(db, state="open", limit=MOST_ALERTS):
            if alert.acked_by is None:
                yield Reason("warn", alert.message, _page_of(alert))
        for name, error, count in notices.failing(db, 1):
            yield Reason("warn", f"{name} does not take alerts, {count} wait: {error[:200]}", "/alerts?state=open")
        for name, message in board.broken(db):
            page = "/automations" if "/" in name else f"/automations/{name}"
            yield Reason("warn", f"{name} does not load: {message.splitlines()[0][:200]}", page)


# Where what an alert tells of is seen and mended; everything else is on the page of alerts.
_PAGES = {"silence": "/automations/", "lag": "/automations/", "validation": "/connectors/", "quota": "/connectors/"}


def _page_of(alert: Any) -> str:
    return _PAGES[alert.kind] + alert.subject if alert.kind in _PAGES else "/alerts?state=open"


def _whole(db: Connection) -> Iterator[Reason]:
    if (why := beats.not_ready(db)) is not None:
        yield Reason("bad", why[:1].upper() + why[1:], "/queues")


def _held(db: Connection, here: AtHand) -> Iterator[Reason]:
    if (changes := switch.held(db)) is not None:
        yield Reason("held", changes[:1].upper() + changes[1:], "/queues")
    for row in pauses.every(db):
        how = "runs empty" if row.kind == "drain" else "is paused"
        yield Reason("held", f"The lane {row.lane} {how}{until(row.until)}: {row.reason}", "/queues")
    for one in drains.every(db).values():
        yield Reason("held", f"A worker is drained by {one['by']}: {one['reason']}", "/queues")
    if here.only is None:
        for name in board.paused_automations(db):
            yield Reason("held", f"The automation {name} is paused", f"/automations/{name}")
        for row in schedules.every(db):
            if clock.let_pass(row, board.clock(db)):
                yield Reason("held", f"The schedule {row.name} is paused: {row.held['reason']}", "/schedules")
        for name, held, waits in board.held_versions(db):
            more = "; another version of its file waits" if waits else ""
            yield Reason("held", f"A version of {name} is held by {held['by']}: {held['reason']}{more}", f"/automations/{name}")


def until(moment: dt.datetime | None) -> str:
    return f" until {moment:%H:%M} UTC" if moment is not None else ""


def _connectors(db: Connection, here: AtHand) -> Iterator[Reason]:
    for row in connectors.every(db):
        if not here.sees(row.name):
            continue
        page = f"/connectors/{row.name}"
        if row.state == "paused":
            yield Reason("held", f"The connector {row.name} is paused" + (f": {row.reason}" if row.reason else ""), page)
        elif row.state != "active":
            yield Reason("bad", f"The connector {row.name} needs attention" + (f": {row.reason}" if row.reason else ""), page)
        elif row.verdict is not None and not row.verdict.get("ok", True):
            yield Reason("warn", f"The connector {row.name} did not validate", page)
    for hook in board.hooks_amiss(db, here.only):
        scope = f"project {hook.project_id}" if hook.project_id else "the company"
        yield Reason("bad", f"The hook of {hook.connector} for {scope} is {hook.status}", f"/connectors/{hook.connector}")


_COUNTED = (
    ("failed lately", "warn", "run", "failed within the last hour", "/failures"),
    ("parked", "warn", "run", "put aside for a person", "/runs?state=parked"),
    ("uncertain", "warn", "effect", "in doubt: somebody has to look, and settle it", "/effects?state=uncertain"),
    ("asks", "warn", "run", "asking somebody before it goes on", "/approvals?state=open"),
    ("quarantined lately", "warn", "delivery", "quarantined within the last day", "/deliveries?state=quarantined"),
)


def _counted(db: Connection, here: AtHand) -> Iterator[Reason]:
    for what, level, thing, said, where in _COUNTED:
        if count := board.count(db, what, here.only):
            yield Reason(level, f"{number(count)} {plural(thing, count)} {said}", where)


def number(count: int) -> str:
    return f"{count:,}" if count < board.MOST_COUNTED else f"{board.MOST_COUNTED:,} or more"


def plural(thing: str, count: int) -> str:
    return thing if count == 1 else "deliveries" if thing == "delivery" else f"{thing}s"
