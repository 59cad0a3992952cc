"""Doing the same to many runs or events: a chunk in each transaction, the first ones as a trial, at a rate, taken back.

What was done to each stands beside the cursor in the same commit, so nothing is done twice, whoever dies when.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from automations import definition
from automations.parts import Automation
from config import failpoints
from store import definitions, leases, operations, replays, runs, searching
from store.leases import Held
from store.session import retrying, writing
from workers import finishing, replaying
from workers.desk import Desk

CHUNK = 100
SLICE_S = 5.0
REST_S = 0.05  # between two chunks the door and the other work have the database and the processor
LOOK_AGAIN_S = 1.0
LANE = "backfill"  # so that many old runs do not stand before what comes in now
MOMENTS = ("since", "until", "ended_since")
Item = tuple[int, int | None, dict[str, Any] | None]
"""(run or event, the run that is due or ended by it, what that run was before)."""


class Verb(Protocol):
    """What is done to each, and how it is taken back."""

    def next(self, db: Connection, row: Any, count: int) -> list[int]:
        """The next subjects after the cursor."""

    def do(self, db: Connection, row: Any, ids: Sequence[int]) -> list[Item]:
        """Those to which it could be done."""

    def back(self, db: Connection, row: Any, items: Sequence[Any]) -> list[int]:
        """The subjects of those that could be taken back: nobody has begun with them."""


def work(desk: Desk, held: Held) -> None:
    """A slice of it: until it ends or rests, must wait, or others are to have their turn."""
    until = time.monotonic() + SLICE_S
    wait_s: float | None = 0.0
    while wait_s == 0.0 and time.monotonic() < until:
        desk.keeper.still_mine(held)
        wait_s = _chunk(desk, held)
        failpoints.hit("operation.after_commit")
        if wait_s == 0.0:
            time.sleep(REST_S)
    if wait_s is None:
        return
    _let_go(desk, held, wait_s)
    if wait_s == 0.0:
        desk.doorbell.ring("operation", [held.id], "manual")


@retrying
def _chunk(desk: Desk, held: Held) -> float | None:
    """One transaction. In how many seconds there is more to do; None when it has ended or rests."""
    with writing(desk.engine) as db:
        row = operations.held_row(db, held)
        if row.phase == "back":
            return _back(db, held, row)
        if row.phase == "canary" and row.done >= row.canary:
            return _judge(db, held, row)
        most = CHUNK if row.phase == "rest" else min(CHUNK, row.canary - row.done)
        count, paced_at, wait_s = operations.paced(row, most)
        if count == 0:
            return wait_s
        ids = VERBS[row.kind].next(db, row, count)
        if not ids:
            leases.finish(db, held, "done", reason=None)
            return None
        items = VERBS[row.kind].do(db, row, ids)
        operations.keep_items(db, row.id, items)
        so_far = {"done": row.done + len(items), "skipped": row.skipped + len(ids) - len(items)}
        operations.keep(db, held, **so_far, cursor=ids[-1], paced_at=paced_at)
        failpoints.hit("operation.before_commit")
    return wait_s


def _judge(db: Connection, held: Held, row: Any) -> float | None:
    """The first ones are done: go on when their runs ended well, stop at the first that did not."""
    told = operations.runs_of(db, row.id, 1)
    counts = operations.outcomes(db, row.id)
    if bad := sum(counts.get(state, 0) for state in runs.AGAIN):
        worst = told[0]
        why = (worst.error or {}).get("message") or worst.reason or worst.state
        reason = f"{bad} of the {row.canary} tried first did not end well: run {worst.id} {worst.state}: {str(why)[:300]}"
        operations.rest(db, held, "stopped", reason)
        return None
    if left := counts.get("waiting", 0) + counts.get("running", 0):
        operations.keep(db, held, reason=f"waits for {left} of the {row.canary} runs tried first to end")
        return LOOK_AGAIN_S
    operations.keep(db, held, phase="rest", reason=None)
    return 0.0


def _back(db: Connection, held: Held, row: Any) -> float | None:
    items = operations.items(db, row.id, CHUNK, "done")
    if not items:
        kept = f"; {row.done - row.taken_back} had begun already and go on" if row.done > row.taken_back else ""
        leases.finish(db, held, "cancelled", reason=f"taken back: {row.taken_back} of {row.done}{kept}")
        return None
    subjects = VERBS[row.kind].back(db, row, items)
    begun = {one.subject_id for one in items}.difference(subjects)
    operations.mark_items(db, row.id, subjects, "taken back")
    operations.mark_items(db, row.id, begun, "begun")
    operations.keep(db, held, taken_back=row.taken_back + len(subjects))
    return 0.0


@retrying
def _let_go(desk: Desk, held: Held, wait_s: float) -> None:
    with writing(desk.engine) as db:
        leases.put_back(db, held, wait_s, counts=False)


def asked_of(what: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of a filter as `store.searching` takes them; moments are kept as ISO 8601."""
    found = {name: value for name, value in what.get("where", {}).items() if value not in (None, "")}
    return {**found, **{name: dt.datetime.fromisoformat(found[name]) for name in MOMENTS if name in found}}


