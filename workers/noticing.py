"""Looks for what is not as it should be and keeps it as alerts. What is seen no more ends by itself."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from config.logs import about
from config.settings import Settings
from connectors.quota import blocked
from connectors.quota_state import current
from store import alerts, beats, board, causes, connectors, notices, pauses
from workers.alert_file import OFF, Plan
from workers.alert_kinds import KINDS
from workers.desk import Desk

log = logging.getLogger("tieback.alerts")

TIGHT_BYTES, FULL_BYTES = 1 << 30, 64 << 20
LATELY_S = 3600.0
MOST_CAUSES = 20
GONE_S = 30.0
FEWEST_LEFT = 20  # one call in so many
BLOCKED_S = 60.0
TRIES = 3
Dict = dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """`lasted_s`: how long it is known to last already. `severity` where it differs from that of its kind."""

    subject: str
    message: str
    severity: str = ""
    runbook: str | None = None
    lasted_s: float = field(default=0.0)


def note(db: Connection, plan: Plan, kind: str, troubles: Iterable[Trouble]) -> None:
    """Keep what is wrong of one kind, and end what is wrong no more. All troubles of the kind must be given."""
    found = {one.subject[:200]: one for one in troubles}
    for subject, one in found.items():
        severity = plan.severity(kind, one.severity or KINDS[kind].severity)
        if severity == OFF:
            continue
        runbook = one.runbook or plan.wish(kind).runbook
        wait_s = max(0.0, plan.after_s(kind) - one.lasted_s)
        if alerts.raise_(db, kind, subject, one.message, severity=severity, runbook=runbook, after_s=wait_s):
            log.error("alert.raised", extra=about(kind=kind, subject=subject, severity=severity, reason=one.message))
    off = plan.wish(kind).severity == OFF
    for subject in alerts.over(db, kind, () if off else found, 0.0 if off else plan.settle_s):
        log.warning("alert.resolved", extra=about(kind=kind, subject=subject))


def look(db: Connection, desk: Desk, plan: Plan) -> dict[str, list[Trouble]]:
    """What is wrong now, by kind: all but `quota`, and silence and lag, which `workers.expecting` looks for. Changes nothing."""
    return {kind: list(seen(db, desk, plan)) for kind, seen in SEEN.items()}


def _failures(db: Connection, desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    """A trouble for each cause, those with most runs first; what people acknowledged or ignore is known to them."""
    said = causes.every(db)
    groups: dict[str, list[Any]] = {}
    for row in causes.lately(db, LATELY_S):
        kind, message = str(row.kind or row.state), str(row.message or row.reason or "no reason was kept")
        groups.setdefault(causes.cause_of(kind, message), []).append((row, kind, message))
    fresh = sorted((one for cause, one in groups.items() if cause not in said), key=len, reverse=True)
    runbooks = {rule.id: rule.runbook for rule in desk.loaded.automations if rule.runbook}
    for group in fresh[:MOST_CAUSES]:
        _row, kind, message = group[0]
        rules = sorted({row.automation for row, _, _ in group})
        shown = ", ".join(rules[:5]) + (f" and {len(rules) - 5} more" if len(rules) > 5 else "")
        line = " ".join(message.split("\n", 1)[0].split())[:300]
        seen = f"{_runs(len(group))} of {shown} failed within the last hour: {kind}: {line}"
        runbook = next((runbooks[rule] for rule in rules if rule in runbooks), None)
        yield Trouble(causes.cause_of(kind, message), seen, runbook=runbook)
    if rest := fresh[MOST_CAUSES:]:
        yield Trouble("other", f"{_runs(sum(map(len, rest)))} failed within the last hour for {len(rest)} other causes")


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def quota(desk: Desk) -> Iterator[Trouble]:
    """Apart from the others: each connector's is read in a transaction of its own, which may not begin within another one."""
    for name in desk.loaded.connectors():
        state, moment = desk.loaded.quota.state(name)
        state = current(state, moment)
        until, why = blocked(state, moment)
        left, limit = state.left()["hour"], state.limits()["hour"]
        if until - moment > BLOCKED_S:
            yield Trouble(name, f"{name}: no call may go out for {until - moment:.0f} s: {why or 'its quota is used up'}")
        elif left * FEWEST_LEFT < limit:
            yield Trouble(name, f"{name}: {max(0, left)} of {limit} calls of the hour are left")


