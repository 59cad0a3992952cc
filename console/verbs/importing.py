"""Imports as an operator asks for them: what they will cost, doing them here, following those that others do."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from config.errors import ConfigError, LostLease, Permanent
from connectors import parents, quota
from connectors.catalogue import Resource
from console.verbs import connecting, fitting
from console.verbs.at_hand import AtHand, NotThere
from store import audit, calls, imports, leases
from store.models import Import
from store.session import reading, writing
from workers import import_forecast, import_plan, importing
from workers.desk import Desk
from workers.import_forecast import Cost
from workers.keeper import Keeper, new_holder
from workers.loaded import Loaded
from workers.ports import CallLog

LOOK_S = 0.5
ENDED = ("ok", "failed", "cancelled")


@dataclass(frozen=True)
class Wish:
    """What a person asked for, with Procore's own names. `projects` None: all that are permitted.

    `confirmed`: so many missing records of its one list were really deleted.
    """

    connector: str
    resources: tuple[str, ...]
    projects: tuple[str, ...] | None
    mode: str
    since: dt.datetime | None
    confirmed: int | None = None


class _NoBell:
    """Nobody is rung: the relay finds what is left."""

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None:
        pass


def wish(
    here: AtHand,
    connector: str,
    resources: Sequence[str],
    projects: Sequence[str],
    full: bool,
    since: dt.datetime | None,
    confirmed: int | None = None,
) -> Wish:
    """What was asked for, checked. Raises: ConfigError with the nearest name, or what to leave out."""
    row = connecting.existing(here, connector)
    if row.state == "paused":
        raise ConfigError(f"connector {connector} is paused, so nothing is called. Run: tieback connector resume {connector}")
    found = [import_plan.resource(name) for name in resources]
    if full and since is not None:
        raise ConfigError("--full reads everything and --since only a part. Leave one of them out.")
    import_plan.since_fits(found, since)
    if projects and not any(map(parents.needs_project, found)):
        raise ConfigError(f"{found[0].name} belongs to the company, not to a project. Leave --project out.")
    wanted = tuple(dict.fromkeys(projects)) or None
    names = tuple(dict.fromkeys(one.name for one in found))
    if confirmed is not None:
        _one_list(found, names, wanted, full)
    return Wish(connector, names, wanted, "full" if full else "incremental", since, confirmed)


def _one_list(found: Sequence[Resource], names: Sequence[str], projects: Sequence[str] | None, full: bool) -> None:
    """A number confirms the deletions of one list that is read whole. Raises: ConfigError that says what to add."""
    if not full:
        raise ConfigError("--confirm-deletions needs --full: only a list that is read whole shows what is missing.")
    if len(names) > 1 or (parents.needs_project(found[0]) and len(projects or ()) != 1):
        raise ConfigError("--confirm-deletions is for one list: name one resource, and its project with --project ID.")


@contextmanager
def desk(here: AtHand) -> Iterator[Desk]:
    """What a worker has at hand, in this process. Calls that were made are kept at the end."""
    log = CallLog()
    loaded = Loaded(here.engine, here.box, here.settings, log)
    keeper = Keeper(here.engine)
    try:
        with reading(here.engine) as db:
            loaded.fresh(db)
        yield Desk(here.settings, here.engine, here.box, _NoBell(), keeper, new_holder(), log, loaded)
    finally:
        keeper.stop()
        loaded.quota.close()
        with writing(here.engine) as db:
            calls.log_calls(db, log.take())


def plan(here: AtHand, asked: Wish) -> tuple[list[Cost], float, str]:
    """The cost of each list, the seconds that all of it takes under the quota, and a sentence about them. Nothing is read."""
    row = Import(connector=asked.connector, resources=list(asked.resources), mode=asked.mode, since=asked.since)
    with desk(here) as at:
        procore = at.loaded.procore(asked.connector, "manual")
        rows = [import_plan.resource(name) for name in asked.resources]
        projects = import_plan.chosen(procore, asked.projects) if any(map(parents.needs_project, rows)) else []
        with reading(here.engine) as db:
            parts = list(import_plan.parts(db, row, projects, dt.datetime.now(dt.UTC).date()))
        costs = import_forecast.costs(procore, parts)
        state, now = at.loaded.quota.state(asked.connector)
    needed = sum(one.calls for one in costs)
    return costs, quota.forecast(needed, state, "backfill", now), quota.sentence(needed, state, "backfill", now)


def begin(here: AtHand, asked: Wish) -> tuple[int, bool]:
    """The import to do, and whether it was begun before: one for the same that has not ended is gone on with.

    Raises: Permanent when another one reads some of these lists right now.
    """
    with writing(here.engine) as db:
        imports.alone(db, asked.connector)
        for row in imports.open_of(db, asked.connector):
            if _same(row, asked):
                imports.wake(db, row.id)
                return row.id, True
            if both := _overlap(row, asked):
                raise Permanent(_taken(row, both), kind="taken")
        id = imports.add(
            db, asked.connector, asked.resources, asked.projects, asked.mode, here.actor, asked.since, asked.confirmed
        )
        detail: dict[str, Any] = {"import": id, "resources": list(asked.resources)}
        if asked.confirmed is not None:
            detail |= {"confirmed_deletions": asked.confirmed, "projects": asked.projects}
        audit.note(db, here.actor, "import started", asked.connector, detail)
    return id, False


def _same(row: Any, asked: Wish) -> bool:
    projects = None if asked.projects is None else sorted(asked.projects)
    theirs = None if row.projects is None else sorted(row.projects)
    same = set(row.resources) == set(asked.resources) and projects == theirs
    return same and (row.mode, row.since, row.confirmed) == (asked.mode, asked.since, asked.confirmed)


def _overlap(row: Any, asked: Wish) -> list[str]:
    apart = row.projects is not None and asked.projects is not None and not set(row.projects) & set(asked.projects)
    return [] if apart else [name for name in asked.resources if name in row.resources]


def _taken(row: Any, names: list[str]) -> str:
    who = f"held by {row.holder}" if row.state == "running" else "waiting for its turn"
    return (
        f"import {row.id}, asked for by {row.requested_by}, reads {', '.join(names)} of {row.connector} already ({who}). "
        f"Wait for it (tieback imports show {row.id}), or give it up: tieback imports cancel {row.id}"
    )


def follow(here: AtHand, id: int) -> dict[str, Any]:
    """Do an import, or look on while somebody else does it, until it has ended; its row.

    When whoever did it vanishes, it is gone on with here as soon as its lease ends.
    """
    with desk(here) as at:
        while (found := row(here, id))["state"] not in ENDED:
            if not _can_be_taken(here, found):
                time.sleep(LOOK_S)
                continue
            try:
                importing.do(at, id)
            except LostLease:
                continue  # it was cancelled, or we were frozen and somebody else has it
    return found


def _can_be_taken(here: AtHand, row: dict[str, Any]) -> bool:
    now = row["now_there"]
    if row["state"] == "running":
        if row["lease_until"] is not None and row["lease_until"] < now:
            with writing(here.engine) as db:
                leases.reap(db, Import)
        return False
    if row["run_after"] is None:
        with writing(here.engine) as db:
            imports.wake(db, row["id"])
        return False
    return bool(row["run_after"] <= now)


def row(here: AtHand, id: int) -> dict[str, Any]:
    """An import as it is now, with the database's time as `now_there`. Raises: ConfigError when there is none."""
    with reading(here.engine) as db:
        found = imports.get(db, id)
    if found is None or not here.sees(found.connector):
        raise NotThere(f"there is no import {id}. List them: tieback imports list")
    return dict(found._mapping)