def _next_runs(db: Connection, row: Any, count: int) -> list[int]:
    """The newest first: those that were chosen, or what the filter finds up to the newest run that there was."""
    chosen = row.what.get("ids")
    if chosen is not None:
        return [id for id in chosen if row.cursor is None or id < row.cursor][:count]
    before = row.cursor if row.cursor is not None else row.what["newest"] + 1
    return searching.run_ids(db, row.connectors, count, before, **asked_of(row.what))


class Retry:
    """Runs are due again, in a lane behind all others."""

    next = staticmethod(_next_runs)

    def do(self, db: Connection, row: Any, ids: Sequence[int]) -> list[Item]:
        return [(id, id, was) for id, was in runs.again_all(db, ids, LANE).items()]

    def back(self, db: Connection, row: Any, items: Sequence[Any]) -> list[int]:
        return [one.subject_id for one in items if runs.back(db, one.run_id, one.was)]


class Cancel:
    """Runs end: at once, or before their next step. What has ended is not taken back."""

    next = staticmethod(_next_runs)

    def do(self, db: Connection, row: Any, ids: Sequence[int]) -> list[Item]:
        reason = row.why or f"cancelled by {row.requested_by}"
        return [(id, id, None) for id in ids if finishing.cancel(db, id, reason)]

    def back(self, db: Connection, row: Any, items: Sequence[Any]) -> list[int]:
        return []


class Replay:
    """Stored events come once more for one automation, the oldest first, as new runs of the version that was in force."""

    def next(self, db: Connection, row: Any, count: int) -> list[int]:
        after = row.cursor or 0
        chosen = row.what.get("ids")
        if chosen is not None:
            return [id for id in chosen if id > after][:count]
        rule = _rule(db, row)
        return replaying.found(db, rule, asked_of(row.what), count, after, row.what["newest"])

    def do(self, db: Connection, row: Any, ids: Sequence[int]) -> list[Item]:
        rule = _rule(db, row)
        made: list[Item] = []
        for id in ids:
            event = replays.take(db, id)
            if event is None or event.replays is not None or event.purged_at is not None:
                continue
            again = bool(row.what.get("repeat_effects"))
            run_id = replaying.live(
                db, rule, row.what["version"], event, row.requested_by, repeat_effects=again, lane=LANE
            )  # fmt: skip
            made += [(id, run_id, None)] if run_id is not None else []
        return made

    def back(self, db: Connection, row: Any, items: Sequence[Any]) -> list[int]:
        unbegun = runs.cancel_unbegun(db, [one.run_id for one in items], f"operation {row.id} was taken back")
        return [one.subject_id for one in items if one.run_id in unbegun]


def _rule(db: Connection, row: Any) -> Automation:
    version = definitions.version(db, row.what["version"])
    return definition.reload(version.source, version.file)


VERBS: dict[str, Verb] = {"retry": Retry(), "cancel": Cancel(), "replay": Replay()}
