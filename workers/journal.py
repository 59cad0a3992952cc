"""The engine's journal, kept in the database: each write proves that the run's lease is still ours."""

from __future__ import annotations

import copy
import datetime as dt
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, StatementError

from automations.attempt import FAILED
from automations.effects import refuse_hidden
from automations.functions import iso
from automations.journal import (
    Effect,
    EffectState,
    Gathered,
    KeptEffect,
    RowChange,
    RowDeletion,
    RowQuery,
    Snapshot,
    StepResult,
)
from automations.outcomes import Answered, Ask, Outcome, Start
from automations.parts import Flow
from config import failpoints
from config.errors import LostLease, Permanent, Transient, Withheld
from config.hiding import scrub
from connectors import catalogue, http
from store import (
    approvals,
    calls,
    counters,
    digests,
    flow,
    leases,
    queries,
    records,
    restoring,
    runs,
    snapshots,
    switch,
    tables,
    timers,
)
from store.leases import Held
from store.session import is_away, reading, writing
from workers import flowing, remote, started, watching
from workers.beginning import Rings
from workers.desk import Desk
from workers.edited import Origin
from workers.kept import in_short, moment_of, query_of, result_of, small

CANCEL_LOOK_S = 1.0


class _AbandonedError(Exception):
    """Thrown into the open transaction to roll it back."""


