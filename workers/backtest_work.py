"""A back-test as an operation. It only reads, so whoever takes it up after a crash begins anew."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from automations import definition
from store import leases, operations
from store.leases import Held
from store.session import reading, retrying, writing
from workers import backtest
from workers.desk import Desk
from workers.kept import small
from workers.loaded import site_tables


def work(desk: Desk, held: Held) -> None:
    """`what` has the rule's text as `source` and `file`, `since` in ISO 8601, and how many differing events are `shown`."""
    with reading(desk.engine) as db:
        row = operations.get(db, held.id)
        tables = site_tables(db)
    assert row is not None
    what = row["what"]
    rule = definition.reload(what["source"], what["file"])
    found = backtest.run(
        desk.engine, rule, dt.datetime.fromisoformat(what["since"]), tables, shown=what["shown"],
        told=lambda events: _told(desk, held, events),
    )  # fmt: skip
    _finish(desk, held, found)


@retrying
def _told(desk: Desk, held: Held, events: int) -> None:
    """After each page; ends it here when somebody paused or cancelled it."""
    desk.keeper.still_mine(held)
    with writing(desk.engine) as db:
        operations.progress(db, held, done=events)


@retrying
def _finish(desk: Desk, held: Held, found: backtest.Result) -> None:
    with writing(desk.engine) as db:
        leases.finish(db, held, "done", done=found.events, total=found.events, reason=None, result=small(asdict(found)))
