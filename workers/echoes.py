"""Our own writes come back as events. An event whose record is just what we wrote is no news; one that we caused otherwise
counts its hops, so that two automations that set each other off come to an end.

Payload v4 does not say which application changed a record, so the content decides and not the time: Procore's answer to
our write is kept, and the copy that is fetched for the event is compared with it. Times are compared only with Procore's
own, by the second, which is what it counts them in.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine

from automations.event import Event
from config.logs import about
from connectors import catalogue, parents
from connectors.catalogue import record_hash
from store import echoes, events, flow, records
from store.session import retrying, writing
from workers import resuming

log = logging.getLogger("tieback.echoes")

HOPS = 5
# What follows from a write of ours follows soon, by Procore's clock; by ours where Procore told no time.
SOON = dt.timedelta(seconds=60)
SKEW = dt.timedelta(minutes=2)
WAIT_S = 2.0
_SECOND = dt.timedelta(seconds=1)
OF_PROCORE = ("webhook", "sweep")


def hop(db: Connection, event: Mapping[str, Any]) -> int:
    """How many of our writes lie between this event and the outside; 0 when none caused it. `event` are its columns."""
    found = cause(db, event)
    return 0 if found is None else int(found.hop) + 1


def cause(db: Connection, event: Mapping[str, Any]) -> Any | None:
    """Our write that this event follows from: on the record itself, on its parent, or on one below it."""
    if event["source"] not in OF_PROCORE or not event["company_id"]:
        return None
    row = catalogue.resource(event["resource_name"])
    resource = row.name if row else event["resource_name"]
    parent = str((event["parent"] or {}).get("id") or "")
    for write in echoes.lately(db, event["company_id"], [event["resource_id"], *([parent] if parent else [])]):
        if _concerns(write, resource, event["resource_id"], parent) and _soon_after(write, event["timestamp"]):
            return write
    return None


def _concerns(write: Any, resource: str, record_id: str, parent: str) -> bool:
    if write.resource == resource:
        return write.record_id in (record_id, "")
    if write.parent_id and write.parent_id == record_id:
        row = catalogue.resource(write.resource)
        return row is not None and resource in parents.of(row)
    return bool(parent) and write.record_id == parent


def _soon_after(write: Any, moment: dt.datetime) -> bool:
    if write.said_at is not None:
        return bool(write.said_at - _SECOND < moment <= write.said_at + SOON)
    return bool(write.at - SKEW < moment <= write.at + SKEW)


def must_wait(db: Connection, row: Any) -> bool:
    """Whether a write of ours on the record of this fetch is under way: its answer tells whether the copy is its echo."""
    writes = echoes.of_record(db, row.connector, row.company_id, row.resource, row.record_id)
    return any(write.record_hash is None and echoes.is_under_way(db, write.id) for write in writes)


def settle(db: Connection, row: Any, before_id: int | None, after_id: int) -> None:
    """End the runs behind this fetch that have nothing to do: their event is our own echo, or the last straw of a loop."""
    writes = echoes.of_record(db, row.connector, row.company_id, row.resource, row.record_id)
    waiting = echoes.waiting(db, row.id) if writes else []
    if not writes and not (waiting := [run for run in echoes.waiting(db, row.id) if run.hop > HOPS]):
        return
    copy = records.get(db, after_id)
    owing = _of_this_copy([write for write in writes if write.record_hash is not None], copy)
    told: dict[int, SimpleNamespace | None] = {}
    for run in waiting:
        more = [one for one in flow.gathered(db, run.id) if one.id != run.event_id] if run.gather_until else []
        if (write := _echo(db, owing, told, run, more, row)) is not None:
            echoes.skip(db, run.id, f"our own change: run {write.run_id}", before_id=before_id, after_id=after_id)
        elif run.hop > HOPS:
            _break(db, run, before_id, after_id)


def _echo(
    db: Connection, owing: list[SimpleNamespace], told: dict[int, SimpleNamespace | None], run: Any, more: Sequence[Any], row: Any
) -> SimpleNamespace | None:
    """The write that all events of a run tell of; one piece of news among them, and it is none."""
    write = None
    for event_id, event in ((run.event_id, run), *((one.id, one) for one in more)):
        if event is not run and event.resource_id != row.record_id:
            return None
        if event_id not in told:
            told[event_id] = _echo_of(db, owing, event_id, event)
        if (write := told[event_id]) is None:
            return None
    return write


def _of_this_copy(writes: Sequence[Any], copy: Any) -> list[SimpleNamespace]:
    """The writes up to the one that left the record as the copy shows it; [] when it shows something else."""
    last = next((n for n, write in reversed(list(enumerate(writes))) if _same(write, copy)), -1)
    return [SimpleNamespace(**write._mapping) for write in writes[: last + 1]]


def _same(write: Any, copy: Any) -> bool:
    """Whether the copy is what Procore answered. An answer may tell less than the record's own page, or more."""
    if write.record_hash == copy.record_hash:
        return True
    body, seen = write.body or {}, copy.body
    common = body.keys() & seen.keys()
    if "updated_at" not in common or len(common) < 3:
        return False
    return record_hash(None, {k: body[k] for k in common}) == record_hash(None, {k: seen[k] for k in common})