def _validation(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    for row in connectors.every(db):
        wrong = [one for one in (row.verdict or {}).get("checks", []) if one.get("state") == "wrong"]
        if row.state not in ("active", "paused"):
            yield Trouble(row.name, f"{row.name} needs attention" + (f": {row.reason}" if row.reason else ""))
        elif wrong:
            yield Trouble(row.name, f"{row.name} does not validate: {wrong[0]['name']}: {wrong[0]['seen']}")


def _hooks(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    amiss: dict[str, dict[str, int]] = {}
    for hook in board.hooks_amiss(db, None):
        counted = amiss.setdefault(hook.connector, {})
        counted[hook.status] = counted.get(hook.status, 0) + 1
    for name, counted in amiss.items():
        yield Trouble(
            name, f"{name}: hooks are amiss: " + ", ".join(f"{count} {status}" for status, count in sorted(counted.items()))
        )


def _workers(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    youngest: dict[str, float] = {}
    for one in beats.alive(db):
        youngest[one["role"]] = min(youngest.get(one["role"], one["age_s"]), one["age_s"])
    for role in ("relay", "worker"):
        age_s = youngest.get(role)
        if age_s is None:
            yield Trouble(role, f"no {role} has given a sign of life for a day, or the last one was stopped")
        elif age_s > GONE_S:
            yield Trouble(role, f"no {role} has given a sign of life for {age_s:.0f} s", lasted_s=age_s)


def _disk(_db: Connection, desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    seen: set[int] = set()
    for place in places(desk.settings):
        here = next(one for one in (place, *place.absolute().parents) if one.exists())
        device, free = here.stat().st_dev, shutil.disk_usage(here).free
        if free < TIGHT_BYTES and device not in seen:
            severity = "page" if free < FULL_BYTES else "ticket"
            yield Trouble(str(place), f"{free >> 20} MiB are free where {place} is", severity)
        seen.add(device)


def places(settings: Settings) -> list[Path]:
    """The folders that must have room: var/, the files, and the database where it is a file."""
    found = [settings.var, settings.files_root]
    if settings.database_url.startswith("sqlite:///"):
        found.insert(0, Path(settings.database_url.removeprefix("sqlite:///")))
    return found


def _queue(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    """Lanes whose due work waits though nobody holds them; deliveries that wait to be sorted."""
    moment, held = board.clock(db), {row.lane for row in pauses.every(db)}
    count, oldest = board.unsorted(db)
    waiting = {"deliveries": (count, oldest), **{name: (one["due"], one["oldest"]) for name, one in board.lanes(db).items()}}
    for name, (due, since) in waiting.items():
        age_s = (moment - since).total_seconds() if since is not None else 0.0
        if due and age_s > GONE_S and name not in held:
            what = "deliveries wait to be sorted" if name == "deliveries" else f"pieces of work of the lane {name} are due"
            yield Trouble(name, f"{due} {what}, the oldest for {_long(age_s)}", lasted_s=age_s)


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _effects(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    if count := board.count(db, "uncertain", None):
        yield Trouble("uncertain", f"{count} effects are in doubt: nobody knows whether they happened, and their runs wait")


def _site(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    for name, message in board.broken(db):
        yield Trouble(name, f"{name} does not load: {message.splitlines()[0][:300]}")


def _destination(db: Connection, _desk: Desk, _plan: Plan) -> Iterator[Trouble]:
    for name, error, count in notices.failing(db, TRIES):
        yield Trouble(name, f"{name} does not take alerts, {count} wait: {error[:300]}")


Seen = Callable[[Connection, Desk, Plan], Iterator[Trouble]]
SEEN: dict[str, Seen] = {
    "failures": _failures, "validation": _validation, "hooks": _hooks, "workers": _workers, "disk": _disk,
    "queue": _queue, "effects": _effects, "site": _site, "destination": _destination,
}  # fmt: skip
