"""Automations: check them without running anything, put them in force, list them, and what they may name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from automations import checking
from automations.checking import Checked
from automations.known import Known
from config import yamlfile
from config.errors import ConfigError
from config.problems import Mark, Problem, Problems, did_you_mean, problem
from config.settings import Settings
from config.yamlfile import Node
from connectors import catalogue, destinations
from connectors import definition as connector_definition
from console.verbs.at_hand import AtHand, there
from store import connectors, definitions
from store.session import open_engine, reading
from workers import site

Dict = dict[str, Any]


def check(settings: Settings, paths: Sequence[Path]) -> Checked:
    """Everything wrong in these files or folders, or in the whole site when there are none.

    Needs no network and no secret. Connectors that were added by hand are known when the database can be read.
    """
    folder = _site_of(settings, paths)
    files = checking.files_of(paths or _folders(folder))
    of_folder = {name: [file for file in files if file.parent.name == name] for name in ("connectors", "destinations")}
    rules = [file for file in files if file.parent.name not in of_folder]
    checked = checking.check(rules, _known(settings, folder), None if paths else folder)
    for file in of_folder["connectors"]:
        _look(checked, file, None if paths else folder, connector_definition.parse)
    for file in of_folder["destinations"]:
        _look(checked, file, None if paths else folder, destinations.parse)
    return checked


def _site_of(settings: Settings, paths: Sequence[Path]) -> Path:
    """The site that the first path is part of, else the configured one."""
    for path in paths[:1]:
        for folder in (path, *path.absolute().parents):
            if folder.name == "automations":
                return folder.parent
            if (folder / "automations").is_dir() and (folder / "connectors").is_dir():
                return folder
    return settings.site


def _folders(folder: Path) -> list[Path]:
    """Raises: ConfigError when there is no site."""
    if not folder.is_dir():
        raise ConfigError(f"there is no site at {folder}. Name files, set TIEBACK_SITE, or make a site: tieback init {folder}")
    return [folder / name for name in ("connectors", "destinations", "automations") if (folder / name).is_dir()]


def _known(settings: Settings, folder: Path) -> Known:
    """What rules may name. Nothing is checked that cannot be known: no site and no database."""
    by_hand = _kept_connectors(settings)
    if by_hand is None and not folder.is_dir():
        return Known()
    in_files = set(_names(folder / "connectors", lambda node: node.value["name"].value))
    there = set(_names(folder / "destinations", destinations.name_of))
    return Known(connectors=in_files | (by_hand or set()), destinations=there)


def _names(folder: Path, name_of: Callable[[Node], str]) -> Iterable[str]:
    """Names in a folder's files; a file that cannot be read says so elsewhere."""
    for file in checking.files_of([folder]) if folder.is_dir() else []:
        try:
            yield str(name_of(yamlfile.read(file)))
        except (ConfigError, KeyError, TypeError, AttributeError):
            continue


def _kept_connectors(settings: Settings) -> set[str] | None:
    """Names in the database; None when there is none, or it cannot be read now."""
    try:
        there(settings)
        engine = open_engine(settings, pool_size=1)
    except ConfigError:
        return None
    try:
        with reading(engine) as db:
            return {row.name for row in connectors.every(db)}
    except DBAPIError:
        return None
    finally:
        engine.dispose()


def _look(checked: Checked, file: Path, folder: Path | None, parse: Callable[[Node], Any]) -> None:
    name = str(file.relative_to(folder)) if folder else str(file)
    try:
        checked.sources[name] = yamlfile.text(file, name)
        parse(yamlfile.parse(checked.sources[name], name))
    except ConfigError as error:
        checked.problems += _problems(error, name)


def _problems(error: ConfigError, name: str) -> list[Problem]:
    if isinstance(error, Problems):
        return error.found
    return [problem(Mark(name, 1, 1), "TB116", str(error).removeprefix(f"{name}: "))]


def apply(here: AtHand) -> list[str]:
    """Put the site in force now. Returns the messages of what does not load; what was in force of it stays."""
    if not here.settings.site.is_dir():
        raise ConfigError(
            f"there is no site at {here.settings.site}. Set TIEBACK_SITE, or make one: tieback init {here.settings.site}"
        )
    return site.load(here.engine, here.box, here.settings, here.actor)


def listed(here: AtHand) -> list[Dict]:
    with reading(here.engine) as db:
        return [_shown(row) for row in definitions.every(db)]


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
        "batch": "I" in row.filters,
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
