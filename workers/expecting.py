"""`expect:` of automations: silence and lag, which nobody sees because nothing happens, become alerts."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from automations.durations import shown
from automations.parts import Automation
from store import definitions, runs, timers
from store.session import reading
from workers import alerting
from workers.desk import Desk
from workers.noticing import Trouble

EVERY_S = 300
SILENCE, LAG = "silence", "lag"
LAG_OVER_S = 3600.0
FEWEST = 5


def look(desk: Desk, _subject: str) -> None:
    """The timer's work: compare what each live automation promised with what its runs did."""
    found: dict[str, list[Trouble]] = {SILENCE: [], LAG: []}
    with reading(desk.engine) as db:
        moment = timers.clock(db)
        for rule in desk.loaded.automations:
            version = definitions.version(db, desk.loaded.site.versions[rule.id])
            for kind, seen in ((SILENCE, _silence(db, rule, version.created_at, moment)), (LAG, _lag(db, rule))):
                if seen is not None:
                    found[kind].append(Trouble(rule.id, f"{rule.id}: {seen}", runbook=rule.runbook or None))
        plan = alerting.plan_of(db)
    alerting.keep(desk, plan, found)


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
