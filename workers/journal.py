"""The engine's journal, kept in the database: each write proves that the run's lease is still ours."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, StatementError

from automations.effects import refuse_hidden
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
from config import failpoints
from config.errors import LostLease, Permanent, Transient, Withheld
from config.hiding import HIDDEN, scrub
from store import calls, counters, digests, leases, queries, runs, snapshots, switch, tables
from store.leases import Held
from store.session import passes_by_itself, reading, writing
from workers import remote
from workers.keeper import Keeper
from workers.ports import CallLog

MAX_KEPT_BYTES = 256 * 1024


class _AbandonedError(Exception):
    """Thrown into the open transaction to roll it back."""


class StoreJournal:
    """One run's journal. `row` and `event` are its rows; `copy` the pinned record copy, or None.

    In `stage: shadow` it is `dry`: steps are kept, and actions write neither rows nor effects.
    """

    def __init__(
        self, engine: Engine, keeper: Keeper, call_log: CallLog, held: Held, row: Any, event: Any, copy: Any | None,
        destination: Callable[[str], Any] = remote.none,
    ):  # fmt: skip
        self._engine = engine
        self._keeper = keeper
        self._call_log = call_log
        self._held = held
        self.dry = row.stage != "live"
        self._row = row
        self._event = event
        self._copy = copy
        self._destination = destination
        self._results: list[StepResult] = []
        self._settled: list[tuple[str, EffectState, Any]] = []
        self._gathered: list[Gathered] = []
        self._open = ExitStack()
        self._db: Connection | None = None
        with reading(engine) as db:
            self._kept = {step.path: _result(step) for step in runs.steps(db, row.id)}

    def kept(self, path: str) -> StepResult | None:
        return self._kept.get(path)

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
        runs.add_step(
            db,
            {
                "run_id": self._row.id,
                "path": result.path,
                "state": result.state,
                "attempt": result.attempt,
                "inputs": small(result.inputs),
                "output": small(result.output),
                "error": small(result.error),
                "duration_ms": result.duration_ms,
            },
        )
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
            if isinstance(error, DBAPIError) and passes_by_itself(error):
                raise Transient("the database is busy or was away for a moment", kind="store") from error
            raise Permanent(f"the table does not take this row: {_in_short(error)}", kind="value") from error
        except BaseException:
            self.abandon()
            raise

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
            "updated_at": _moment(change.version or self._copy.updated_at),
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
        moment = _moment(deletion.at)
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
            yield from remote.rows(self._destination, query.to, _query(query))
            return
        try:
            yield from queries.stream(self._engine, _query(query))
        except DBAPIError as error:
            raise Transient(f"{query.table} cannot be read now: {_in_short(error)}", kind="store") from error

    def snapshot(self, snapshot: Snapshot) -> int:
        stamp = {"snapshot_at": _moment(snapshot.at), "snapshot_run": str(self._row.id), "snapshot_step": snapshot.step}
        with self._writing_rows():
            if isinstance(snapshot.of, RowQuery):
                return snapshots.take(self._transaction(), snapshot.into, _query(snapshot.of), stamp)
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
        }
        with writing(self._engine) as db:
            leases.renew(db, self._held)
            # What went out before in this step is known from here on, however the next call ends.
            self._write_outcomes(db)
            held = switch.held(db)
            intent = runs.intend(db, values) if held is None else None
        self._settled.clear()
        self._gathered.clear()
        if intent is None:
            raise Withheld(str(held))
        failpoints.hit("run.intended")
        row, fresh = intent
        return KeptEffect(row.state, row.response, fresh)

    def settle(self, key: str, state: EffectState, response: Any) -> None:
        failpoints.hit("run.applied")
        self._settled.append((key, state, response))

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


def _result(step: Any) -> StepResult:
    return StepResult(step.path, step.state, step.attempt, step.output, step.error, step.inputs, step.duration_ms)


def _query(query: RowQuery) -> queries.Query:
    return queries.Query(
        query.table, query.where, query.order, query.limit, query.columns, query.deleted, query.connector
    )  # fmt: skip


def _moment(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Permanent(f'"{text[:60]}" is no ISO 8601 time', kind="value") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def small(value: Any) -> Any:
    """What is kept for explaining: JSON without secrets, and a note instead of something huge."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = dict(value)
    text = scrub(json.dumps(value, default=str, ensure_ascii=True), HIDDEN)
    if len(text) > MAX_KEPT_BYTES:
        return {"omitted": f"{len(text) // 1024} KiB; a step keeps at most {MAX_KEPT_BYTES // 1024} KiB"}
    try:
        return json.loads(text)
    except ValueError:  # a secret was cut out of the middle of an escape
        return {"omitted": f"it held a secret: {HIDDEN}"}


def _in_short(error: StatementError) -> str:
    return " ".join(str(error.orig or error).split())[:300]
