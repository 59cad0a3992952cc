"""Messages that should have gone out by now, and what else is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator

from config.settings import Settings
from console.doctor import Finding
from store import alerts as kept_alerts
from store import digests, notices
from store.session import open_engine, reading
from workers.alert_file import FILE
from workers.alerting import plan_of
from workers.site import known_now

GRACE_S = 300.0
MOST_ALERTS = 50


def messages(given: Settings) -> Iterator[Finding]:
    engine = open_engine(given, pool_size=1)
    try:
        with reading(engine) as db:
            late = digests.overdue(db, GRACE_S)
    finally:
        engine.dispose()
    for one in late:
        seen = f"{one['count']} messages of {one['automation']} wait since {one['since']:%Y-%m-%d %H:%M}Z"
        why = f": {one['error']}" if one["error"] else ""
        mend = f"They are tried again by themselves. To try the destination: tieback destinations test {one['destination']}"
        yield Finding(f"digest to {one['destination']}", "wrong", f"{seen}{why}", mend)


def alerts(given: Settings) -> Iterator[Finding]:
    """What was noticed and is not over."""
    engine = open_engine(given, pool_size=1)
    try:
        with reading(engine) as db:
            rows = kept_alerts.every(db, state="open", limit=MOST_ALERTS)
    finally:
        engine.dispose()
    for row in rows:
        seen = f"{row.message} (alert {row.id}, since {row.since:%Y-%m-%d %H:%M}Z)"
        if row.acked_by:
            yield Finding(f"alert {row.kind}", "warn", seen, f"{row.acked_by} has seen it.")
        else:
            yield Finding(f"alert {row.kind}", "wrong", seen, f"Say that you look after it: tieback alerts ack {row.id}")


def telling(given: Settings) -> Iterator[Finding]:
    """Whether alerts reach anybody."""
    engine = open_engine(given, pool_size=1)
    try:
        with reading(engine) as db:
            plan, failing = plan_of(db), notices.failing(db, 1)
            known = known_now(db).destinations or set()
    finally:
        engine.dispose()
    named = sorted({to for one in plan.routes for to in one.to})
    if not named:
        yield Finding(
            "alerting", "warn", "alerts are told to nobody", f"Name destinations in {FILE} of the site: see docs/alerts.md"
        )
    for name in named:
        if name not in known:
            yield Finding("alerting", "wrong", f"{FILE} names {name}, which is not there", "Put its file into destinations/.")
    for name, error, count in failing:
        mend = f"It is tried again by itself. To try it now: tieback alerts test {name}"
        yield Finding("alerting", "wrong", f"{name} does not take alerts, {count} wait: {error}", mend)
    if named and not failing:
        yield Finding("alerting", "ok", f"alerts go to {', '.join(named)}")


LOOKS = (messages, alerts, telling)
