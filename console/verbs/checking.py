"""Check the files of a site, or any others, without running, calling or needing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from automations import checking, tables
from automations.checking import Checked
from automations.known import Known
from config import yamlfile
from config.errors import ConfigError
from config.problems import Mark, Problem, Problems, problem
from config.settings import Settings
from config.yamlfile import Node
from connectors import definition as connector_definition
from connectors import destinations
from console.verbs.at_hand import there
from store import connectors
from store.session import open_engine, reading
from workers import alert_file


def check(settings: Settings, paths: Sequence[Path]) -> Checked:
    """Everything wrong in these files or folders, or in the whole site when there are none.

    Needs no network and no secret. Connectors that were added by hand are known when the database can be read.
    """
    folder = site_of(settings, paths)
    files = checking.files_of(paths or _folders(folder))
    of_folder = {name: [file for file in files if file.parent.name == name] for name in ("connectors", "destinations")}
    told = [file for file in files if _tells(file)]
    rules = [file for file in files if file.parent.name not in of_folder and file not in told]
    checked = checking.check(rules, _known(settings, folder), None if paths else folder)
    for file in of_folder["connectors"]:
        _look(checked, file, None if paths else folder, connector_definition.parse)
    for file in of_folder["destinations"]:
        _look(checked, file, None if paths else folder, destinations.parse)
    there = set(_names(folder / "destinations", destinations.name_of)) if folder.is_dir() else None
    for file in told:
        _look(checked, file, None if paths else folder, lambda node: alert_file.of_node(node, there))
    if not paths:
        checked.problems += [*tables.lookups_in(folder / "lookups")[1], *tables.calendars_in(folder / "calendars")[1]]
    return checked


def _tells(file: Path) -> bool:
    return file.name == alert_file.FILE and file.parent.name != "automations"


def load_alone(settings: Settings, paths: Sequence[Path]) -> Checked:
    """The automations among these files, or of the site, however many of the connectors and destinations they name are there.

    For what calls nobody. Lookup tables and calendars count where the site has any.
    """
    folder = site_of(settings, paths)
    files = [
        file
        for file in checking.files_of(paths or _folders(folder))
        if file.parent.name not in ("connectors", "destinations") and not _tells(file)
    ]
    lookups, _ = tables.lookups_in(folder / "lookups")
    calendars, _ = tables.calendars_in(folder / "calendars")
    known = Known(lookups={name: one.item for name, one in lookups.items()} or None, calendars=set(calendars) or None)
    return checking.check(files, known, None if paths else folder)


def site_of(settings: Settings, paths: Sequence[Path]) -> Path:
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
    there = [folder / name for name in ("connectors", "destinations", "automations") if (folder / name).is_dir()]
    return [*there, folder / alert_file.FILE] if (folder / alert_file.FILE).is_file() else there


def _known(settings: Settings, folder: Path) -> Known:
    """What rules may name. Nothing is checked that cannot be known: no site and no database."""
    by_hand = _kept_connectors(settings, files_too=not folder.is_dir())
    if by_hand is None and not folder.is_dir():
        return Known()
    in_files = set(_names(folder / "connectors", lambda node: node.value["name"].value))
    there = set(_names(folder / "destinations", destinations.name_of))
    lookups, _ = tables.lookups_in(folder / "lookups")
    calendars, _ = tables.calendars_in(folder / "calendars")
    return Known(
        connectors=in_files | (by_hand or set()), destinations=there, calendars=set(calendars),
        lookups={name: one.item for name, one in lookups.items()},
    )  # fmt: skip


def _names(folder: Path, name_of: Callable[[Node], str]) -> Iterable[str]:
    """Names in a folder's files; a file that cannot be read says so elsewhere."""
    for file in checking.files_of([folder]) if folder.is_dir() else []:
        try:
            yield str(name_of(yamlfile.read(file)))
        except (ConfigError, KeyError, TypeError, AttributeError):
            continue


def _kept_connectors(settings: Settings, *, files_too: bool) -> set[str] | None:
    """Names in the database; None when there is none, or it cannot be read now.

    Where the site is at hand its files count, not what was loaded of them: one may have gone since.
    """
    try:
        there(settings)
        engine = open_engine(settings, pool_size=1)
    except ConfigError:
        return None
    try:
        with reading(engine) as db:
            return {row.name for row in connectors.every(db) if files_too or row.source != "file"}
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
