"""Automations: put them in force, list them, and say what they may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from config import yamlfile
from config.errors import ConfigError
from config.problems import did_you_mean
from connectors import catalogue
from console.verbs import holding
from console.verbs.at_hand import AtHand, NotThere
from store import definitions, schedules, tracing
from store.session import reading
from workers.loaded import site_tables

Dict = dict[str, Any]


def apply(here: AtHand) -> list[str]:
    """Put the site in force now. Returns the messages of what does not load; what was in force of it stays."""
    if not here.settings.site.is_dir():
        raise ConfigError(
            f"there is no site at {here.settings.site}. Set TIEBACK_SITE, or make one: tieback init {here.settings.site}"
        )
    from workers import site  # with it come the engine and CEL, which a list does not need

    return site.load(here.engine, here.box, here.settings, here.actor)


@dataclass(frozen=True)
class Applied:
    """What an apply changed: a sentence for each automation, and the messages of what does not load."""

    changes: list[str]
    messages: list[str]


def applied(here: AtHand) -> Applied:
    """`apply`, and what came of it. Raises: as `apply`."""
    with reading(here.engine) as db:
        before = {row.name: row for row in definitions.every(db)}
    messages = apply(here)
    with reading(here.engine) as db:
        after = {row.name: row for row in definitions.every(db)}
    told = [_became(name, before.get(name), row) for name, row in after.items()]
    gone = [f"{name}: retired, its file is gone" for name in before if name not in after]
    return Applied([one for one in told if one is not None] + gone, messages)


def _became(name: str, was: Any, row: Any) -> str | None:
    if row.offered_hash and (was is None or was.offered_hash != row.offered_hash):
        return (
            f"{name}: {row.offered_hash[:8]} waits, {row.held['by']} holds {row.hash[:8]} ({row.held['reason']}). "
            f"To put it in force: tieback rules follow {name}"
        )
    if row.broken:
        return f"{name}: broken, {f'version {row.hash[:8]} stays in force' if row.hash else 'and no version of it was ever good'}"
    if was is None or was.hash is None:
        return f"{name}: activated {row.hash[:8]}"
    if was.hash != row.hash:
        return f"{name}: activated {row.hash[:8]} (was {was.hash[:8]})"
    return f"{name}: mended, {row.hash[:8]} is in force" if was.broken else None


def listed(here: AtHand) -> list[Dict]:
    """Each automation with since when and by whom it is in force, its last run and its next time."""
    with reading(here.engine) as db:
        rows = definitions.every(db)
        activated = tracing.last_doings(db, "automation activated")
        lasts = tracing.last_runs(db, [row.name for row in rows])
        times = {row.automation: row.next_at for row in reversed(schedules.every(db))}
    return [
        _shown(row)
        | {
            "since": activated[row.name].at if row.name in activated else row.updated_at,
            "by": activated[row.name].actor if row.name in activated else None,
            "last_run": lasts[row.name].created_at if row.name in lasts else None,
            "last_state": lasts[row.name].state if row.name in lasts else None,
            "next": times.get(row.name),
        }
        for row in rows
    ]


def tested(rows: list[Dict], here: AtHand) -> list[Dict]:
    """The same rows with how many of their tests hold, such as `3 of 3`; as the versions in force have them."""
    from automations import claims, definition

    with reading(here.engine) as db:
        sources = {row.name: (row.source, row.file) for row in definitions.every(db) if row.source}
        tables = site_tables(db)
    for row in rows:
        if row["name"] in sources:
            verdicts = claims.verdicts(definition.reload(*sources[row["name"]]), tables)
            row["tests"] = f"{sum(one.ok for one in verdicts)} of {len(verdicts)}" if verdicts else "none"
    return rows


def row_of(db: Connection, name: str) -> Any:
    """The row of `definitions.every` of this name. Raises: NotThere."""
    rows = {row.name: row for row in definitions.every(db)}
    if name not in rows:
        raise NotThere(f'there is no automation "{name[:80]}"{did_you_mean(name, rows) or "."}')
    return rows[name]


def shown(here: AtHand, name: str) -> Dict:
    """One automation with its text, every version there was, and who paused it. Raises: NotThere."""
    with reading(here.engine) as db:
        row = row_of(db, name)
        versions = [dict(one._mapping) for one in definitions.versions(db, name)]
        paused = holding.by_whom(db, "automation", name) if row.state == "paused" else None
    return {**_shown(row), "source": row.source or "", "versions": versions, "in_force": row.state, "paused": paused}


def _shown(row: Any) -> Dict:
    head = yamlfile.parse(row.source, row.file).unmarked() if row.source else {}
    return {
        "name": row.name,
        "title": head.get("title"),
        "state": "broken" if row.broken else row.state,
        "stage": head.get("stage", "shadow") if row.source else None,
        "version": row.hash[:8] if row.hash else None,
        "file": row.file,
        "broken": row.broken,
        "held": row.held,
        "offered": row.offered_hash[:8] if row.offered_hash else None,
        "updated_at": row.updated_at,
    }


def resources() -> list[Dict]:
    """The catalogue as a table: what can be read how, and what there are webhooks for."""
    rows = [_resource(row) for row in map(catalogue.resource, catalogue.names()) if row is not None]
    readable = {row["name"] for row in rows}
    others = [one for one in catalogue.subscribables() if catalogue.resource(one.name) is None and one.name not in readable]
    return rows + [{"name": one.name, "scope": one.scope, "webhook": list(one.actions), "note": "webhook only"} for one in others]


def _resource(row: catalogue.Resource) -> Dict:
    return {
        "name": row.name,
        "table": row.table,
        "scope": row.scope,
        "webhook": list(row.actions),
        "incremental": "U" in row.filters,
        "deletions": "D" in row.filters or row.deleted_path is not None,
        "batch": row.batch,
        "by_day": row.daily,
        "page": [row.page_size, row.page_max] if row.list_path and row.paging else None,
        "parent": row.parent,
        "retired": dict(row.retired),
        "live": row.seen_live,
        "list": row.list_path,
        "show": row.show_path,
        "fields": None if row.fields is None else len(row.fields),
        "note": row.note,
    }


def resource(name: str) -> Dict:
    """One resource with its fields and their types. Raises: ConfigError naming the nearest one."""
    row = catalogue.resource(name)
    if row is None:
        raise ConfigError(
            f'there is no resource "{name}"{did_you_mean(name, catalogue.names())} List them: tieback rules schema resources'
        )
    fields = None if row.fields is None else {path: _type(type_) for path, type_ in row.fields.items()}
    return {**_resource(row), "fields": fields}


def _type(of: catalogue.Type) -> str:
    inner = f" of {_type(of.item)}" if of.kind == "list" and of.item is not None else ""
    return of.kind + inner + ("?" if of.nullable else "")
