"""Webhook subscriptions: what the automations need against what Procore has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from config.errors import ConfigError, TiebackError
from connectors import catalogue
from connectors import hooks as remote
from connectors.hooks import Change, Done, Plan
from connectors.kinds.procore_dmsa import Procore
from console.verbs import connecting
from console.verbs.at_hand import AtHand
from store import calls, connectors, hooks, projects
from store.session import reading, writing
from workers import left_hooks
from workers.hooks import Hooks, of_projects
from workers.loaded import Loaded
from workers.ports import CallLog

MOST_IN_A_REQUEST = 50


class Loading:
    """What workers have loaded, for one question of an operator. Keep the calls it made: `with` does it at the end."""

    def __init__(self, here: AtHand):
        self._here = here
        self.calls = CallLog()
        self.loaded = Loaded(here.engine, here.box, here.settings, self.calls)

    def __enter__(self) -> Loading:
        with reading(self._here.engine) as db:
            self.loaded.fresh(db)
        return self

    def __exit__(self, *_: object) -> None:
        self.loaded.quota.close()
        with writing(self._here.engine) as db:
            calls.log_calls(db, self.calls.take())

    def hooks(self, name: str) -> Hooks:
        return Hooks(self._here.engine, self._here.box, self._here.settings, self.loaded, name)

    def procore(self, name: str) -> Procore:
        return self.loaded.procore(name, "manual")


def names(here: AtHand, name: str | None) -> list[str]:
    """This connector, or all that are not paused. Raises: ConfigError when there is none of that name."""
    if name is not None:
        connecting.existing(here, name)
        return [name]
    with reading(here.engine) as db:
        return [row.name for row in connectors.every(db) if row.state != "paused"]


Rows = list[dict[str, Any]]


def plan(here: AtHand, name: str) -> tuple[Plan, Rows]:
    """What would be done at Procore, deletions included, and the same as rows; nothing is done."""
    with Loading(here) as loading:
        mine = loading.hooks(name)
        planned = mine.plan(deletions=True)
        return planned, shown((*planned.changes, *left_hooks.changes(here.engine, name)), name, mine.listeners())


def in_a_request(here: AtHand, name: str, verb: str) -> None:
    """Before a page or the API applies or rotates hooks, each of which is a call or more at Procore while somebody waits.

    Raises: NotThere; ConfigError when there are more hooks than that, as far as is known, with the command that does it.
    """
    connecting.existing(here, name)
    with Loading(here) as loading:
        mine = loading.hooks(name)
        by_project = of_projects(mine.subscriptions()[0])
    chosen = mine.connector.projects
    with reading(here.engine) as db:
        scopes = {row.project_id for row in hooks.of_connector(db, name)}
        permitted = {row.project_id for row in projects.every(db, name, "permitted")} if by_project else set()
    many = len(scopes | {one for one in permitted if chosen == "all" or one in chosen})
    if many > MOST_IN_A_REQUEST:
        raise ConfigError(
            f"{name} has {many} hooks, and at most {MOST_IN_A_REQUEST} are done while somebody waits for the answer. Nothing was "
            f"done. On the command line: tieback hooks {verb} {name}"
        )


def apply(here: AtHand, name: str) -> tuple[Plan, list[Done], Rows]:
    """Do what `plan` says; repeating it does nothing."""
    with Loading(here) as loading:
        mine = loading.hooks(name)
        planned = mine.plan(deletions=True)
        rows = shown((*planned.changes, *left_hooks.changes(here.engine, name)), name, mine.listeners())
        done = mine.apply(planned.changes, here.actor)
        return planned, [*done, *left_hooks.take_away(here.engine, loading.loaded, name, here.actor)], rows


def forget(here: AtHand, name: str) -> int:
    """Hooks that were left behind where the connector led before count as gone. Returns how many they were."""
    connecting.existing(here, name)
    return left_hooks.forget(here.engine, name, here.actor)


def rotate(here: AtHand, name: str, *, at_once: bool) -> tuple[Plan, list[Done], bool]:
    """Renew the secret of every hook; the last value says whether all of them send the new one. Raises: as `Hooks.rotate`."""
    connecting.existing(here, name)
    with Loading(here) as loading:
        return loading.hooks(name).rotate(here.actor, at_once=at_once)


def listed(here: AtHand, connector: str | None = None) -> Rows:
    """Our hooks: the address that Procore calls, what they bring, when something last came in, how old the secrets are."""
    with reading(here.engine) as db:
        lately = hooks.delivered_lately(db)
        rows = [*hooks.of_connector(db, connector), *hooks.left(db, connector)]
        return [_row(here, row, lately.get(row.key) or row.delivered_at) for row in rows]


def _row(here: AtHand, row: Any, delivered_at: dt.datetime | None) -> dict[str, Any]:
    return {
        "connector": row.connector,
        "scope": _scope(row),
        "company_id": row.company_id,
        "project_id": row.project_id,
        "status": row.status,
        "procore_id": row.procore_id,
        "triggers": _by_name((name, action) for name, action in row.triggers or ()),
        "last_delivery_at": delivered_at,
        "refused": row.refused,
        "refused_at": row.refused_at,
        "secrets": [_secret(row.here, one, first=number == 0) for number, one in enumerate(row.sealed)],
        "url": f"{here.settings.public_url}/webhooks/{row.key}",
        "updated_at": row.updated_at,
    }


def _scope(row: Any) -> str:
    scope = f"project {row.project_id}" if row.project_id else "company"
    return f"{scope}, company {row.company_id}" if row.status == "left" else scope


def _secret(here: dt.datetime, one: Mapping[str, Any], *, first: bool) -> str:
    """Such as `3 d old`, `new, not yet told to Procore`, `old one until 2026-03-02 10:00 UTC`."""
    if not first:
        until = one.get("until")
        return f"old one until {dt.datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC" if until else "old one"
    if not one.get("told_at"):
        return "new, not yet told to Procore"
    return f"{(here - dt.datetime.fromisoformat(one['told_at'])).days} d old"


def _by_name(pairs: Iterable[tuple[str, str]]) -> str:
    """`RFIs create, update; Submittals create`, from names in lower case."""
    found: dict[str, list[str]] = {}
    for name, action in pairs:
        known = catalogue.subscribable(name)
        found.setdefault(known.name if known else name, []).append(action)
    return "; ".join(f"{name} {', '.join(actions)}" for name, actions in found.items())


def remove_all(here: AtHand, name: str) -> str | None:
    """Delete every hook of a connector at Procore and close our side. Returns why some could not be deleted there."""
    trouble = None
    try:
        with Loading(here) as loading:
            mine = loading.hooks(name)
            planned = remote.plan(mine.procore, {}, mine.url_of, deletions=True, also_look_at=_scopes(here, name))
            failed = [*planned.problems.values(), *(one.error for one in mine.apply(planned.changes, here.actor) if one.error)]
            trouble = "; ".join(failed) or None
    except TiebackError as error:
        trouble = str(error)
    with writing(here.engine) as db:
        for row in hooks.of_connector(db, name):
            hooks.remove(db, row.key)
    return trouble


def _scopes(here: AtHand, name: str) -> list[str]:
    with reading(here.engine) as db:
        return [row.project_id for row in hooks.of_connector(db, name)]


def shown(changes: Sequence[Change], name: str, needed: Mapping[tuple[str, str], Sequence[str]]) -> Rows:
    """Changes as rows, one per hook and kind of change; `needed` names the automations that need a trigger."""
    rows = []
    for (scope, kind), some in groupby(changes, key=lambda change: (change.scope, change.kind)):
        group = list(some)
        rows.append(
            {
                "connector": name,
                "scope": f"project {scope}" if scope else "company",
                "change": kind.replace("_", " ") + (f" x{len(group)}" if len(group) > 1 else ""),
                "what": _triggers(group) if group[0].resource else group[0].url,
                "reason": group[0].reason,
                "for": sorted({id for one in group for id in needed.get((str(one.resource).lower(), str(one.action)), ())}),
            }
        )
    return rows


def _triggers(changes: Sequence[Change]) -> str:
    """`RFIs create, update; Submittals create`."""
    by_name = groupby(changes, key=lambda change: change.resource)
    return "; ".join(f"{name} {', '.join(str(one.action) for one in some)}" for name, some in by_name)
