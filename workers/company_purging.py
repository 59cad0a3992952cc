"""All that came from one company goes, beside workers that do the work of others (`store/company_purging`)."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from config import yamlfile
from config.errors import ConfigError
from config.logs import about
from config.settings import Settings
from connectors import definition, taking_away
from store import company_purging, company_rest, company_scope, company_tables, definitions, wiping
from store.company_purging import FILES, STAGES, Gone, Stage
from store.company_scope import Company
from store.session import reading, retrying, writing
from workers import quota

log = logging.getLogger("tieback.purge")

PASSES = 5
BREATH_S = 0.02
DOORS_KNOW_S = 0.5  # a door reads our hooks again at most every 0.2 s


@dataclass
class Purged:
    """`gone` counts by name what went, or would; `left` are sentences about what stays and is a person's to delete."""

    gone: Gone = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


def refuse(engine: Engine, settings: Settings, id: str) -> None:
    """Raises: ConfigError, with what to do, while its rows would come back or a worker has some of them."""
    with reading(engine) as db:
        of = company_scope.find(db, id)
        kept, working = company_scope.there(db, of), company_scope.working(db, of)
    loaded = {str(row.config.get("file")) for row in kept if row.source == "file"}
    if kept or (files := _in_the_site(settings.site, id)):
        files = sorted(loaded) if kept else files
        named = [f"tieback connector remove {row.name}" for row in kept if row.source != "file"]
        by_file = [f"take {one} out of the site, then: tieback rules apply" for one in files]
        raise ConfigError(
            f"company {id} still has a connector, so its rows would come back. Remove it first: {'; '.join([*named, *by_file])}"
        )
    if working:
        shown = ", ".join(f"{count} {name}" for name, count in working.items())
        raise ConfigError(
            f"workers are at work for company {id} ({shown}). Wait until they have ended (tieback runs list --state running), "
            "then do this again."
        )


def _in_the_site(site: Path, id: str) -> list[str]:
    """Files that say they lead there and were not read yet."""
    found = []
    for path in sorted((site / "connectors").glob("*.y*ml")):
        with suppress(OSError, UnicodeDecodeError, ConfigError):
            if definition.parse(yamlfile.parse(path.read_text("utf-8-sig"), path.name)).company_id == id:
                found.append(f"connectors/{path.name}")
    return found


def purge(engine: Engine, settings: Settings, id: str, *, dry: bool = False) -> Purged:
    """Take it away, or with `dry` count it. One that was ended half way is begun again and goes on.

    Raises: ConfigError as `refuse`, when work of it began meanwhile, or when Redis or the database file cannot be cleaned.
    """
    with reading(engine) as db:
        of = company_scope.find(db, id)
    if dry:
        return Purged(_counted(engine, settings, replace(of, dry=True)), _left(engine, settings, of))
    refuse(engine, settings, id)
    with writing(engine) as db:
        company_rest.close(db, of)
    time.sleep(DOORS_KNOW_S)
    left = _left(engine, settings, of)
    gone = _passes(engine, settings, of)
    _whole(engine, of, company_rest.rest, gone)
    quota.forget(settings, of.names)
    _whole(engine, of, company_purging.connectors, gone)
    with writing(engine) as db:
        definitions.changed(db)
        others = [table.name for table, _ in company_tables.emptied(db, of)]
    wiping.wipe(engine, others)
    log.info("purge.company", extra=about(company=id, **{"gone": sum(gone.values())}))
    return Purged(gone, left)


def _passes(engine: Engine, settings: Settings, of: Company) -> Gone:
    """Until nothing is found any more. Raises: ConfigError when something stays, since a worker has it."""
    gone: Gone = Counter()
    for _ in range(PASSES):
        gone.update(_pass(engine, settings, of))
        left = Counter(
            {name: count for name, count in _pass(engine, settings, replace(of, dry=True, told=set())).items() if count}
        )
        if not left:
            return gone
    shown = ", ".join(f"{count} {name}" for name, count in left.items())
    raise ConfigError(
        f"most of company {of.id} is deleted, but workers hold {shown} that name it. Wait a minute, then do the same again."
    )


