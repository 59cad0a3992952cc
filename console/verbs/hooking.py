"""Webhook subscriptions: what the automations need against what Procore has."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from config.errors import TiebackError
from connectors import hooks as remote
from connectors.hooks import Change, Done, Plan
from connectors.kinds.procore_dmsa import Procore
from connectors.validation import Check
from console.verbs import connecting
from console.verbs.at_hand import AtHand
from store import calls, connectors, hooks
from store.session import reading, writing
from workers import hooks as keeping
from workers.hooks import Hooks
from workers.loaded import Loaded
from workers.ports import CallLog


class Loading:
    """What workers have loaded, for one question of an operator. Keep the calls it made: `with` does it at the end."""

    def __init__(self, here: AtHand):
        self._here = here
        self._log = CallLog()
        self.loaded = Loaded(here.engine, here.box, here.settings, self._log)

    def __enter__(self) -> Loading:
        with reading(self._here.engine) as db:
            self.loaded.fresh(db)
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self._here.engine) as db:
            calls.log_calls(db, self._log.take())

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


def plan(here: AtHand, name: str) -> Plan:
    """What would be done at Procore, deletions included; nothing is done."""
    with Loading(here) as loading:
        return loading.hooks(name).plan(deletions=True)


def apply(here: AtHand, name: str) -> tuple[Plan, list[Done]]:
    """Do what `plan` says; repeating it does nothing."""
    with Loading(here) as loading:
        mine = loading.hooks(name)
        planned = mine.plan(deletions=True)
        return planned, mine.apply(planned.changes, here.actor)


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


def validate(here: AtHand, name: str) -> list[Check]:
    """Look at a connector field by field, and keep the verdict."""
    connecting.existing(here, name)
    with Loading(here) as loading:
        return keeping.check(here.engine, here.box, here.settings, loading.loaded, name)


def shown(changes: Sequence[Change], name: str) -> list[dict[str, Any]]:
    """Changes as rows, one per hook and kind of change."""
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
            }
        )
    return rows


def _triggers(changes: Sequence[Change]) -> str:
    """`RFIs create, update; Submittals create`."""
    by_name = groupby(changes, key=lambda change: change.resource)
    return "; ".join(f"{name} {', '.join(str(one.action) for one in some)}" for name, some in by_name)
