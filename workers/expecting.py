"""`expect:` of automations: silence and lag, which nobody sees because nothing happens, become alerts."""

from __future__ import annotations

import datetime as dt
import logging

from sqlalchemy import Connection

from automations.durations import shown
from automations.parts import Automation
from config.logs import about
from store import alerts, definitions, runs, timers
from store.session import writing
from workers.desk import Desk

log = logging.getLogger("tieback.expect")

EVERY_S = 300
SILENCE, LAG = "silence", "lag"
LAG_OVER_S = 3600.0
FEWEST = 5


def look(desk: Desk, _subject: str) -> None:
    """The timer's work: compare what each live automation promised with what its runs did."""
    with writing(desk.engine) as db:
        moment = timers.clock(db)
        for rule in desk.loaded.automations:
            version = definitions.version(db, desk.loaded.site.versions[rule.id])
            _tell(db, SILENCE, rule, _silence(db, rule, version.created_at, moment))
            _tell(db, LAG, rule, _lag(db, rule))


def _silence(db: Connection, rule: Automation, since: dt.datetime, moment: dt.datetime) -> str | None:
    longest = rule.expect.success_every_s
    if longest is None or rule.stage == "off":
        return None
    last = runs.last_ok(db, rule.id)
    quiet_s = (moment - max(last or since, since)).total_seconds()
    if quiet_s <= longest:
        return None
    when = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "since it is in force"
    return f"no run was ok {when}, and expect: success_every: is {shown(longest)}"


def _lag(db: Connection, rule: Automation) -> str | None:
    limit = rule.expect.lag_p95_s
    if limit is None or rule.stage == "off":
        return None
    lags = sorted(runs.lags_s(db, rule.id, LAG_OVER_S))
    if len(lags) < FEWEST:
        return None
    p95 = lags[min(len(lags) - 1, int(len(lags) * 0.95))]
    if p95 <= limit:
        return None
    return f"of the last hour's {len(lags)} runs one in twenty took {p95:.0f} s or more, and expect: lag_p95: is {shown(limit)}"


def _tell(db: Connection, kind: str, rule: Automation, trouble: str | None) -> None:
    if trouble is None:
        if alerts.clear(db, kind, rule.id):
            log.warning("alert.resolved", extra=about(kind=kind, automation=rule.id))
        return
    runbook = f". Runbook: {rule.runbook}" if rule.runbook else ""
    if alerts.raise_(db, kind, rule.id, f"{rule.id}: {trouble}{runbook}"):
        log.error("alert.raised", extra=about(kind=kind, automation=rule.id, reason=trouble))