def _pass(engine: Engine, settings: Settings, of: Company) -> Gone:
    gone: Gone = Counter()
    _whole(engine, of, company_rest.causes, gone)
    gone["files"] += len(_files(engine, settings, of)[0])
    for stage in STAGES:
        _through(engine, of, stage, gone)
    _users_tables(engine, of, gone)
    return gone


def _counted(engine: Engine, settings: Settings, of: Company) -> Gone:
    gone = _pass(engine, settings, of)
    _whole(engine, of, company_rest.rest, gone)
    _whole(engine, of, company_purging.connectors, gone)
    return gone


def _through(engine: Engine, of: Company, stage: Stage, gone: Gone) -> None:
    after: int | None = 0
    while after is not None:
        with reading(engine) as db:
            ids, after = company_purging.page(db, stage, of, after)
        if not ids:
            continue
        try:
            gone.update(_taken(engine, of, lambda db, ids=ids: stage.take(db, of, ids)))  # type: ignore[misc]
        except IntegrityError as error:  # somebody began to lean on one of these in this very moment: the next pass decides
            log.warning("purge.left", extra=about(error=error.orig))
        time.sleep(0.0 if of.dry else BREATH_S)  # whoever waits for the database comes first


def _whole(engine: Engine, of: Company, take: Callable[[Connection, Company], Gone], gone: Gone) -> None:
    gone.update(_taken(engine, of, lambda db: take(db, of)))


@retrying
def _taken(engine: Engine, of: Company, take: Callable[[Connection], Any]) -> Any:
    with (reading if of.dry else writing)(engine) as db:
        return take(db)


def _users_tables(engine: Engine, of: Company, gone: Gone) -> None:
    with reading(engine) as db:
        found = [(table, where, company_tables.spans(db, table)) for table, where in company_tables.emptied(db, of)]
    deal = company_tables.count if of.dry else company_tables.take
    for table, where, spans in found:
        for span in spans:
            gone[f"rows of {table.name}"] += _taken(
                engine,
                of,
                lambda db, table=table, where=where, span=span: deal(db, table, where, span),  # type: ignore[misc]
            )
            time.sleep(0.0 if of.dry else BREATH_S)


def _files(engine: Engine, settings: Settings, of: Company) -> tuple[set[str], list[str]]:
    """The files that went, or would, and those that stay since runs of others wrote them too; by path from the files root.

    What its runs wrote is known as long as they are kept; a folder that is named after the company is its own.
    """
    root = settings.files_root
    if not root.is_dir():
        return set(), []
    gone: set[str] = set()
    shared: list[str] = []
    for path in [*sorted(_written(engine, of, root)), *taking_away.named(root, of.id)]:
        with reading(engine) as db:
            kept = company_scope.others_wrote(db, of, path)
        if kept:
            shared.append(path)
        else:
            gone.update(taking_away.take_away(root, path, dry=of.dry))
    return gone, shared


def _written(engine: Engine, of: Company, root: Path) -> set[str]:
    found: set[str] = set()
    after: int | None = 0
    while after is not None:
        with reading(engine) as db:
            ids, after = company_purging.page(db, FILES, of, after)
            targets = company_scope.files(db, of, ids) if ids else ()
        found |= {_path_of(root, target) for target in targets}
    return found


def _path_of(root: Path, target: str) -> str:
    """`files:<path>`, `file <path>`, or `file <path> <record>` for the entries of a record in a calendar."""
    path = target.removeprefix("files:").removeprefix("file ")
    calendar = path.rpartition(" ")[0]
    return calendar if calendar.endswith(".ics") and not taking_away.is_file(root, path) else path


def _left(engine: Engine, settings: Settings, of: Company) -> list[str]:
    _, shared = _files(engine, settings, replace(of, dry=True, told=set()))
    with reading(engine) as db:
        tables = company_tables.left(db, of)
    return [*tables, *(f"file {path}: runs of others wrote it as well, so look into it yourself." for path in shared)]
