"""Messages that should have gone out by now, and what else is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator

from config.settings import Settings
from console.doctor import Finding
from store import alerts as kept_alerts
from store import digests
from store.session import open_engine, reading

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
    """What promised to happen and did not: silence, lag."""
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


LOOKS = (messages, alerts)
