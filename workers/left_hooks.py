"""Hooks that stayed where a connector led before its file was moved: listed, and taken away as far as we still may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from config.errors import TiebackError
from connectors.definition import Connector, as_config
from connectors.hook_api import hook_api
from connectors.hooks import Change, Done
from connectors.kinds.procore_dmsa import Procore
from store import audit, connectors, hooks
from store.session import reading, writing
from workers.loaded import Loaded


def changes(engine: Engine, name: str) -> list[Change]:
    """The deletions that are due at the old places."""
    with reading(engine) as db:
        return [_change(row) for row in hooks.left(db, name)]


def take_away(engine: Engine, loaded: Loaded, name: str, actor: str) -> list[Done]:
    """Delete them there with the credentials of today. Where these do not lead, the sentence says who can."""
    with writing(engine) as db:
        taken_over = {row.procore_id for row in hooks.of_connector(db, name)}
        rows = hooks.left(db, name)
        for row in rows:
            if row.procore_id in taken_over:  # the connector was moved back, and goes on with its hook
                hooks.forget(db, row.key)
    return [_taken_away(engine, loaded, row, actor) for row in rows if row.procore_id not in taken_over]


def forget(engine: Engine, name: str, actor: str) -> int:
    """A person has seen to them. Returns how many."""
    with writing(engine) as db:
        rows = hooks.left(db, name)
        for row in rows:
            hooks.forget(db, row.key)
        if rows:
            audit.note(db, actor, "hooks left behind forgotten", name, {"hooks": [row.procore_id for row in rows]})
    return len(rows)


def _change(row: Any) -> Change:
    where = f"left behind in company {row.company_id}, where the connector led before"
    return Change("delete_hook", row.project_id, where, row.procore_id)


def _taken_away(engine: Engine, loaded: Loaded, row: Any, actor: str) -> Done:
    error = _deleted(loaded, row)
    with writing(engine) as db:
        audit.note(db, actor, "hook left behind deleted", row.connector, {"hook": row.procore_id, "error": error})
        if error is None:
            hooks.forget(db, row.key)
    return Done(row.project_id, None, (_change(row),), False, error, False)


def _deleted(loaded: Loaded, row: Any) -> str | None:
    """Why it could not be deleted; None when it is gone."""
    try:
        today = loaded.connector(row.connector)
        if not _same_host(row.left_at, today):
            return f"{_called(row)} is at another Procore than {row.connector} today. {_by_hand(row)}"
        old = replace(today, company_id=row.company_id)
        api = hook_api(Procore(old, loaded.tokens, loaded.call_log, loaded.quota, lane="manual"))
        api.delete(row.project_id, row.procore_id)
    except TiebackError as error:
        return f"{_called(row)} could not be deleted: {error} {_by_hand(row)}"
    return None


def _same_host(left_at: dict[str, Any], today: Connector) -> bool:
    here = connectors.place_of(as_config(today))
    return all(left_at.get(key) == here[key] for key in ("environment", "api_host"))


def _called(row: Any) -> str:
    scope = f"project {row.project_id} of " if row.project_id else ""
    return f"hook {row.procore_id} in {scope}company {row.company_id}"


def _by_hand(row: Any) -> str:
    return f"Delete it there (Company Admin > Webhooks), then run: tieback hooks forget {row.connector}"
