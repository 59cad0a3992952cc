"""Connections that are kept: listed, shown, written out, paused. Never a secret."""

from __future__ import annotations

import re
from typing import Any

import yaml

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import holding
from console.verbs.at_hand import AtHand, NotThere
from store import board, connectors, definitions, events, projects, unavailable
from store.session import reading, writing
from workers import resuming


def existing(here: AtHand, name: str) -> Any:
    """The row of a connector. Raises: NotThere when there is none."""
    with reading(here.engine) as db:
        row = connectors.get(db, name)
        names = [one.name for one in connectors.every(db) if here.sees(one.name)]
    if row is None or row.state == "removed" or not here.sees(name):
        mend = did_you_mean(name, names) or (f"; there are {', '.join(names)}" if names else "; add one: tieback connector add")
        raise NotThere(f'there is no connector "{name}"{mend}')
    return row


def ours(here: AtHand, name: str) -> Any:
    """The same, and ConfigError when a file defines it."""
    row = existing(here, name)
    if row.source == "file":
        raise ConfigError(
            f'connector "{name}" is defined by the file {row.config.get("file")}. Change the file, then run: tieback rules apply'
        )
    return row


def pause(here: AtHand, name: str, reason: str, for_s: float | None = None) -> None:
    """What arrives is kept, nothing is called, until it is resumed, by itself after `for_s` seconds. Both kinds of connector,
    since a pause is no change of its definition. Raises: NotThere; ConfigError without a reason.
    """
    existing(here, name)
    detail = {"reason": holding.said_why(reason, "the connector")}
    holding.within(for_s)
    with writing(here.engine) as db:
        resuming.change(db, "connector", name, "paused", here.actor, detail, for_s)


def resume(here: AtHand, name: str) -> None:
    """It goes on, and is validated. Raises: NotThere; ConfigError when it is not paused."""
    if existing(here, name).state != "paused":
        raise ConfigError(f"the connector {name} is not paused.")
    with writing(here.engine) as db:
        resuming.change(db, "connector", name, "active", here.actor, None, None)


def listed(here: AtHand) -> list[dict[str, Any]]:
    with reading(here.engine) as db:
        return [_shown(row) for row in connectors.every(db) if here.sees(row.name)]


def shown(here: AtHand, name: str) -> dict[str, Any]:
    """One connector with its definition and last verdict; never a secret."""
    row = existing(here, name)
    return {**_shown(row), "config": row.config, "verdict": row.verdict}


def around(here: AtHand, name: str) -> dict[str, Any]:
    """Its projects, where it has no access now, and when Procore last spoke. Raises: NotThere."""
    row = existing(here, name)
    with reading(here.engine) as db:
        return {
            "projects": [dict(row._mapping) for row in projects.every(db, name)],
            "unavailable": [dict(row._mapping) for row in unavailable.listed(db, name)],
            "last_delivery_at": board.last_deliveries(db, [name]).get(name),
            "paused": holding.by_whom(db, "connector", name) if row.state == "paused" else None,
        }


def history(here: AtHand, name: str, limit: int = 20) -> list[dict[str, Any]]:
    """What was done to it and how its validation changed, the newest first: at, kind, by, what came of it. Raises: NotThere."""
    existing(here, name)
    with reading(here.engine) as db:
        rows = events.of_connector(db, name, limit)
    return [_did(row) for row in rows]


def _did(row: Any) -> dict[str, Any]:
    body = row.body or {}
    detail = body.get("detail") or {}
    wrong = [one.get("name", "") for one in detail.get("wrong") or []]
    return {
        "id": row.id, "at": row.created_at, "kind": str(body.get("kind", "")).removeprefix("connector."), "by": body.get("by"),
        "ok": detail.get("ok"), "wrong": wrong, "before": detail.get("before") or [], "changed": detail.get("changed") or [],
        "reason": detail.get("reason"),
    }  # fmt: skip


def exported(here: AtHand, name: str) -> str:
    """The connector as a file for the site's `connectors/`, with references where its secrets belong.

    One that a file defines is that file's text.
    """
    row = existing(here, name)
    if row.source == "file":
        with reading(here.engine) as db:
            texts = {file.path: file.source for file in definitions.site_files(db, "connectors")}
        return str(texts.get(row.config.get("file"), ""))
    config = {key: value for key, value in row.config.items() if key != "webhooks"}
    config |= {"client_secret": f"${{env:{variable(name)}}}", "webhooks": row.config.get("webhooks", {})}
    about = (
        f"# Exported from Tieback. Set {variable(name)}, or write ${{file:PATH}}.\n"
        "# Tieback makes and keeps the secret of the webhooks, unless webhooks.secret refers to one.\n"
    )
    return about + yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def variable(name: str) -> str:
    """The environment variable that an exported file reads its client secret from."""
    return re.sub("[^A-Z0-9]", "_", name.upper()) + "_CLIENT_SECRET"


def _shown(row: Any) -> dict[str, Any]:
    config = row.config
    return {
        "name": row.name,
        "environment": config.get("environment"),
        "company_id": config.get("company_id"),
        "projects": config.get("projects"),
        "state": row.state,
        "reason": row.reason,
        "source": row.config.get("file", "file") if row.source == "file" else "store",
        "version": row.version,
        "valid": None if row.verdict is None else row.verdict.get("ok"),
        "validated_at": None if row.verdict is None else row.verdict.get("at"),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