def _echo_of(db: Connection, owing: list[SimpleNamespace], event_id: int, event: Any) -> SimpleNamespace | None:
    """The write that this event tells of. Each write owes us one event; more of the same person are its echoes too.

    Another person's event of the same second is not swallowed: it finds no write that still owes one.
    """
    if event.app_id or event.source not in OF_PROCORE:
        return None
    fitting = [write for write in owing if _not_before(write, event.timestamp)]
    for write in fitting:
        if write.event_id is None:
            echoes.told(db, write.id, event_id, event.user_id)
            write.event_id, write.user_id = event_id, event.user_id
            return write
    return next((write for write in fitting if event.user_id and write.user_id == event.user_id), None)


def _not_before(write: Any, moment: dt.datetime) -> bool:
    if write.said_at is not None:
        return bool(moment >= write.said_at.replace(microsecond=0))
    return bool(moment >= write.at - SKEW)


def _break(db: Connection, run: Any, before_id: int | None, after_id: int) -> None:
    """An event behind more hops than can be meant: those who made the chain are stopped, mere listeners go on."""
    event = events.get(db, run.event_id)
    found = cause(db, event._mapping) if event is not None else None
    path = list(found.path) if found is not None else []
    if run.automation not in path:
        return
    reason = f"loop: {' → '.join([*path, run.automation])}, broken after {HOPS} hops"
    echoes.skip(db, run.id, reason, before_id=before_id, after_id=after_id)
    stop(db, run.automation, reason, run.id)


def stop(db: Connection, automation: str, reason: str, run_id: int) -> None:
    """Pause an automation in self-defence; a person resumes it."""
    if not resuming.change(db, "automation", automation, "paused", "tieback", {"reason": reason, "run": run_id}, None):
        return
    log.error("automation.paused", extra=about(automation=automation, reason=reason, run=run_id))


class OwnWrites:
    """What one run writes at Procore, as it goes out and as it was answered; each in a transaction of its own.

    Before the call, so that an echo that overtakes the answer is not taken for news.
    """

    def __init__(self, engine: Engine, run: Any, event: Event, company_of: Callable[[str], str]):
        self._engine, self._run, self._event, self._company_of = engine, run, event, company_of

    @retrying
    def begin(self, effect: str, connector: str, resource: str, record_id: str, project_id: str, parent: str) -> None:
        with writing(self._engine) as db:
            event = events.get(db, self._run.event_id)
            came = cause(db, event._mapping) if event is not None and event.hop else None
            row = {
                "effect_key": effect, "run_id": self._run.id, "automation": self._run.automation, "connector": connector,
                "company_id": self._company_of(connector), "resource": resource, "record_id": record_id,
                "project_id": project_id, "parent_id": parent, "hop": event.hop if event is not None else 0,
                "path": [*(came.path if came is not None else []), self._run.automation],
            }  # fmt: skip
            echoes.begin(db, row)

    @retrying
    def answered(self, effect: str, written: Sequence[Mapping[str, Any]]) -> None:
        with writing(self._engine) as db:
            echoes.answered(db, effect, [_answered(record) for record in written])


def _answered(record: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(record)
    return {
        "record_id": str(body.get("id") or ""),
        "record_hash": record_hash(None, body),
        "body": body,
        "said_at": echoes.moment_of(body.get("updated_at")),
    }