class StoreJournal:
    """One run's journal. `row` and `event` are its rows; `copy_` the pinned record copy, or None.

    In `stage: shadow` it is `dry`: steps are kept, and actions write neither rows nor effects.
    """

    def __init__(self, desk: Desk, held: Held, row: Any, event: Any, copy_: Any | None):
        self._desk = desk
        self._engine = desk.engine
        self._keeper = desk.keeper
        self._call_log = desk.call_log
        self._held = held
        self.dry = row.stage != "live"
        self._row = row
        self._event = event
        self._copy = copy_
        self._destination = desk.loaded.destination
        self._results: list[StepResult] = []
        self._settled: list[tuple[str, EffectState, Any]] = []
        self._gathered: list[Gathered] = []
        self._watched: dict[str, bool] = {}
        self._looked_at = time.monotonic()
        self._to_end = row.cancel_asked is not None
        self._open = ExitStack()
        self._db: Connection | None = None
        self.digest_until: dt.datetime | None = row.digest_until
        self.digest_key: str = row.throttle_key or ""
        self.rings: Rings = []
        with reading(self._engine) as db:
            self._kept = {step.path: result_of(step) for step in runs.steps(db, row.id)}
            self._approvals = {one.path: one for one in approvals.of_run(db, row.id)}
            self._origin = Origin(db, event)

    @property
    def begun(self) -> bool:
        return any(path != FAILED for path in self._kept)

    def forget(self, paths: Iterable[str]) -> None:
        """Steps that are to be done again, though an earlier attempt did them."""
        for path in [kept for kept in self._kept if kept.partition("[")[0] in set(paths)]:
            del self._kept[path]

    def kept(self, path: str) -> StepResult | None:
        return self._kept.get(path)

    def edit_of(self, path: str, inputs: Any) -> str:
        return self._origin.edit_of(path, inputs)

    def finish(self, result: StepResult) -> None:
        self._kept[result.path] = result
        self._results.append(result)
        if result.state == "skipped":
            return  # nothing was done: it is written with the next step, or with the end of the run
        if result.state != "ok":
            self.abandon()  # rows of a step that did not succeed are not kept
        try:
            with self._open:
                self.write_results(self._transaction())
        finally:
            self._db = None
        self._results.clear()
        self._settled.clear()
        self._gathered.clear()
        self._call_log.take()

    def write_results(self, db: Connection) -> None:
        """Write what is finished and not written yet, in this transaction; it may be asked for again when that fails."""
        self._write_outcomes(db)
        for result in self._results:
            self._keep(db, result)
        if self._watched:
            rule = self._desk.loaded.automation(self._row.version_id, db)
            for trigger, holds in self._watched.items():
                watching.note(db, rule, trigger, holds, self._row)
        calls.log_calls(db, self._call_log.shown(run_id=self._row.id))

    def _write_outcomes(self, db: Connection) -> None:
        """A gathered message and its effect stand together, whatever becomes of the step."""
        for message in self._gathered:
            digests.keep(db, self._as_row(message))
        for key, state, response in self._settled:
            runs.settle(db, key, state, small(response))

    def _as_row(self, message: Gathered) -> dict[str, Any]:
        said = {"title": message.title, "text": message.text[:1000], "link": message.link, "throttle": message.throttle}
        return {
            "effect_key": message.key,
            "run_id": self._row.id,
            "automation": message.automation,
            "destination": message.destination,
            "until": message.until,
            "message": {**said, "recipients": list(message.recipients)},
        }

    def _keep(self, db: Connection, result: StepResult) -> None:
        told = {name: getattr(result, name) for name in ("path", "state", "attempt", "duration_ms")}
        kept = {name: small(getattr(result, name)) for name in ("inputs", "output", "error")}
        runs.add_step(db, {"run_id": self._row.id, **told, **kept})
        failpoints.hit("run.before_finish")

    @contextmanager
    def _writing_rows(self) -> Iterator[None]:
        """What the database says to a row, as an error of the step. Whatever it is, the transaction is over."""
        try:
            yield
        except LostLease:
            raise
        except StatementError as error:
            self.abandon()
            if is_away(error):
                raise Transient("the database is busy or was away for a moment", kind="store") from error
            raise Permanent(f"the table does not take this row: {in_short(error)}", kind="value") from error
        except BaseException:
            self.abandon()
            raise

    def passing(self, error: Exception) -> bool:
        return is_away(error)

    def upsert(self, change: RowChange) -> str:
        refuse_hidden(change.table, (change.row, change.columns))
        row = self._standard(change) if change.standard else {**change.row, **change.columns}
        version = None
        if change.if_newer and change.standard:
            version = "updated_at"
        elif change.if_newer and change.version is not None:
            version, row[tables.VERSION] = tables.VERSION, change.version
        if change.to:
            with remote.writing(self._destination, change.to) as db:
                return tables.upsert(db, change.table, change.key, row, version=version)
        with self._writing_rows():
            return tables.upsert(self._transaction(), change.table, change.key, row, version=version)

    def _standard(self, change: RowChange) -> dict[str, Any]:
        """The columns that every imported resource has; the record itself goes untouched into `body`."""
        body = change.row
        if self._copy is None:
            raise Permanent("there is no record to write: the event was a delete. Use db.mark_deleted.", kind="record")
        return {
            "connector": self._event.connector,
            "company_id": self._event.company_id,
            "project_id": self._copy.project_id,
            "id": str(body.get("id")),
            "updated_at": moment_of(change.version or self._copy.updated_at),
            "deleted_at": None,
            "fetched_at": self._copy.fetched_at,
            "event_id": self._event.id,
            "run_id": self._row.id,
            "record_hash": self._copy.record_hash,
            "body": dict(body),
            **change.columns,
        }

    def mark_deleted(self, deletion: RowDeletion) -> str:
        refuse_hidden(deletion.table, deletion.key)
        moment = moment_of(deletion.at)
        row: dict[str, Any] = {**deletion.key, "connector": self._event.connector, "deleted_at": moment}
        if "id" in deletion.key:
            # The row may never have been written, or be written late from an older copy: the mark must stand before it.
            row |= {"company_id": self._event.company_id, "event_id": self._event.id, "run_id": self._row.id}
            key: tuple[str, ...] = tables.STANDARD_KEY
        else:
            key = tuple(deletion.key)
        if deletion.to:
            with remote.writing(self._destination, deletion.to) as db:
                return tables.upsert(db, deletion.table, key, row, version=None, deletes=True)
        with self._writing_rows():
            return tables.upsert(self._transaction(), deletion.table, key, row, version=None, deletes=True)

    def count(self, name: str, labels: Mapping[str, str], by: float) -> float:
        with self._writing_rows():
            value = counters.add(self._transaction(), name, labels, by)
            if value is None:
                raise Permanent(
                    f"there are {counters.MOST_PER_NAME} counters of the name {name} already, each with other labels. Take the "
                    f"label out that differs for every record ({', '.join(labels)}).",
                    kind="labels",
                )
            return value

    def gather(self, message: Gathered) -> None:
        self._gathered.append(message)

    def stream(self, query: RowQuery) -> Generator[dict[str, Any], None, None]:
        if query.to:
            yield from remote.rows(self._destination, query.to, query_of(query))
            return
        try:
            yield from queries.stream(self._engine, query_of(query))
        except DBAPIError as error:
            raise Transient(f"{query.table} cannot be read now: {in_short(error)}", kind="store") from error

    def snapshot(self, snapshot: Snapshot) -> int:
        stamp = {"snapshot_at": moment_of(snapshot.at), "snapshot_run": str(self._row.id), "snapshot_step": snapshot.step}
        with self._writing_rows():
            if isinstance(snapshot.of, RowQuery):
                return snapshots.take(self._transaction(), snapshot.into, query_of(snapshot.of), stamp)
            change = snapshot.of
            row = self._standard(change) if change.standard else {**change.row, **change.columns}
            return snapshots.add(self._transaction(), snapshot.into, row, stamp)

    def intend(self, effect: Effect) -> KeptEffect:
        values = {
            "effect_key": effect.key,
            "run_id": self._row.id,
            "step": effect.step,
            "fence": self._held.fence,
            "policy": effect.policy,
            "target": effect.target,
            "summary": effect.summary[:500],
            "request_hash": effect.request_hash,
            "lasting": effect.lasting,
        }
        with writing(self._engine) as db:
            leases.renew(db, self._held)
            # What went out before in this step is known from here on, however the next call ends.
            self._write_outcomes(db)
            held = switch.held(db)
            unsure = restoring.may_have_been_made(db, effect.key, self._event.timestamp)
            intent = runs.intend(db, values) if held is None else None
            elsewhere = intent is not None and self._is_elsewhere(db, *intent)
        self._settled.clear()
        self._gathered.clear()
        if intent is None:
            raise Withheld(str(held))
        failpoints.hit("run.intended")
        row, fresh = intent
        return KeptEffect(row.state, row.response, fresh and not unsure, elsewhere)

    def _is_elsewhere(self, db: Connection, row: Any, fresh: bool) -> bool:
        """Another run, which is not over, is between its intent and its outcome."""
        return not fresh and row.state == "intent" and row.run_id != self._row.id and runs.unfinished(db, row.run_id)

    def settle(self, key: str, state: EffectState, response: Any) -> None:
        failpoints.hit("run.applied")
        self._settled.append((key, state, response))

    def watch(self, trigger: str, holds: bool) -> None:
        self._watched[trigger] = holds

    def enter(self, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
        with writing(self._engine) as db:
            leases.renew(db, self._held)
            out = flowing.enter(db, self._row, flow, overlap_key, throttle_key)
            if out is None and flow.throttle:
                self.digest_until, self.digest_key = runs.digest_until(db, self._row.id), throttle_key
        return out

    def cancelled(self) -> bool:
        """Asked of the database once a second at most: a run of many short steps costs no more for it."""
        if not self._to_end and time.monotonic() - self._looked_at > CANCEL_LOOK_S:
            self._looked_at = time.monotonic()
            with reading(self._engine) as db:
                self._to_end = flow.asked_to_end(db, self._row.id) is not None
        return self._to_end

    def ask(self, ask: Ask, path: str) -> None:
        values = {
            "run_id": self._row.id, "path": path, "automation": self._row.automation, "question": scrub(ask.question),
            "choices": list(ask.choices), "about": small(ask.about), "until": ask.until, "state": "open",
        }  # fmt: skip
        with writing(self._engine) as db:
            leases.renew(db, self._held)
            approvals.ask(db, values)

    def answer(self, path: str) -> Answered | None:
        """Nobody's answer is the answer "" once its time has passed."""
        kept = self._approvals.get(path)
        if kept is None or (kept.state == "open" and not self._too_late(kept)):
            return None
        if kept.state != "answered":
            return Answered("")
        return Answered(kept.choice or "", kept.answered_by or "", iso(kept.answered_at), kept.note or "")

    def answered_meanwhile(self, db: Connection) -> bool:
        """Somebody answered between this attempt's beginning and its end."""
        known = {path for path, one in self._approvals.items() if one.state == "answered"}
        return any(one.state == "answered" and one.path not in known for one in approvals.of_run(db, self._row.id))

    def _too_late(self, kept: Any) -> bool:
        if kept.until is None:
            return False
        with writing(self._engine) as db:
            moment = timers.clock(db)
            approvals.expire(db, self._row.id, kept.path, moment)
        return bool(kept.until <= moment)

    def copy_of(self, resource: str, id: str) -> dict[str, Any] | None:
        known = catalogue.resource(resource)
        with reading(self._engine) as db:
            copy_ = records.newest(db, self._event.connector, known.name if known else resource, id)
        return None if copy_ is None or copy_.deleted_at is not None else dict(copy_.body)

    def start(self, start: Start, path: str) -> dict[str, Any]:
        run_id, rings = started.start(self._desk, self._transaction(), self._row, self._event, start, path)
        self.rings += rings
        return {"run_id": str(run_id)}

    @contextmanager
    def apart(self) -> Iterator[StoreJournal]:
        one = copy.copy(self)
        one._results, one._settled, one._gathered, one._open, one._db, one.rings = [], [], [], ExitStack(), None, []
        self._call_log.take()
        try:
            yield one
        finally:
            one.abandon()
            self._results += one._results  # those that were skipped: written with the next step
            self.rings += one.rings
            http.close_sessions()

    def still_mine(self) -> None:
        self._keeper.still_mine(self._held)

    def abandon(self) -> None:
        """Roll back what was not finished; the engine stopped in the middle of a step."""
        if self._db is not None:
            self._db = None
            with suppress(_AbandonedError):
                self._open.__exit__(_AbandonedError, _AbandonedError(), None)

    def _transaction(self) -> Connection:
        """The transaction that finishes the current step, opened at its first write; proves the lease first."""
        if self._db is None:
            self._db = self._open.enter_context(writing(self._engine))
            try:
                leases.renew(self._db, self._held)
            except BaseException:
                self.abandon()
                raise
        return self._db