def shown(here: AtHand, id: int) -> dict[str, Any]:
    """One import with the lists that it did not read, each with the reason, and how many are in which state."""
    found = row(here, id)
    with reading(here.engine) as db:
        troubled = [dict(part._mapping) for part in imports.parts(db, id, "skipped", "failed")]
        remarks = [dict(part._mapping) for part in imports.parts(db, id, "ok") if part.reason]
        states = imports.states(db, id)
    found.pop("now_there")
    return {**found, "counts": found["counts"] or {}, "lists": states, "troubles": troubled, "remarks": remarks}


def listed(here: AtHand, limit: int, connector: str | None, state: str | None) -> list[dict[str, Any]]:
    """Imports, newest first, with what they did in all. Raises: Misfit for a state that there is not."""
    fitting.check(fitting.IMPORTS, {"state": state})
    with reading(here.engine) as db:
        rows = [dict(row._mapping) for row in imports.listed(db, limit=limit, connector=connector, state=state, only=here.only)]
    return [{**row, **total(row["counts"] or {})} for row in rows]


def total(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """What an import did in all resources."""
    return {key: sum(one.get(key, 0) for one in counts.values()) for key in ("new", "changed", "unchanged", "deleted", "calls")}


def cancel(here: AtHand, id: int) -> None:
    """End an import; what it read stays. Raises: ConfigError when there is none, or it has ended."""
    state = row(here, id)["state"]
    with writing(here.engine) as db:
        if not imports.cancel(db, id, f"cancelled by {here.actor}"):
            raise ConfigError(f"import {id} is {state}; only one that is waiting or running can be cancelled.")
        audit.note(db, here.actor, "import cancelled", str(id))
