"""Messages that should have gone out by now."""

from __future__ import annotations

from collections.abc import Iterator

from config.settings import Settings
from console.doctor import Finding
from store import digests
from store.session import open_engine, reading

GRACE_S = 300.0


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


LOOKS = (messages,)
